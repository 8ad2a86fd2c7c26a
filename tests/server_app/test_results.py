"""What a run leaves behind, from an outcome that was put together by hand."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from importlib.metadata import version

import numpy as np
import pytest

from common import __version__
from common.architecture.cost import cost_of
from common.architecture.kinds.constant import ConstantSpec
from common.architecture.kinds.layered import LayeredSpec
from common.architecture.kinds.layers import Linear
from common.architecture.spec import ArchitectureSpec
from common.errors import StorageError
from common.limits import Limits
from common.models.builder import flat_state
from common.models.export import load_model
from common.tasks import Classification, Task
from server_app.aggregation.fedavg import FedAvg
from server_app.blobs import Blobs
from server_app.candidates import ROLES
from server_app.controllers.random import Random
from server_app.fidelity.full import Full
from server_app.journal import Journal
from server_app.objectives.accuracy import Accuracy
from server_app.outcome import Counts, Outcome
from server_app.placement.shared import Shared
from server_app.results import result_of, write_config, write_results
from server_app.scores import NodeScore, Score
from server_app.scoring import Scoring
from server_app.spaces.listed import ListedSpace
from server_app.stages.final import Final
from server_app.stages.finalists import Finalists
from server_app.stages.search import Search
from server_app.trials import Ledger, Recipe, Trial, TrialState
from server_app.weights.scratch import Scratch
from tests.support.spaces import with_one_recipe

TASK = Task((4,), Classification(3, ("x", "y", "z")))
SPECS = [LayeredSpec((Linear(width=width, norm="none"),)) for width in (2, 3, 5)]
LINEAR, CONSTANT = LayeredSpec(()), ConstantSpec()
SIZES = {SPECS[0]: 4 * 2 + 2 + 2 * 3 + 3, SPECS[1]: 4 * 3 + 3 + 3 * 3 + 3, LINEAR: 4 * 3 + 3, CONSTANT: 3}
"""Numbers in the state: of a hidden layer of 2 or 3, of a classifier alone, of its bias; for 4 features, 3 classes."""


def store(weights):
    """Weights of some trials, by number."""
    blobs = Blobs(None)
    made = Scratch(TASK, 0, FedAvg, blobs)
    arrays = [[number, blobs.put_state({"weights": array})] for number, array in weights.items()]
    made.load_state_dict({"arrays": arrays, "rules": [], "earlier": []})
    return made


def search_of(trials, weights):
    space = ListedSpace(TASK, ListedSpace.Options([spec.to_dict() for spec in SPECS]))
    search = Search(
        seed=0,
        concurrency=1,
        deadline=1.0,
        controller=Random(with_one_recipe(space), 0, 3),
        fidelity=Full(),
        placement=Shared(0, 1),
        weights=store(weights),
        objectives=Accuracy(TASK.head),
        scoring=Scoring(),
        journal=Journal(),
    )
    search.trials = trials
    return search


def final_of(trials, weights):
    """A final training of these, by role."""
    final = Final(
        seed=0,
        deadline=1.0,
        candidates={role: trial.identity for role, trial in trials.items()},
        rounds=4,
        cost=lambda spec: cost_of(spec.lower(TASK)),
        placement=Shared(0, 1),
        weights=store(weights),
        objectives=Accuracy(TASK.head),
        scoring=Scoring("test"),
        journal=Journal(),
    )
    final.trials = list({trial.number: trial for trial in trials.values()}.values())
    return final


def trial(number, spec, score, state=TrialState.FINISHED, **fields):
    made = Trial(number, spec, origin="sample", state=state, **fields)
    if score is not None:
        made.scores = [Score(1, made.rounds, score, {"accuracy": score}, {"accuracy": score})]
    return made


@pytest.fixture
def outcome():
    """Three trials, the second of which won, and the final training of it, the first one as baseline, and others."""
    trials = [
        trial(0, SPECS[0], 0.5, rounds=2, ledger=Ledger(10, 20, 0.25, 1000)),
        trial(1, SPECS[1], 0.75, rounds=2, ledger=Ledger(30, 40, 0.5, 2000)),
        trial(2, SPECS[2], None, TrialState.FAILED, rounds=1, failure="It diverged.", ledger=Ledger(5, 0, 1.0)),
    ]
    finals = {
        "winner": trial(0, SPECS[1], 0.7, rounds=4, ledger=Ledger(100, 200, 2.0, 70)),
        "baseline": trial(1, SPECS[0], 0.6, rounds=4, ledger=Ledger(1, 2, 0.5)),
        "linear": trial(2, LINEAR, 0.5, rounds=4, ledger=Ledger(3, 4, 0.25, 5)),
        "constant": trial(3, CONSTANT, 0.4, rounds=4, ledger=Ledger(5, 6, 0.25)),
    }
    weights = {final.number: np.arange(SIZES[final.spec], dtype=np.float32) for final in finals.values()}
    return Outcome(
        TASK,
        {"a": Limits(), "b": Limits(max_macs=500)},
        search_of(trials, {}),
        Counts(exchanges=9, messages=20, bytes_down=1000, bytes_up=500),
        final=final_of(finals, weights),
        seconds={"search": 1.23456, "start_up": 0.5, "final": 2.0},
    )


@pytest.fixture
def config(configure):
    return configure(seed=3, run={"name": "by hand"})


def test_all_that_were_tested_stand_side_by_side(config, outcome):
    result = result_of(config, outcome, "finished")
    winner, baseline, linear, constant = (result[role] for role in ROLES)
    assert (winner["trial"], winner["id"], winner["score"]) == (1, SPECS[1].id, 0.75)
    assert (winner["validation"], winner["test"]) == ({"accuracy": 0.75}, {"accuracy": 0.7})
    assert winner["tests"] == [winner["test"]]
    # a hidden layer of 3 and a classifier of 3 on 4 features, with biases; 4 bytes a number
    assert (winner["parameters"], winner["macs"], winner["message_bytes"]) == (27, 4 * 3 + 3 * 3, 4 * 27)
    assert winner["bytes_sent"] == 100 + 200
    assert ArchitectureSpec.from_dict(winner["spec"]) == SPECS[1]
    assert winner["architecture"] == "linear 3"
    for entry, accuracy, spec, sent in (
        (baseline, 0.6, SPECS[0], 1 + 2),
        (linear, 0.5, LINEAR, 3 + 4),
        (constant, 0.4, CONSTANT, 5 + 6),
    ):
        assert (entry["trial"], entry["score"], entry["validation"]) == (None, None, {})
        assert (entry["test"], entry["parameters"]) == ({"accuracy": accuracy}, SIZES[spec])
        assert (entry["id"], entry["bytes_sent"]) == (spec.id, sent)
    assert [result[role]["origin"] for role in ROLES] == ["sample", "given", "reference", "reference"]


def test_a_baseline_of_the_portfolio_is_that_trial_of_the_search(configure, outcome):
    outcome.search.trials[0].origin = "portfolio"
    baseline = result_of(configure(final={"baseline": "portfolio"}), outcome, "finished")["baseline"]
    assert (baseline["trial"], baseline["origin"], baseline["score"]) == (0, "portfolio", 0.5)
    assert (baseline["validation"], baseline["test"]) == ({"accuracy": 0.5}, {"accuracy": 0.6})


def test_without_a_baseline_there_is_none(configure, outcome):
    outcome.final = final_of({"winner": trial(0, SPECS[1], 0.7), "linear": trial(1, LINEAR, 0.5)}, {})
    result = result_of(configure(final={"baseline": "portfolio"}), outcome, "finished")
    assert result["baseline"] is result["constant"] is None
    assert result["linear"]["test"] == {"accuracy": 0.5}


def test_a_test_belongs_to_the_spec_with_its_recipe(config, outcome):
    outcome.search.trials[1].recipe = Recipe(learning_rate=0.5)
    ours, theirs = trial(0, SPECS[1], 0.9, recipe=Recipe(learning_rate=0.5)), trial(1, SPECS[1], 0.1)
    outcome.final = final_of({"winner": ours, "baseline": theirs}, {})
    result = result_of(config, outcome, "finished")
    assert (result["winner"]["test"], result["baseline"]["test"]) == ({"accuracy": 0.9}, {"accuracy": 0.1})
    assert result["winner"]["recipe"]["learning_rate"] == 0.5


def test_a_winner_that_breaks_a_constraint_is_told(config, outcome):
    assert result_of(config, outcome, "finished")["winner"]["feasible"] is True
    outcome.search.trials[1].scores = [Score(1, 2, 0.75, feasible=False)]
    outcome.search.trials[0].scores = [Score(1, 2, 0.5, feasible=False)]
    assert result_of(config, outcome, "finished")["winner"]["feasible"] is False


def test_all_that_was_done_is_counted(config, outcome):
    result = result_of(config, outcome, "finished")
    assert result["counts"] == {
        "trials": 3,
        "states": {"finished": 2, "failed": 1},
        "rounds": 2 + 2 + 1 + 4 * 4,
        "exchanges": 9,
        "messages": 20,
        "bytes_down": 1000,
        "bytes_up": 500,
        "nodes": 2,
    }
    assert result["seconds"] == {"start_up": 0.5, "search": 1.235, "final": 2.0}
    assert result["node_seconds"] == {"search": 0.25 + 0.5 + 1.0, "final": 3.0}
    assert result["mac_examples"] == {"search": 1000 + 2000, "final": 70 + 5}
    assert result["bytes"] == {"search": 30 + 70 + 5, "final": 300 + 3 + 7 + 11}
    assert (result["status"], result["name"], result["seed"]) == ("finished", "by hand", 3)
    assert result["task"] == {**TASK.to_dict(), "num_classes": 3, "classes": ["x", "y", "z"]}
    assert (result["limits"], result["precision"]) == ({"max_macs": 500}, "float32")
    assert result["versions"].items() >= {"flwr-nas": __version__, "flwr": version("flwr")}.items()


def test_each_run_is_told_by_seed_and_their_mean(config, outcome):
    final = outcome.final
    final.seeds, final.once = 2, {"constant"}
    final.trials += [
        trial(4, SPECS[1], 0.9, rounds=4, ledger=Ledger(300, 400, 1.0)),
        trial(5, SPECS[0], None, TrialState.FAILED, failure="It diverged."),
        trial(6, LINEAR, 0.3, rounds=4),
    ]
    result = result_of(config, outcome, "finished")
    winner, baseline, linear, constant = (result[role] for role in ROLES)
    assert winner["tests"] == [{"accuracy": 0.7}, {"accuracy": 0.9}]
    assert winner["test"]["accuracy"] == pytest.approx(0.8)
    assert winner["bytes_sent"] == (100 + 200 + 300 + 400) / 2
    assert (baseline["tests"], baseline["failure"]) == ([{"accuracy": 0.6}, {}], "It diverged.")
    assert baseline["test"] == {"accuracy": 0.6}
    assert (len(linear["tests"]), len(constant["tests"])) == (2, 1)
    # 0.7 and 0.9 less 0.5 and 0.3; over the constant's one test of 0.4; one pair with the baseline
    assert winner["gain_over"]["linear"]["values"] == pytest.approx([0.2, 0.6])
    assert winner["gain_over"]["constant"]["values"] == pytest.approx([0.3, 0.5])
    assert winner["gain_over"]["baseline"]["values"] == pytest.approx([0.1])
    assert list(baseline["gain_over"]) == ["constant"]


def test_each_node_is_told_as_its_mean_over_the_tests_that_all_have_it(config, outcome):
    final = outcome.final
    final.seeds, final.once = 2, {"constant"}
    final.trials += [
        trial(4, SPECS[1], 0.9, rounds=4),
        trial(5, SPECS[0], 0.5, rounds=4),
        trial(6, LINEAR, 0.3, rounds=4),
    ]
    winners = [run for run in final.trials if run.spec == SPECS[1]]
    by_node = [{"a": (0.6, 10), "b": (0.8, 30)}, {"a": (0.9, 10), "b": (0.9, 30), "c": (1.0, 5)}]
    for run, nodes in zip(winners, by_node, strict=True):
        told = {name: NodeScore({"accuracy": value}, size, value) for name, (value, size) in nodes.items()}
        run.scores[-1] = replace(run.scores[-1], by_node=told)
    result = result_of(config, outcome, "finished")
    assert result["winner"]["by_node"] == {"a": [pytest.approx(0.75), 10], "b": [pytest.approx(0.85), 30]}
    assert result["linear"]["by_node"] == {}


@pytest.fixture
def taken_over(outcome):
    """The outcome with finalists, of which the final training took over its first two runs."""
    earlier = Finalists(
        contenders=((SPECS[1], Recipe()), (SPECS[0], Recipe())),
        seed=0,
        deadline=1.0,
        rounds=4,
        cost=lambda spec: cost_of(spec.lower(TASK)),
        placement=Shared(0, 1),
        weights=store({}),
        objectives=Accuracy(TASK.head),
        scoring=Scoring(),
        journal=Journal(),
    )
    earlier.trials = [
        trial(0, SPECS[1], 0.8, rounds=4, ledger=Ledger(1000, 2000, 5.0)),
        trial(1, SPECS[0], 0.7, rounds=4, ledger=Ledger(0, 0, 1.0)),
    ]
    outcome.finalists = outcome.final.earlier = earlier
    outcome.final.adopted = {0: 0, 1: 1}
    return outcome


def test_what_was_taken_over_is_counted_where_it_was_trained(config, taken_over):
    result = result_of(config, taken_over, "finished")
    assert result["winner"]["bytes_sent"] == 100 + 200 + 1000 + 2000
    assert result["counts"]["rounds"] == 2 + 2 + 1 + 2 * 4 + 2 * 4, "those of two of four finals are the finalists'"
    assert result["node_seconds"] == {"search": 1.75, "finalists": 6.0, "final": 3.0}
    told = [(each["trial"], each["scores"], each["mean"], each["chosen"]) for each in result["finalists"]]
    assert told == [(1, [0.8], 0.8, True), (0, [0.7], 0.7, False)]
    assert (result["finalists"][0]["why"], result["finalists"][0]["macs"]) == ("best mean", 4 * 3 + 3 * 3)
    assert result["winner"]["trial"] == 1


def test_the_winner_is_the_finalist_that_was_chosen(config, taken_over):
    """Until the final training has a model, the best run of it is kept."""
    finalists, taken_over.final = taken_over.finalists, None
    finalists.trials[1].scores = [Score(1, 4, 0.9, {"accuracy": 0.9}, {"accuracy": 0.9})]
    finalists.weights = store({1: np.arange(SIZES[SPECS[0]], dtype=np.float32)})
    assert (taken_over.search.winner.number, taken_over.winner.number) == (1, 0)
    result = result_of(config, taken_over, "stopped")
    assert (result["winner"]["id"], result["winner"]["test"]) == (SPECS[0].id, {})
    assert result["model"] == {"stage": "finalists", "rounds": 4, "run": 0}


def test_message_bytes_are_those_of_the_precision(configure, outcome):
    for precision, width in (("float32", 4), ("float16", 2)):
        result = result_of(configure(federation={"precision": precision}), outcome, "finished")
        assert result["winner"]["message_bytes"] == width * SIZES[SPECS[1]]
        assert result["precision"] == precision


def test_a_search_that_was_stopped_has_a_winner_without_a_test(config, outcome):
    outcome.final = None
    result = result_of(config, outcome, "stopped")
    assert (result["winner"]["id"], result["winner"]["test"], result["winner"]["bytes_sent"]) == (SPECS[1].id, {}, 0)
    assert result["baseline"] is result["linear"] is result["constant"] is None
    assert result["node_seconds"]["final"] == result["mac_examples"]["final"] == result["bytes"]["final"] == 0
    assert result["winner"]["tests"] == []


def test_without_a_score_there_is_no_winner(config, outcome):
    outcome.search.trials[:] = outcome.search.trials[2:]
    outcome.final = None
    assert result_of(config, outcome, "failed")["winner"] is None


def test_a_trial_that_failed_after_a_score_is_no_winner(config, outcome):
    outcome.search.trials[:] = [trial(0, SPECS[0], 0.5, TrialState.FAILED)]
    outcome.final = None
    assert result_of(config, outcome, "failed")["winner"] is None


def test_a_winner_that_is_the_baseline_is_both(config, outcome):
    tested = trial(0, SPECS[1], 0.7)
    outcome.final = final_of({"winner": tested, "baseline": tested}, {})
    result = result_of(config, outcome, "finished")
    assert result["baseline"]["id"] == result["winner"]["id"] == SPECS[1].id
    assert result["baseline"]["test"] == result["winner"]["test"] == {"accuracy": 0.7}


def test_a_final_training_that_failed_says_why(config, outcome):
    outcome.final.trials[0] = trial(0, SPECS[1], None, TrialState.FAILED, failure="It diverged.")
    assert result_of(config, outcome, "finished")["winner"]["failure"] == "It diverged."


def test_the_history_is_ranked_and_the_model_is_the_winners(config, outcome, tmp_path):
    result = write_results(tmp_path, config, outcome, "finished")
    assert json.loads((tmp_path / "result.json").read_text()) == result
    history = json.loads((tmp_path / "history.json").read_text())
    assert [entry["number"] for entry in history] == [1, 0, 2]
    assert history[2]["failure"] == "It diverged."
    model = load_model(tmp_path / "best")
    np.testing.assert_array_equal(flat_state(model).numpy(), np.arange(27))


def test_without_trained_weights_there_is_no_model(config, outcome, tmp_path):
    outcome.final.weights.retain({})
    write_results(tmp_path, config, outcome, "finished")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["history.json", "result.json"]


def test_a_number_that_json_lacks_is_null(config, outcome, tmp_path):
    outcome.search.trials[0].scores[0].metrics["loss"] = math.inf
    write_results(tmp_path, config, outcome, "finished")
    history = json.loads((tmp_path / "history.json").read_text(), parse_constant=pytest.fail)
    assert history[1]["metrics"]["loss"] is None


def test_the_configuration_is_written_for_people(config, tmp_path):
    write_config(tmp_path / "run", config)
    assert "seed: 3" in (tmp_path / "run" / "config.yaml").read_text().splitlines()


def test_a_folder_that_cannot_be_written_is_named(config, outcome, tmp_path):
    (tmp_path / "run").write_text("in the way")
    with pytest.raises(StorageError, match=r"run.*choose another"):
        write_results(tmp_path / "run", config, outcome, "finished")
