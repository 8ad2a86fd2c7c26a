"""What every placement must hold: run for each choice that the registry finds."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.errors import ConfigError
from server_app.placement.base import Request
from server_app.registry import choices, load_choice

pytestmark = pytest.mark.parametrize("name", choices("placement"))

NODES = [f"partition-{index}" for index in range(12)]
REQUESTS = [Request(trial, trial % 4, round_, round_) for trial in range(6) for round_ in range(1, 6)]

ANY_NODES = st.lists(st.text(min_size=1, max_size=6), unique=True, min_size=5, max_size=40)
ANY_SEED = st.integers(0, 2**31)
ANY_REQUEST = st.builds(Request, st.integers(0, 9), st.integers(0, 3), st.integers(1, 50), st.integers(1, 50))
ANY_WANTED = st.none() | st.integers(1, 8)


ANY_TOLD = st.tuples(st.integers(0, 3), st.integers(2, 99), st.booleans())


def told(request, nodes, slow, times, unable):
    """Say of a request that some of the first nodes are slow, and that the last one cannot hold its trial."""
    seconds = {node: float(times) if index < min(slow, len(nodes) // 3) else 1.0 for index, node in enumerate(nodes)}
    return replace(request, seconds=seconds, unable=nodes[-1:] if unable else [])


def build(name, wanted=None, seed=0, slots=4):
    cls = load_choice("placement", name)
    return cls(seed, slots, cls.Options(nodes_per_round=wanted))


@pytest.fixture
def make(name):
    return lambda *args, **kwargs: build(name, *args, **kwargs)


@pytest.mark.parametrize("wanted", [None, 1, 2, 3])
def test_chooses_sorted_names_of_nodes_that_are_there(make, wanted):
    for request in REQUESTS:
        chosen = make(wanted).select(request, NODES)
        assert isinstance(chosen, tuple)
        assert list(chosen) == sorted(set(chosen))
        assert set(chosen) <= set(NODES)
        assert len(chosen) == wanted if wanted else len(chosen) >= 1


@pytest.mark.parametrize("wanted", [None, 2])
def test_the_order_of_names_does_not_matter(make, wanted):
    for request in REQUESTS:
        assert make(wanted).select(request, NODES[::-1]) == make(wanted).select(request, NODES)
        assert make(wanted).select(request, NODES[5:] + NODES[:5]) == make(wanted).select(request, NODES)


@given(count=st.integers(4, 20), slots=st.integers(1, 4), wanted=ANY_WANTED)
@settings(max_examples=50)
def test_so_many_nodes_train_at_most_and_sometimes_do(name, count, slots, wanted):
    placement, nodes = build(name, wanted, slots=slots), NODES + [f"more-{index}" for index in range(8)]
    sizes = {
        len(placement.select(Request(0, slot, turn, turn), nodes[:count]))
        for slot in range(slots)
        for turn in range(1, 5)
    }
    assert max(sizes) == placement.most(count)


@given(nodes=ANY_NODES, seed=ANY_SEED, request_=ANY_REQUEST, wanted=ANY_WANTED)
@settings(max_examples=200)
def test_a_node_that_joins_or_leaves_changes_one_place_at_most(name, nodes, seed, request_, wanted):
    """Read from `after` to `before`, the first node leaves; where nobody samples, it is one place of a whole cohort."""
    before = build(name, wanted, seed).select(request_, nodes[1:])
    after = build(name, wanted, seed).select(request_, nodes)
    assert len(set(before) - set(after)) <= 1
    assert len(set(after) - set(before)) <= 1


@given(nodes=ANY_NODES, seed=ANY_SEED, request_=ANY_REQUEST, wanted=ANY_WANTED, data=st.data())
@settings(max_examples=100)
def test_any_names_in_any_order_give_the_same_nodes(name, nodes, seed, request_, wanted, data):
    chosen = build(name, wanted, seed).select(request_, nodes)
    assert build(name, wanted, seed).select(request_, data.draw(st.permutations(nodes))) == chosen
    assert list(chosen) == sorted(set(chosen) & set(nodes))


def test_depends_on_the_request_only(make):
    placement = make(2)
    forward = [placement.select(request, NODES) for request in REQUESTS]
    backward = [placement.select(request, NODES) for request in reversed(REQUESTS)]
    assert forward == backward[::-1]


def test_the_seed_and_the_round_change_the_nodes(make):
    def plan(seed):
        return [make(2, seed).select(Request(0, 0, round_, round_), NODES) for round_ in range(1, 9)]

    assert plan(0) == plan(0)
    assert plan(0) != plan(1)
    # 2 of 12 nodes, or of a cohort of 3 every fourth round: that all 8 samples differ is not certain, that 5 do is.
    assert len(set(plan(0))) >= 5


def test_every_node_is_drawn_about_equally_often(make):
    # In a round a node is drawn with probability 2/12, or, where it has its cohort's turn every fourth round, with
    # 2/3 then; 1200 rounds make 200, the standard deviation is at most that of independent draws.
    placement = make(2)
    drawn = [node for round_ in range(1, 1201) for node in placement.select(Request(0, 0, round_, round_), NODES)]
    deviation = (1200 * 1 / 6 * 5 / 6) ** 0.5
    assert all(abs(drawn.count(node) - 200) < 5 * deviation for node in NODES)


def test_no_nodes_at_all(make):
    with pytest.raises(ConfigError, match=r"node.*got 0"):
        make(4, slots=4).select(Request(0, 0, 1, 1), [])


@pytest.mark.parametrize("wanted", [0, -1])
def test_nodes_per_round_must_be_positive(make, wanted):
    with pytest.raises(ConfigError, match="nodes_per_round"):
        make(wanted)


# ---------------------------------------------------------------- what is known of nodes


@given(nodes=ANY_NODES, request_=ANY_REQUEST, wanted=ANY_WANTED, known=ANY_TOLD, data=st.data())
@settings(max_examples=200, deadline=None)
def test_slow_and_small_nodes_are_chosen_whatever_the_order_of_names(name, nodes, request_, wanted, known, data):
    asked, shuffled = told(request_, nodes, *known), data.draw(st.permutations(nodes))
    placement = build(name, wanted)
    for choose in (placement.select, placement.judges):
        chosen = choose(asked, nodes)
        assert list(chosen) == sorted(set(chosen) & set(nodes))
        assert chosen
        assert choose(asked, shuffled) == chosen


@given(nodes=ANY_NODES, request_=ANY_REQUEST, wanted=ANY_WANTED, known=ANY_TOLD)
@settings(max_examples=200, deadline=None)
def test_a_usual_node_that_joins_changes_one_place_at_most_whoever_is_slow(name, nodes, request_, wanted, known):
    """Beside slow nodes, a third at most, and one that cannot hold the trial."""
    newcomer = "the newcomer"
    before = told(request_, nodes, *known)
    after = replace(before, seconds={**before.seconds, newcomer: 1.0})
    placement = build(name, wanted)
    for choose in (placement.select, placement.judges):
        fewer, more = set(choose(before, nodes)), set(choose(after, [*nodes, newcomer]))
        assert len(fewer - more) <= 1
        assert len(more - fewer) <= 1


@given(nodes=ANY_NODES, known=ANY_TOLD, wanted=ANY_WANTED)
@settings(max_examples=50, deadline=None)
def test_one_that_is_made_anew_in_the_middle_goes_on_as_before(name, nodes, known, wanted):
    """It has no state that a run would have to save."""
    placement, requests = build(name, wanted), [told(request, nodes, *known) for request in REQUESTS]
    whole = [placement.select(request, nodes) for request in requests]
    half = len(requests) // 2
    resumed = [build(name, wanted).select(request, nodes) for request in requests[half:]]
    assert whole[half:] == resumed


@given(nodes=ANY_NODES, request_=ANY_REQUEST, wanted=ANY_WANTED, known=ANY_TOLD)
@settings(max_examples=50, deadline=None)
def test_only_who_says_so_tells_nodes_apart(name, nodes, request_, wanted, known):
    placement, asked = build(name, wanted), told(request_, nodes, *known)
    if not placement.tells_apart:
        assert placement.select(asked, nodes) == placement.select(request_, nodes)
        assert placement.judges(asked, nodes) == tuple(sorted(nodes))
    elif asked.unable:
        assert nodes[-1] not in {*placement.select(asked, nodes), *placement.judges(asked, nodes)}


def test_those_that_are_needed_are_chosen_however_slow_they_are(make):
    nodes = NODES[:4]
    seconds = dict(zip(nodes, (1.0, 1.0, 50.0, 90.0), strict=True))
    for request in REQUESTS:
        asked = replace(request, seconds=seconds, least=3, deadline=60.0)
        assert len(make(slots=1).select(asked, nodes)) >= 3
