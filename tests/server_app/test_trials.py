import json

import pytest

from common.architecture.kinds.layered import LayeredSpec
from common.architecture.kinds.layers import Linear
from common.architecture.spec import ArchitectureSpec
from server_app.scores import NodeScore, Score
from server_app.trials import Ledger, Recipe, Trial, TrialState, ranked
from tests.support.trials import scored, trial

SPEC = LayeredSpec((Linear(8),))


@pytest.mark.parametrize(
    ("state", "ended"),
    [("running", False), ("waiting", False), ("finished", True), ("stopped", True), ("failed", True)],
)
def test_which_states_end_a_trial(state, ended):
    assert TrialState(state).ended is ended


def test_ranked_by_rung_then_score_then_number():
    trials = [
        trial(0, SPEC, 0.9),
        trial(1, SPEC, 0.1, rung=2),
        trial(2, SPEC),
        trial(3, SPEC, 0.3, rung=2),
        trial(4, SPEC, 0.9),
        trial(5, SPEC, -2.0),
    ]
    assert [trial.number for trial in ranked(trials)] == [3, 1, 0, 4, 5, 2]


def test_equal_scores_are_ranked_by_what_decides_a_tie_and_then_by_number():
    """One that nobody measured loses."""
    ties = [-0.7, -0.5, None, -0.7, -0.4]
    trials = [scored(trial(number, SPEC), 0.5, tie=tie) for number, tie in enumerate(ties)]
    trials.append(scored(trial(5, SPEC), 0.6, tie=-9.0))
    assert [trial.number for trial in ranked(trials)] == [5, 4, 1, 0, 3, 2]


def test_a_tie_is_decided_over_the_nodes_in_common_too():
    """The second lacks the node where all have the larger loss."""
    easy, hard = NodeScore({}, 4, 0.5, -0.3), NodeScore({}, 4, 0.5, -2.0)
    both = scored(trial(1, SPEC), 0.5, tie=-1.15, by_node={"easy": easy, "hard": hard})
    one = scored(trial(0, SPEC), 0.5, tie=-0.4, by_node={"easy": NodeScore({}, 4, 0.5, -0.4)})
    assert [trial.number for trial in ranked([one, both])] == [1, 0]


def test_a_node_without_what_ranks_takes_no_part():
    have, lack = NodeScore({}, 4, 0.5, -0.3), NodeScore({}, 4, None, -0.3)
    made = scored(trial(0, SPEC), 0.5, tie=-0.3, by_node={"a": have, "b": lack})
    assert made.scores[-1].comparable == {"a": (0.5, 4)}
    assert made.scores[-1].ties == {"a": (-0.3, 4), "b": (-0.3, 4)}
    assert Trial.from_state(json.loads(json.dumps(made.state_dict()))) == made


def test_a_failed_trial_ranks_last_whatever_it_scored_before():
    failed = trial(0, SPEC, 0.99, rung=3, state=TrialState.FAILED)
    assert ranked([failed, trial(1, SPEC, -5.0)])[-1] is failed


def test_one_that_breaks_a_constraint_ranks_behind_those_of_its_rung_that_keep_them():
    broken = scored(trial(0, SPEC), 0.9, rung=1, feasible=False)
    assert [t.number for t in ranked([broken, trial(1, SPEC, 0.1), trial(2, SPEC, 0.0, rung=2)])] == [2, 1, 0]


def test_json_holds_the_spec_and_what_it_cost():
    made = rich_trial()
    row = json.loads(json.dumps(made.to_json()))
    assert ArchitectureSpec.from_dict(row["spec"]) == SPEC
    assert row["spec_id"] == SPEC.id
    assert (row["number"], row["parent"], row["state"], row["score"]) == (4, 2, "finished", 0.5)
    assert (row["bytes_down"], row["bytes_up"]) == (7, 8)

    assert (row["metrics"], row["by_node"]) == ({"loss": 0.1}, {"a": [0.25, 3], "b": [0.75, 3]})
    assert [(step["rung"], step["score"]) for step in row["scores"]] == [(1, 0.4), (2, 0.5)]


def test_the_state_holds_all_of_a_trial():
    made = rich_trial()
    restored = Trial.from_state(json.loads(json.dumps(made.state_dict())))
    assert restored == made
    assert restored.identity == made.identity


def test_the_recipe_is_part_of_what_a_trial_is_of():
    assert trial(0, SPEC).identity == trial(1, SPEC).identity
    assert trial(0, SPEC).identity != trial(0, SPEC, recipe=Recipe(learning_rate=0.5)).identity


def test_two_trials_share_no_ledger():
    first, second = Trial(0, SPEC), Trial(1, SPEC)
    first.ledger.bytes_up += 1
    scored(first, 0.5)
    assert second.ledger.bytes_up == 0
    assert second.scores == []


def rich_trial():
    by_node = {"a": NodeScore({"loss": 0.1}, 3, 0.25, -0.1), "b": NodeScore({"loss": 0.1}, 3, 0.75)}
    scores = [Score(1, 1, 0.4), Score(2, 10, 0.5, {"accuracy": 0.5}, {"loss": 0.1}, by_node, tie=-0.1)]
    recipe = Recipe(learning_rate=0.25)
    return Trial(
        4, SPEC, recipe, "mutation", 2, None, TrialState.FINISHED, 10, scores, Ledger(7, 8, 9.0, 10**18), unheard=True
    )
