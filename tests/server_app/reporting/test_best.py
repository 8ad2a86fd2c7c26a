"""The best so far, in words."""

from __future__ import annotations

import pytest

from server_app.reporting.best import figure, why_lower, worth, worth_at_rung
from server_app.reporting.lines import line_of

BEFORE = {
    "trial": "trial-0003",
    "score": 0.93,
    "values": {"accuracy": 0.93},
    "rung": 1,
    "feasible": True,
    "failed": False,
}


def best(before=None, **fields):
    event = {"trial": "trial-0007", "score": 0.91, "values": {"accuracy": 0.91}, "rung": 2, "feasible": True}
    told = {} if before is None else {"before": {**BEFORE, **before}}
    return {"event": "best", **event, **told, **fields}


@pytest.mark.parametrize(
    ("event", "why"),
    [
        (best(), ""),
        (best({"score": 0.91}), ""),
        (best({"score": 0.9}), ""),
        (best({}), "trial-0003 had accuracy 0.9300 at rung 1: scores of different rungs do not compare"),
        (
            best({"trial": "trial-0007"}),
            "it had accuracy 0.9300 at rung 1: scores of different rungs do not compare",
        ),
        (best({"rung": 3, "failed": True}), "trial-0003 had accuracy 0.9300 at rung 3, and failed"),
        (best({"rung": 2, "feasible": False}), "trial-0003 had accuracy 0.9300, but breaks a hard constraint"),
        (
            best({"rung": 2}),
            "trial-0003 had accuracy 0.9300 from other nodes: trials are compared over those that they have in common",
        ),
        (
            best({"rung": 2, "feasible": False}, feasible=False),
            "trial-0003 had accuracy 0.9300, but breaks hard constraints by more",
        ),
        # a mean squared error: less is better, and the score is its negative
        (best({"score": -5.0, "values": {"mse": 5.0}}, score=-6.0, values={"mse": 6.0}), "trial-0003 had mse 5.0000"),
        (best({"score": -6.0, "values": {"mse": 6.0}}, score=-5.0, values={"mse": 5.0}), ""),
    ],
)
def test_a_best_that_scores_lower_is_explained(event, why):
    found = why_lower(event)
    assert found.startswith(why)
    assert bool(found) == bool(why)


def test_the_line_of_the_best_says_so():
    assert line_of(best()) == "trial-0007 is the best so far: accuracy 0.9100 at rung 2"
    assert line_of(best({})) == (
        "trial-0007 is the best so far: accuracy 0.9100 at rung 2 "
        "(trial-0003 had accuracy 0.9300 at rung 1: scores of different rungs do not compare)"
    )


def test_values_have_the_units_of_their_objectives():
    assert worth({}) == "no score"
    assert worth_at_rung(best(values={"mse": 3050.25, "macs": 1200.0})) == "mse 3050.2, macs 1,200 at rung 2"
    assert figure(0.5) == "0.5000"


def test_of_a_front_the_knee_moves():
    told = why_lower(best({"rung": 2}, front=3))
    assert told == "trial-0003 had accuracy 0.9300: the knee of the front has moved, which has 3 members now"
