"""Trains candidates one after the other, each with Flower's own `FedAvg.start`."""

import json
import time
from pathlib import Path

from flwr.app import ArrayRecord, ConfigRecord, Context
from flwr.serverapp import Grid, ServerApp
from flwr.serverapp.strategy import FedAvg

from common.architecture.spec import ArchitectureSpec
from common.models.builder import build
from common.tasks import Classification, Task

app = ServerApp()


@app.main()
def main(grid: Grid, context: Context) -> None:
    """Train and evaluate all candidates; write their seconds and accuracies."""
    config = context.run_config
    nodes, found = int(config["nodes"]), []
    while len(list(grid.get_node_ids())) < nodes:
        time.sleep(0.1)
    for text in json.loads(str(config["candidates"])):
        began = time.time()
        spec = ArchitectureSpec.from_dict(text["spec"])
        task = Task(tuple(text["input_shape"]), Classification(text["num_classes"]))
        strategy = FedAvg(min_available_nodes=nodes, min_train_nodes=nodes, min_evaluate_nodes=nodes)
        options = {name: str(config[name]) for name in ("dataset", "training", "loop")}
        train_config = ConfigRecord({"spec": json.dumps(text), "seed": int(config["seed"]), **options})
        result = strategy.start(
            grid=grid,
            initial_arrays=ArrayRecord(build(spec.lower(task)).state_dict()),
            num_rounds=int(config["rounds"]),
            train_config=train_config,
            evaluate_config=train_config,
        )
        accuracy = {number: dict(metrics) for number, metrics in result.evaluate_metrics_clientapp.items()}
        found.append({"spec_id": spec.id, "began": began, "ended": time.time(), "accuracy": accuracy})
        Path(str(config["out"])).write_text(json.dumps(found), encoding="utf-8")
