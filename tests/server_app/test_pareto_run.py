"""Searches with several objectives, to their end (Flower's grid, real ClientApps)."""

import pytest

from common.errors import SpaceError
from server_app.pareto import nondominated
from server_app.results import result_of

SPACE = {"name": "layered", "max_layers": 2, "width": [3, 5, 8], "operations": ["linear"]}
HALVING = {"name": "successive_halving", "max_rounds": 2, "min_steps": 0, "eta": 2, "bracket_size": 4}


@pytest.fixture
def config(configure):
    def make(**changes):
        whole = {
            "objective": {"name": "pareto"},
            "controller": {"name": "nsga2", "population_size": 3},
            "space": SPACE,
            "search": {"trials": 6, "concurrency": 3},
            "final": {"front": "all", "finalists": 3, "seeds": 2},
        }
        return configure(**{**whole, **changes})

    return make


def test_a_front_is_found_trained_and_tested(grid, play, config):
    grid.people("abcd")
    settings = config()
    played = play(grid, settings)
    assert played.error is None
    outcome = played.strategy.outcome
    points = {(t.score, -float(t.scores[-1].values["macs"])) for t in played.search.trials}
    front = played.search.front
    assert {(t.score, -t.scores[-1].values["macs"]) for t in front} == nondominated(points)
    assert outcome.finalists is None, "a mean score cannot choose among them"
    assert outcome.winner is front[0]
    roles = list(outcome.final.candidates)
    assert roles == ["winner", "baseline", "linear", "constant", *(f"trial-{t.number:04d}" for t in front[1:])]
    result = result_of(settings, outcome, "finished")
    assert [member["trial"] for member in result["front"]] == [trial.number for trial in front]
    assert all(len(member["tests"]) == 2 and all(member["tests"]) for member in result["front"])
    assert result["hypervolume"] > 0
    assert set(result["reference"]) == {"accuracy", "macs"}
    assert played.kinds("best")[-1]["front"] == len(front)


def test_rungs_go_by_fronts(grid, play, config):
    """Of each bracket of four the two go on that no other of its rung comes before."""
    grid.people("abcd")
    fidelity = {**HALVING, "doubt": 0.0}
    played = play(grid, config(fidelity=fidelity, search={"trials": 4, "concurrency": 4}), final=False)
    assert played.error is None
    scores = {trial.number: trial.scores[0] for trial in played.search.trials}
    points = {number: (score.value, score.further[0]) for number, score in scores.items()}
    promoted = {trial.number for trial in played.search.trials if trial.rung == 2}
    best = nondominated(points.values())
    assert len(promoted) == 2
    assert len(best) == 1 or all(points[number] in best for number in promoted)


def test_what_no_trial_keeps_leaves_no_front_and_the_one_that_breaks_it_least(grid, play, config):
    grid.people("abcd")
    settings = config(
        objective={"name": "pareto", "constraints": {"loss": {"max": 0.0}}}, search={"trials": 3, "concurrency": 3}
    )
    played = play(grid, settings)
    result = result_of(settings, played.strategy.outcome, "finished")
    assert (result["front"], result["hypervolume"], result["reference"]) == ([], 0.0, None)
    best = max(trial.score for trial in played.search.trials)
    assert (result["winner"]["score"], result["winner"]["feasible"]) == (best, False)


def test_what_no_network_keeps_is_said_before_anything_is_trained(grid, play, config):
    grid.people("abcd")
    settings = config(objective={"name": "pareto", "constraints": {"macs": {"max": 1.0}}})
    played = play(grid, settings, final=False)
    assert isinstance(played.error, SpaceError)
    assert "macs must be 1 at most" in str(played.error)
    assert played.counts["proposed"] == 0


def test_one_number_of_several_objectives_ranks(grid, play, config):
    grid.people("abcd")
    settings = config(objective={"name": "weighted", "weights": {"macs": 1.0}}, final={"finalists": 2, "seeds": 1})
    played = play(grid, settings)
    assert played.error is None
    best = played.search.ranking[0].scores[-1]
    assert best.value == best.values["weighted"]
    assert list(best.values) == ["weighted", "accuracy", "macs"]
    cheapest = min(trial.scores[-1].values["macs"] for trial in played.search.trials)
    assert best.values["macs"] == cheapest, "a halving of the cost is worth all of the accuracy"
    assert played.search.front == [played.search.winner]
