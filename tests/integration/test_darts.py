"""A small search by gradients, over cells of all operations."""

from __future__ import annotations

from importlib.util import find_spec

import pytest

from common.architecture.cost import cost_of
from common.architecture.spec import ArchitectureSpec
from common.tasks import task_from_record
from tests.support.killing import Killable, Moment, check

pytestmark = pytest.mark.simulation

NODES, ROUNDS, LEVEL = 3, 4, 2
SMALL = (
    "space=cell",
    "space.form=nasbench201",
    "space.nodes=2",
    "space.cells=[3,4]",
    "space.channels=[2,4]",
    "controller=darts",
    f"controller.rounds={ROUNDS}",
    "controller.warm_up=0",
    "controller.levels=2",
    "controller.order=second",
    "controller.partial_channels=2",
    "controller.max_skips=null",
    "controller.recipes=1",
    "search.trials=20",
    "final.rounds=1",
    f"federation.nodes={NODES}",
)


BEGINNING = ("fidelity=full", "fidelity.max_rounds=1", "final.finalists=1", "final.seeds=1", "final.checkpoints=1")


def test_nodes_learn_what_to_train_and_then_train_it(search, tmp_path):
    run = search(tmp_path / "run", *SMALL)
    assert run.process.returncode == 0, run.output
    assert run.result["status"] == "finished"
    assert [event["round"] for event in run.kinds("alphas")] == list(range(1, ROUNDS + 1))
    assert f"after a bilevel search of {ROUNDS} rounds" in run.output
    best = {row["spec_id"]: row["spec"] for row in run.history}[run.result["bilevel"]["found"][0]]
    cells, channels = best["cells"], best["channels"]
    said = f"The bilevel search ends after 4 rounds. It comes to {cells} nasbench201 cells from {channels}"
    assert said in run.output
    task = task_from_record(run.result["task"])
    specs = [ArchitectureSpec.from_dict(event["spec"]) for event in run.kinds("proposed")[:2]]
    costs = [cost_of(spec.lower(task)) for spec in specs]
    sizes = [cost.parameters + cost.buffers + spec.num_alphas for cost, spec in zip(costs, specs, strict=True)]
    assert sizes[1] < sizes[0]
    assert run.result["bytes"]["bilevel"] == 2 * 4 * NODES * LEVEL * sum(sizes), "both arrays travel, there and back"
    assert len(run.history) == 2
    assert {row["spec_id"] for row in run.history} == set(run.result["bilevel"]["found"])
    assert run.result["winner"]["origin"] == "discretized"
    assert (run.folder / "alphas.png").is_file() == (find_spec("matplotlib") is not None)


@pytest.mark.thorough
def test_killed_between_rounds_and_resumed_equals_never_interrupted(tmp_path):
    """Once the second network has trained its first round."""
    settings = (*BEGINNING, *SMALL)
    whole = Killable(tmp_path / "whole" / "killable", settings=settings)
    whole.finish(whole.start())
    (line,) = [
        at for at, event in enumerate(whole.lines()) if event["event"] == "alphas" and event["round"] == LEVEL + 1
    ]
    run = Killable(tmp_path / "run" / "killable", settings=settings)
    before = run.kill_at(run.start(), Moment(line + 1))
    assert before[-1]["event"] != "end"
    output = run.finish(run.resume())
    check(run, whole, before)
    assert "of 4 rounds of the bilevel search" in output
    assert "Traceback" not in output
