import json

import pytest

from common.architecture.operations import Linear
from common.architecture.spec import ArchitectureSpec
from server_app.trials import Ledger, Trial, TrialState, ranked

SPEC = ArchitectureSpec((Linear(8),))


@pytest.mark.parametrize(
    ("state", "ended"),
    [("running", False), ("waiting", False), ("finished", True), ("stopped", True), ("failed", True)],
)
def test_which_states_end_a_trial(state, ended):
    assert TrialState(state).ended is ended


def test_ranked_by_rung_then_score_then_number():
    trials = [
        Trial(0, SPEC, rung=1, score=0.9),
        Trial(1, SPEC, rung=2, score=0.1),
        Trial(2, SPEC),
        Trial(3, SPEC, rung=2, score=0.3),
        Trial(4, SPEC, rung=1, score=0.9),
        Trial(5, SPEC, rung=1, score=-2.0),
    ]
    assert [trial.number for trial in ranked(trials)] == [3, 1, 0, 4, 5, 2]


def test_a_failed_trial_ranks_last_whatever_it_scored_before():
    failed = Trial(0, SPEC, state=TrialState.FAILED, rung=3, score=0.99)
    assert ranked([failed, Trial(1, SPEC, rung=1, score=-5.0)])[-1] is failed


def test_json_holds_the_spec_and_what_it_cost():
    trial = Trial(4, SPEC, "mutation", 2, TrialState.FINISHED, 1, 10, 0.5, {"loss": 0.1}, Ledger(7, 8, 9.0))
    row = json.loads(json.dumps(trial.to_json()))
    assert ArchitectureSpec.from_dict(row["spec"]) == SPEC
    assert row["spec_id"] == SPEC.id
    assert (row["number"], row["parent"], row["state"], row["score"]) == (4, 2, "finished", 0.5)
    assert (row["bytes_down"], row["bytes_up"]) == (7, 8)


def test_two_trials_share_no_ledger():
    first, second = Trial(0, SPEC), Trial(1, SPEC)
    first.ledger.bytes_up += 1
    first.metrics["loss"] = 0.1
    assert second.ledger.bytes_up == 0
    assert second.metrics == {}
