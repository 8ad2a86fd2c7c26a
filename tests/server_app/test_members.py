"""Members of a trial and their weights."""

from __future__ import annotations

import json

import numpy as np
import pytest

from common.architecture.kinds.layered import LayeredSpec
from common.tasks import Classification, Task
from server_app.aggregation.fedavg import FedAvg
from server_app.blobs import Blobs
from server_app.members import Member, MemberWeights
from server_app.trials import Trial
from server_app.weights.base import Heritage
from server_app.weights.inherit import Inherit
from server_app.weights.scratch import Scratch

TRIALS = [Trial(number, LayeredSpec()) for number in range(3)]
MEMBERS = [[Member.without(fold, trial) for fold in range(2)] for trial in TRIALS]


@pytest.fixture
def make():
    return lambda blobs=None: MemberWeights(Scratch(Task((4,), Classification(3)), 1, FedAvg, blobs or Blobs(None)), 2)


def train(store, member, step):
    """Let one node add `step`."""
    store.open(member).add("a", store.lend(member)["weights"] + np.float32(step), 1, {})
    store.fold(member)
    return store.lend(member)["weights"].copy()


def test_a_member_is_its_trial_without_a_fold():
    trial = Trial(7, LayeredSpec(), rounds=3)
    member = Member.without(2, trial)
    assert (member.number, member.identity, member.fold, member.rounds) == (7, trial.identity, 2, 0)
    member.ledger.bytes_up += 5
    assert trial.ledger.bytes_up == 5


def test_members_begin_with_the_same_and_go_ways_of_their_own(make):
    store = make()
    start = [store.lend(member)["weights"].copy() for member in MEMBERS[0]]
    np.testing.assert_array_equal(*start)
    np.testing.assert_array_equal(start[0], Scratch(store.task, 1, FedAvg, Blobs(None)).lend(TRIALS[0])["weights"])
    after = [train(store, member, step) for member, step in zip(MEMBERS[0], (1, 2), strict=True)]
    np.testing.assert_allclose(after[0], start[0] + 1, rtol=1e-6)
    np.testing.assert_allclose(after[1], start[0] + 2, rtol=1e-6)
    np.testing.assert_array_equal(store.weights(0), after[0])


def test_what_is_not_retained_is_forgotten_of_all_members(make):
    store = make()
    for members in MEMBERS:
        for member in members:
            train(store, member, 1)
    store.retain({1})
    assert [store.weights(number) is None for number in range(3)] == [True, False, True]
    start = make().lend(MEMBERS[0][1])["weights"]
    np.testing.assert_array_equal(store.lend(MEMBERS[0][1])["weights"], start)


def test_what_rests_and_what_was_saved_comes_back(make, tmp_path):
    store = make(Blobs(tmp_path))
    after = [train(store, member, step) for member, step in zip(MEMBERS[0], (1, 2), strict=True)]
    store.rest(TRIALS[0])
    other = make(Blobs(tmp_path))
    other.load_state_dict(json.loads(json.dumps(store.state_dict())))
    for found in (store, other):
        for member, expected in zip(MEMBERS[0], after, strict=True):
            np.testing.assert_array_equal(found.lend(member)["weights"], expected)


def test_a_turn_is_closed_for_all_members(make):
    closed = []

    class Shared(Scratch):
        def close(self, turn):
            closed.append(turn)

    first = make()
    MemberWeights(Shared(first.task, 1, FedAvg, Blobs(None)), 3).close(4)
    assert closed == [4, 4, 4]


def test_a_member_inherits_from_the_member_of_its_parent_that_left_out_the_same_fold():
    store = MemberWeights(Inherit(Task((4,), Classification(3)), 3, FedAvg, Blobs(None)), 2)
    assert store.inherits
    parent, child = Trial(0, LayeredSpec()), Trial(1, LayeredSpec(), parent=0)
    grown = [train(store, Member.without(fold, parent), 1.0 + fold).copy() for fold in range(2)]
    for fold, expected in enumerate(grown):
        member = Member.without(fold, child)
        np.testing.assert_array_equal(store.lend(member)["weights"], expected)
        assert store.heritage(member) == Heritage(0, True)
    assert (grown[0] != grown[1]).any()
