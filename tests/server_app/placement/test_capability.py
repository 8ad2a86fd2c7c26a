import doctest

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.errors import ConfigError
from server_app.placement import capability
from server_app.placement.base import Request
from server_app.placement.capability import Capability, period
from server_app.placement.shared import Shared

NODES = [f"node-{index:02d}" for index in range(10)]
SLOW = {node: 10.0 if node == NODES[0] else 1.0 for node in NODES}
"""The first is ten times slower than the others: in one round of eight it has its turn."""


def make(slots=4, seed=0, **options):
    return Capability(seed, slots, Capability.Options(**options))


def request(trial=0, round_=1, seconds=None, slot=0, **told):
    return Request(trial, slot, round_, round_, seconds=SLOW if seconds is None else seconds, **told)


def test_the_examples_hold():
    assert doctest.testmod(capability).failed == 0
    assert doctest.testmod(capability).attempted > 3


@given(st.integers(0, 50), st.integers(1, 50), st.none() | st.integers(1, 10), st.integers(0, 9))
def test_equal_nodes_train_as_with_shared(trial, round_, wanted, seed):
    asked = request(trial, round_, dict.fromkeys(NODES, 3.0))
    same = Shared(seed, 4, Shared.Options(wanted)).select(asked, NODES)
    assert make(seed=seed, nodes_per_round=wanted).select(asked, NODES) == same


def test_of_eight_trials_and_of_eight_rounds_a_slow_node_is_in_one():
    placement = make()
    for start in range(20):
        first = [NODES[0] in placement.select(request(trial), NODES) for trial in range(start, start + 8)]
        rounds = [NODES[0] in placement.select(request(3, round_), NODES) for round_ in range(start + 1, start + 9)]
        assert (sum(first), sum(rounds)) == (1, 1)
        assert set(NODES[1:]) <= set(placement.select(request(start), NODES))


@given(
    slots=st.integers(1, 9),
    held=st.lists(st.booleans(), min_size=40, max_size=80),
    speeds=st.lists(st.floats(1.0, 1e6), min_size=80, max_size=80),
    seed=st.integers(0, 99),
)
@settings(max_examples=100, deadline=None)
def test_no_node_starves_whatever_it_can_hold_and_however_its_speed_is_estimated(slots, held, speeds, seed):
    """In eight trials in a row that it can hold, it trains on one in the first round; and in eight rounds of each."""
    placement, name = make(slots, seed), NODES[0]

    def trains(trial, round_, number):
        asked = request(
            trial,
            round_,
            {**SLOW, name: speeds[number % 80]},
            unable=[] if held[trial] else [name],
            held_before=lambda _: sum(held[:trial]),
        )
        return name in placement.select(asked, NODES)

    own = [trial for trial, able in enumerate(held) if able]
    first = [trains(trial, 1, trial) for trial in own]
    assert all(any(first[start : start + 8]) for start in range(len(own) - 7))
    for trial in own[:3]:
        rounds = [trains(trial, round_, trial + round_) for round_ in range(1, 33)]
        assert all(any(rounds[start : start + 8]) for start in range(len(rounds) - 7))


def test_its_turns_do_not_come_together_in_trials_that_begin_a_round_together():
    # Four trials in step: 4 slots make a stride of 5, so of 16 rounds of 4 trials the node is in 64 / 8 = 8 in all,
    # and never in two of one round, since 4 places in a row differ modulo 8.
    placement = make(4)
    per_round = [
        sum(NODES[0] in placement.select(request(slot, round_, slot=slot), NODES) for slot in range(4))
        for round_ in range(1, 17)
    ]
    assert sum(per_round) == 8
    assert max(per_round) == 1


def test_who_would_be_late_is_not_asked_unless_nobody_would_be_in_time():
    asked = request(seconds={**SLOW, NODES[1]: 99.0}, deadline=60.0)
    for trial in range(8):
        chosen = make().select(request(trial, seconds=asked.seconds, deadline=60.0), NODES)
        assert NODES[1] not in chosen
    late = request(seconds=dict.fromkeys(NODES, 99.0), deadline=60.0)
    assert make().select(late, NODES) == tuple(NODES)


def test_the_fastest_of_the_others_fill_up_what_a_round_needs():
    seconds = {"a": 1.0, "b": 30.0, "c": 20.0, "d": 99.0}
    for trial in range(8):
        asked = request(trial, seconds=seconds, least=3, deadline=60.0, unable=["e"])
        assert make().select(asked, ["a", "b", "c", "d", "e"]) in {("a", "b", "c")}
    asked = request(seconds=seconds, least=4, deadline=60.0)
    assert make().select(asked, list(seconds)) == tuple(seconds)


def test_where_too_few_can_hold_a_trial_it_is_for_others_to_say_so():
    asked = request(unable=NODES[1:], least=2)
    assert make().select(asked, NODES) == tuple(NODES)
    assert make().select(request(unable=NODES[1:], seconds={}), NODES) == (NODES[0],)


def test_a_sample_is_drawn_among_those_whose_turn_it_is():
    # In 7 rounds of 8 of a trial the 9 others share 3 places, in one the slow node has as good a chance as they have.
    chosen = [make(nodes_per_round=3).select(request(0, round_), NODES) for round_ in range(1, 801)]
    assert {len(nodes) for nodes in chosen} == {3}
    times = sum(NODES[0] in nodes for nodes in chosen)  # of 100 turns 30 are expected, standard deviation 4.6
    assert abs(times - 30) < 4 * 4.6


def test_a_slow_node_of_the_panel_scores_one_trial_of_eight_and_more_where_scores_are_needed():
    placement = make()
    asked = [placement.judges(request(trial), NODES[:4]) for trial in range(16)]
    assert sum(NODES[0] in nodes for nodes in asked) == 2
    assert all(nodes[-3:] == tuple(NODES[1:4]) for nodes in asked)
    assert placement.judges(request(least=4), NODES[:4]) == tuple(NODES[:4])


def test_half_of_the_nodes_are_never_slow():
    seconds = {node: float(4**index) for index, node in enumerate(NODES)}
    chosen = [make().select(request(trial, seconds=seconds), NODES) for trial in range(16)]
    assert all(set(NODES[:5]) <= set(nodes) for nodes in chosen)
    assert len(make().select(request(seconds=dict.fromkeys(NODES, 0.0)), NODES)) == 10


@pytest.mark.parametrize("most", [1, 2, 8, 64])
def test_periods_are_powers_of_two_up_to_the_longest(most):
    found = [period(seconds, 1.0, most) for seconds in (0.1, 1.0, 2.0, 5.0, 1e3, float("inf"))]
    assert found == [min(most, wanted) for wanted in (1, 1, 2, 4, 512, 64)]


@pytest.mark.parametrize("every", [0, -8, 3, 12])
def test_the_longest_period_must_be_a_power_of_two(every):
    with pytest.raises(ConfigError, match=r"placement\.every must be a power of two.*got -?\d+"):
        make(every=every)
