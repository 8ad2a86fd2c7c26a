from __future__ import annotations

import pytest

from common.architecture.cost import cost_of
from server_app.report.fronts import front_of, fronts_of
from server_app.report.history import history_of
from tests.server_app.report.conftest import TASK, spec_of


@pytest.fixture
def history(written):
    """Five trials of one rung: wider costs more; the third is worse than the first, the last breaks a constraint."""
    for number, (width, value) in enumerate([(3, 0.6), (5, 0.7), (5, 0.5), (8, 0.7), (8, 0.9)]):
        written.proposed(number, width).scored(f"trial-{number:04d}", 1, value, 1, feasible=number < 4)
    written.proposed(5, 3).add("failed", trial="trial-0005", rung=0, score=None, values={}, reason="")
    return history_of(written.events)


def test_nobody_on_the_front_is_beaten_in_both_and_it_goes_along_the_cost(history):
    assert front_of(history, "macs", "min") == [0, 1]
    assert cost_of(spec_of(3).lower(TASK)).macs < cost_of(spec_of(5).lower(TASK)).macs


def test_a_lower_rung_does_not_compare(history):
    history.trials[3]["rung"] = 2
    assert front_of(history, "macs", "min") == [3]


def test_where_less_is_better_the_least_is_on_the_front(history):
    history.direction = "min"
    assert front_of(history, "macs", "min") == [0, 2]


def test_of_one_objective_fronts_are_against_what_networks_cost(history):
    found = fronts_of(history, {}, None, None)
    assert (found["several"], [panel["x"] for panel in found["panels"]]) == (False, ["macs", "parameters"])


def test_of_several_objectives_they_are_against_the_others_with_the_members_of_the_run(history, base_config):
    config = base_config.__class__(**{**vars(base_config), "objective": {"name": "pareto"}})
    result = {"front": [{"trial": 1}, {"trial": 0}], "hypervolume": 0.5, "reference": {"accuracy": 0.1}}
    found = fronts_of(history, result, config, TASK)
    assert [(panel["x"], panel["direction"]) for panel in found["panels"]] == [("macs", "min")]
    assert (found["several"], found["members"], found["hypervolume"]) == (True, [1, 0], 0.5)
