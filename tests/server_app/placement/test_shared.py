import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.errors import ConfigError
from server_app.placement.base import Request
from server_app.placement.shared import Shared

NODES = [f"node-{index:02d}" for index in range(10)]


def select(wanted, trial=0, slot=0, round_=1, nodes=NODES):
    return Shared(0, 4, Shared.Options(wanted)).select(Request(trial, slot, round_, round_), nodes)


def test_every_trial_meets_the_same_nodes_in_its_kth_round():
    for round_ in range(1, 6):
        assert len({select(3, trial, trial % 4, round_) for trial in range(8)}) == 1


def test_all_nodes_by_default():
    assert select(None, nodes=NODES[::-1]) == tuple(NODES)


def test_samples_are_uniform():
    # 2 of 4 nodes in 600 rounds: each node is expected in 300, standard deviation sqrt(600 / 4) = 12.2.
    counts = dict.fromkeys(NODES[:4], 0)
    for round_ in range(1, 601):
        for node in select(2, round_=round_, nodes=NODES[:4]):
            counts[node] += 1
    assert all(abs(count - 300) < 4 * 12.3 for count in counts.values())


@given(st.sets(st.sampled_from(NODES), min_size=1), st.integers(1, 10), st.integers(1, 99))
@settings(max_examples=200)
def test_who_is_drawn_among_all_is_drawn_among_fewer(there, wanted, round_):
    """Whoever leaves, the others keep their places: a sample is the first of one order of all names."""
    of_all = select(wanted, round_=round_)
    of_these = select(wanted, round_=round_, nodes=sorted(there))
    assert set(of_all) & there <= set(of_these)
    assert len(of_these) == min(wanted, len(there))


def test_a_newcomer_takes_one_place_or_none():
    # The newcomer is one of the 5 drawn among 11 in 5 rounds of 11: of 220 in 100, standard deviation 7.4.
    taken = 0
    for round_ in range(1, 221):
        before, after = select(5, round_=round_), select(5, round_=round_, nodes=["newcomer", *NODES])
        assert set(after) - set(before) <= {"newcomer"}
        taken += "newcomer" in after
    assert abs(taken - 100) < 5 * 7.4


def test_fewer_nodes_than_wanted_all_train():
    assert select(5, nodes=NODES[:3]) == tuple(NODES[:3])


def test_without_nodes_there_is_no_round():
    with pytest.raises(ConfigError, match="needs nodes"):
        select(5, nodes=[])
