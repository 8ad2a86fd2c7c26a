"""The fields of events of trials."""

from types import SimpleNamespace

from common.architecture.cost import Cost
from common.architecture.kinds.layered import LayeredSpec
from server_app.trial_events import NAMED, ended, proposed, scored, trained
from server_app.trials import Ledger, Trial, TrialState
from tests.support import trials

SPEC = LayeredSpec()
SPENT = {"bytes_down": 10, "bytes_up": 20, "mac_examples": 30}


def trial(**fields) -> Trial:
    return trials.trial(0, SPEC, 0.75, 2, rounds=3, ledger=Ledger(10, 20, 4.5, 30), **fields)


def test_a_proposal_has_what_is_tried_and_what_it_costs():
    said = proposed(trial(origin="mutation", parent=4), Cost(100, 7, 2000, 4000))
    assert said.items() >= {"spec_id": SPEC.id, "spec": SPEC.to_dict(), "origin": "mutation", "parent": 4}.items()
    assert (said["parameters"], said["macs"], said["repeats"]) == (100, 2000, None)


def test_a_round_names_some_nodes_and_counts_all():
    names = tuple(f"node-{number:02d}" for number in range(3 * NAMED))
    phase = SimpleNamespace(nodes=names, left_out=dict.fromkeys(names[: NAMED + 5], "gone"), loss=0.5)
    said = trained(trial(), phase)
    assert said == {
        "round": 3,
        "num_nodes": 2 * NAMED - 5,
        "nodes": list(names[NAMED + 5 : 2 * NAMED + 5]),
        "left_out": list(names[:NAMED]),
        "loss": 0.5,
        **SPENT,
    }


def test_what_depends_on_a_clock_is_not_said():
    one = trial()
    said = scored(one, one.scores[-1], "validation")
    assert said.items() >= {"split": "validation", "rung": 2, "rounds": 3, "score": 0.75, "feasible": True}.items()
    assert said.items() >= SPENT.items()
    assert "node_seconds" not in said


def test_an_end_has_a_reason_where_there_is_one():
    assert ended(trial(state=TrialState.FINISHED)) == {"rung": 2, "score": 0.75, "values": {}}
    assert ended(trial(state=TrialState.FAILED, failure="it diverged"))["reason"] == "it diverged"
    assert ended(Trial(0, SPEC)) == {"rung": 0, "score": None, "values": {}}
