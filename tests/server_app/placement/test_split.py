import pytest

from common.errors import ConfigError
from server_app.placement.base import Request
from server_app.placement.split import Split

NODES = [f"node-{index:02d}" for index in range(11)]


def cohorts(round_, slots=4, wanted=None, seed=0):
    placement = Split(seed, slots, Split.Options(wanted))
    return [placement.select(Request(slot, slot, round_, round_), NODES) for slot in range(slots)]


@pytest.mark.parametrize("round_", [1, 2, 7])
def test_cohorts_are_disjoint_and_use_every_node(round_):
    dealt = cohorts(round_)
    assert sorted(node for cohort in dealt for node in cohort) == NODES
    assert sorted(len(cohort) for cohort in dealt) == [2, 3, 3, 3]  # 11 nodes dealt into 4 cohorts


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
