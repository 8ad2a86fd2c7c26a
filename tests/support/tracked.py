"""What trackers have written, read back with the readers of their own libraries.

Each function returns the numbers of a run folder by name, as pairs of step and value in the order of the steps.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

Series = dict[str, list[tuple[int, float]]]


def tensorboard(folder: Path) -> Series:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    read = EventAccumulator(str(folder / "tensorboard"), size_guidance={"scalars": 0})
    read.Reload()
    return {name: [(each.step, each.value) for each in read.Scalars(name)] for name in read.Tags()["scalars"]}


def mlflow(folder: Path) -> Series:
    from mlflow import MlflowClient

    client = MlflowClient(f"sqlite:///{folder / 'mlflow.db'}")
    (run,) = client.search_runs([each.experiment_id for each in client.search_experiments()])
    found: Series = {}
    for name in run.data.metrics:
        history = client.get_metric_history(run.info.run_id, name)
        found[name] = sorted((metric.step, metric.value) for metric in history)
    return found


def wandb(folder: Path) -> Series:
    """Of all parts of a run: later ones are those after an interruption, whose steps count instead of earlier ones."""
    rows: dict[int, dict[str, float]] = {}
    paths = sorted((folder / "wandb").glob("offline-run-*/*.wandb"), key=lambda path: path.stat().st_mtime_ns)
    assert len({path.name for path in paths}) == 1  # the id
    for path in paths:
        rows |= dict(_history(path))
    found: Series = {}
    for step, values in sorted(rows.items()):
        for name, value in values.items():
            found.setdefault(name, []).append((step, value))
    return found


def table(folder: Path) -> Series:
    found: Series = {}
    for line in (folder / "scalars.csv").read_text().splitlines():
        step, name, value = line.split(",")
        found.setdefault(name, []).append((int(step), float(value)))
    return found


READERS: dict[str, Callable[[Path], Series]] = {
    "tensorboard": tensorboard,
    "mlflow": mlflow,
    "wandb": wandb,
    "tests.examples.table:Table": table,
}


def _history(path: Path) -> Iterator[tuple[int, dict[str, float]]]:
    from wandb.proto import wandb_internal_pb2

    for data in _records(path.read_bytes()):
        record = wandb_internal_pb2.Record()
        record.ParseFromString(data)
        if record.WhichOneof("record_type") == "history":
            items = {".".join(i.nested_key) or i.key: json.loads(i.value_json) for i in record.history.item}
            yield items["_step"], {name: value for name, value in items.items() if not name.startswith("_")}


def _records(content: bytes) -> Iterator[bytes]:
    """Yield the records of a log of wandb: in blocks of 32 KB, each in pieces with checksum, length and kind."""
    at, parts = 7, b""  # after the file's own header
    while at + 7 <= len(content):
        left = -at % 32768
        if 0 < left < 7:
            at += left
            continue
        length, kind = int.from_bytes(content[at + 4 : at + 6], "little"), content[at + 6]
        parts += content[at + 7 : at + 7 + length]
        at += 7 + length
        if kind in (1, 4):  # whole, or the last piece
            yield parts
            parts = b""
