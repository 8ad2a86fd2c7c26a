"""Fronts of searches that were put together by hand; hypervolumes against counting."""

import doctest
import itertools
import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.architecture.cost import cost_of
from common.config import compose_config
from common.groups import FinalConfig
from server_app import front
from server_app.candidates import models_to_train
from server_app.front import hypervolume, measured, num_of_front, of_front, reference_point
from server_app.objectives.base import Objective
from server_app.objectives.pareto import Pareto
from server_app.outcome import Counts, Outcome
from server_app.results import write_results
from server_app.scores import Score
from server_app.trials import Recipe, Trial, TrialState
from tests.server_app.test_results import SPECS, TASK, final_of, search_of

ACCURACY, MACS = Objective("accuracy", "max"), Objective("macs", "min")
NUMBERS = {spec: cost_of(spec.lower(TASK)).parameters for spec in SPECS}
FINAL = FinalConfig(rounds=1, min_steps=0, finalists=3, seeds=1, baseline="portfolio")


def trial_at(number, accuracy, log_macs, *, spec=0, like=None, rung=1, feasible=True):
    """A trial that has ended, with a recipe of its own, or that of another; costs are compared by their logarithm."""
    recipe = Recipe(learning_rate=0.01 * (1 + (number if like is None else like)))
    values = {"accuracy": accuracy, "macs": 2.0**log_macs}
    scores = [
        Score(step, step, accuracy, values, feasible=feasible, further=(-log_macs,), violation=0.0 if feasible else 0.5)
        for step in range(1, rung + 1)
    ]
    return Trial(number, SPECS[spec], recipe, state=TrialState.FINISHED, rounds=rung, scores=scores)


def search_with(*trials, **options):
    search = search_of(list(trials), {})
    search.objectives = Pareto(TASK.head, Pareto.Options(**options))
    return search


def numbers(trials):
    return [trial.number for trial in trials]


def test_the_examples():
    assert doctest.testmod(front).failed == 0
    assert doctest.testmod(front).attempted == 7


COORDINATES = st.integers(-1, 4)


@given(st.sampled_from([2, 3]).flatmap(lambda size: st.lists(st.tuples(*[COORDINATES] * size), max_size=6)), st.data())
def test_a_hypervolume_is_the_number_of_unit_cubes_that_a_point_dominates(points, data):
    """From the reference 0 on; of what lies below it nothing counts. Each objective may be one to lower."""
    size = len(points[0]) if points else 2
    ways = [data.draw(st.sampled_from(["max", "min"])) for _ in range(size)]
    terms = [Objective(f"term{axis}", way) for axis, way in enumerate(ways)]
    values = [{t.name: t.oriented(float(x)) for t, x in zip(terms, point, strict=True)} for point in points]
    cubes = sum(
        any(all(corner < x for corner, x in zip(cube, point, strict=True)) for point in points)
        for cube in itertools.product(range(4), repeat=size)
    )
    assert hypervolume(terms, values, {term.name: 0.0 for term in terms}) == pytest.approx(cubes)


def test_a_reference_point_lies_beyond_what_is_all_the_same():
    values = [{"accuracy": 0.5, "macs": 0.0}] * 2
    assert reference_point([ACCURACY, MACS], values) == {"accuracy": pytest.approx(0.45), "macs": 0.1}


def test_the_knee_comes_first_and_wins():
    """The middle one gives up a quarter of the accuracy and 2 of 10 halvings of the cost; the fourth is dominated."""
    search = search_with(trial_at(0, 0.9, 20), trial_at(1, 0.5, 10), trial_at(2, 0.8, 12), trial_at(3, 0.7, 13))
    assert numbers(search.front) == [2, 0, 1]
    assert search.winner.number == 2
    assert numbers(search.ranking) == [2, 0, 1, 3]


def test_who_was_stopped_earlier_is_not_of_the_front():
    search = search_with(trial_at(0, 0.99, 1), trial_at(1, 0.5, 10, rung=2))
    assert numbers(search.front) == [1]
    assert measured(search)["reference"] == {"accuracy": pytest.approx(0.45), "macs": pytest.approx(1.1 * 2**10)}


def test_equal_members_are_all_of_the_front_and_one_network_is_there_once():
    search = search_with(trial_at(0, 0.9, 20), trial_at(1, 0.9, 20), trial_at(2, 0.9, 20, like=0))
    assert numbers(search.front) == [0, 1]
    assert numbers(of_front(search, replace(FINAL, front="all"))) == [0, 1]


def test_where_no_trial_keeps_the_constraints_there_is_no_front():
    search = search_with(trial_at(0, 0.9, 20, feasible=False), trial_at(1, 0.5, 10, feasible=False))
    assert search.winner is not None
    assert numbers(of_front(search, replace(FINAL, front="all"))) == [search.winner.number]
    assert measured(search) == {"hypervolume": 0.0, "reference": None}


def test_without_a_score_there_is_nothing():
    failed = replace(trial_at(0, 0.9, 20), state=TrialState.FAILED)
    assert (search_with(failed).front, of_front(search_with(failed), FINAL)) == ([], [])


def test_a_reference_of_one_s_own_is_measured_from():
    search = search_with(trial_at(0, 0.75, 10), reference={"primary": 0.25, "macs": 2.0**11})
    assert measured(search) == {"hypervolume": 0.5 * 2**10, "reference": {"accuracy": 0.25, "macs": 2.0**11}}


def test_with_one_objective_the_winner_is_alone():
    search = search_of([trial_at(0, 0.9, 20), trial_at(1, 0.9, 20)], {})
    assert numbers(search.front) == [0]


@pytest.mark.parametrize(("how", "expected"), [("knee", 1), ("all", 4), (3, 3), (9, 4)])
def test_how_many_are_trained_to_the_end(how, expected):
    assert num_of_front(replace(FINAL, front=how), 4) == expected
    assert num_of_front(replace(FINAL, front=how), 0) == 0


def test_as_many_models_train_as_are_said():
    """Winner, baseline and linear model with each seed, the constant one once, and two more of the front."""
    assert models_to_train(replace(FINAL, seeds=2, front=3), several=True) == {"finalist": 0, "final": 2 * 5 + 1}
    assert models_to_train(replace(FINAL, seeds=2, front="all"), several=True) == {"finalist": 0, "final": 2 * 3 + 1}


def test_the_run_folder_has_the_front_its_models_and_a_picture(tmp_path):
    found = search_with(trial_at(0, 0.9, 20), trial_at(1, 0.5, 10, spec=1), trial_at(2, 0.8, 12, spec=2))
    assert numbers(found.front) == [2, 0, 1]
    test = Score(1, 1, 0.75, {"accuracy": 0.75}, {"accuracy": 0.75})
    runs = {
        role: replace(found.trials[place], number=n, rounds=4, scores=[test])
        for n, (role, place) in enumerate({"winner": 2, "trial-0000": 0}.items())
    }
    weights = {run.number: np.zeros(NUMBERS[run.spec], dtype=np.float32) for run in runs.values()}
    final = final_of(runs, weights)
    final.exported = ("trial-0000",)
    config = compose_config(["objective=pareto", "final.front=2", "final.rounds=1", "final.seeds=1"])
    result = write_results(tmp_path, config, Outcome(TASK, {}, found, Counts(), final=final), "finished")
    assert [(one["trial"], one["knee"], one["folder"]) for one in result["front"]] == [
        (2, True, "best"),
        (0, False, "front/trial-0000"),
        (1, False, None),
    ]
    assert [one["test"] for one in result["front"]] == [{"accuracy": 0.75}, {"accuracy": 0.75}, {}]
    assert result["hypervolume"] > 0
    assert json.loads((tmp_path / "best" / "spec.json").read_text())["id"] == SPECS[2].id
    assert json.loads((tmp_path / "front" / "trial-0000" / "spec.json").read_text())["id"] == SPECS[0].id
    assert (tmp_path / "front.png").read_bytes().startswith(b"\x89PNG")
