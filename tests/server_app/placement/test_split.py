import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.errors import ConfigError
from server_app.placement.base import Request
from server_app.placement.split import Split

NODES = [f"node-{index:02d}" for index in range(11)]


def cohorts(round_, slots=4, wanted=None, seed=0, nodes=NODES):
    placement = Split(seed, slots, Split.Options(wanted))
    return [placement.select(Request(slot, slot, round_, round_), nodes) for slot in range(slots)]


def moved(before, after):
    """How many of the nodes of `before` are in another cohort in `after`."""
    homes = {node: index for index, cohort in enumerate(after) for node in cohort}
    return sum(homes[node] != index for index, cohort in enumerate(before) for node in cohort)


@pytest.mark.parametrize("round_", [1, 2, 7])
def test_cohorts_are_disjoint_and_use_every_node(round_):
    dealt = cohorts(round_)
    assert sorted(node for cohort in dealt for node in cohort) == NODES
    assert sorted(len(cohort) for cohort in dealt) == [2, 3, 3, 3]  # 11 nodes dealt into 4 cohorts


@given(st.integers(1, 9), st.sets(st.text(max_size=6), min_size=9, max_size=40), st.integers(0, 99), st.integers(1, 9))
@settings(max_examples=100)
def test_cohorts_share_out_any_nodes_evenly(slots, nodes, seed, round_):
    dealt = cohorts(round_, slots, seed=seed, nodes=sorted(nodes))
    assert sorted(node for cohort in dealt for node in cohort) == sorted(nodes)
    sizes = [len(cohort) for cohort in dealt]
    assert max(sizes) - min(sizes) <= 1


@given(st.integers(1, 9), st.lists(st.text(max_size=6), unique=True, min_size=10, max_size=40), st.integers(0, 99))
@settings(max_examples=200)
def test_a_node_that_joins_or_leaves_moves_one_node_at_each_border_at_most(slots, nodes, seed):
    """Cohorts are blocks of one order with slots - 1 borders, and each lets one node through or none."""
    before, after = cohorts(1, slots, seed=seed, nodes=nodes[1:]), cohorts(1, slots, seed=seed, nodes=nodes)
    assert moved(before, after) <= slots - 1
    for old, new in zip(before, after, strict=True):
        assert len(new) - len(old) in (0, 1)
        assert len(set(old) - set(new)) <= 1


def test_the_bound_on_moved_nodes_is_reached_and_rarely():
    # The newcomer's block is any of 4, and one fixed block grows; the borders in between let a node through: with 40
    # nodes the first block grows, so 0, 1, 2 or 3 nodes move, 1.5 of 40 on average, standard deviation 1.12.
    nodes = [f"node-{index:02d}" for index in range(40)]
    counts = [
        moved(cohorts(4, seed=seed, nodes=nodes), cohorts(4, seed=seed, nodes=[*nodes, "newcomer"]))
        for seed in range(200)
    ]
    assert set(counts) == {0, 1, 2, 3}
    assert abs(sum(counts) / 200 - 1.5) < 5 * 1.12 / 200**0.5


def test_cohorts_rotate():
    # Slot s in turn t has the cohort (s + t) mod slots: that of slot s + 1 in turn t - 1.
    for round_ in range(2, 7):
        assert cohorts(round_) == [cohorts(round_ - 1)[(slot + 1) % 4] for slot in range(4)]


def test_a_trial_meets_every_node_in_as_many_rounds_as_slots():
    placement = Split(0, 4)
    met = [node for round_ in range(1, 5) for node in placement.select(Request(0, 2, round_, round_), NODES)]
    assert sorted(met) == NODES


def test_samples_stay_inside_their_cohort():
    for round_ in range(1, 5):
        for sample, cohort in zip(cohorts(round_, wanted=2), cohorts(round_), strict=True):
            assert len(sample) == 2
            assert set(sample) <= set(cohort)


def test_a_small_cohort_trains_whole():
    assert cohorts(1, wanted=3) == cohorts(1)


def test_the_seed_deals():
    assert cohorts(1, seed=0) != cohorts(1, seed=1)


def test_fewer_nodes_than_slots_names_the_way_out():
    with pytest.raises(ConfigError, match=r"4 concurrent trials, got 3\..*placement=shared"):
        Split(0, 4).select(Request(0, 0, 1, 1), NODES[:3])
