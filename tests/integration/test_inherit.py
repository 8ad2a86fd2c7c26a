"""A small search whose trials start from the weights of their parents."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.simulation

SMALL = (
    "controller=evolution",
    "controller.population_size=2",
    "controller.sample_size=2",
    "fidelity=successive_halving",
    "fidelity.max_rounds=2",
    "fidelity.bracket_size=2",
    "fidelity.eta=2",
    "weights=inherit",
    "search.trials=6",
    "space.skip=0",
    "space.norm=[none]",
    "final.rounds=1",
    "federation.nodes=3",
)


def test_children_start_from_their_parents_and_the_final_training_from_scratch(search, tmp_path):
    run = search(tmp_path / "run", *SMALL)
    assert run.process.returncode == 0, run.output
    proposed = {event["trial"]: event["parent"] for event in run.kinds("proposed")}
    children = {name: f"trial-{parent:04d}" for name, parent in proposed.items() if parent is not None}
    assert children
    told = run.kinds("inherits")
    assert {event["trial"]: event["parent"] for event in told} == children
    assert len(told) == len(children), "each once"
    assert {type(event["preserved"]) for event in told} == {bool}
    order = [(event["event"], event.get("trial")) for event in run.events]
    for child, parent in children.items():
        assert order.index(("inherits", child)) < order.index(("round", child))
        ends = [order.index((end, parent)) for end in ("finished", "stopped") if (end, parent) in order]
        assert ends[0] < order.index(("proposed", child))
    assert not any(name.startswith("final") for name in children)
    assert "starts from the weights of trial-" in run.output
