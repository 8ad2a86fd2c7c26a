"""What every placement must hold: run for each choice that the registry finds."""

import pytest

from common.errors import ConfigError
from server_app.placement.base import Request
from server_app.registry import choices, load_choice

pytestmark = pytest.mark.parametrize("name", choices("placement"))

NODES = [f"partition-{index}" for index in range(12)]
REQUESTS = [Request(trial, trial % 4, round_, round_) for trial in range(6) for round_ in range(1, 6)]


@pytest.fixture
def make(name):
    cls = load_choice("placement", name)
    return lambda wanted=None, seed=0, slots=4: cls(seed, slots, cls.Options(nodes_per_round=wanted))


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
    assert len(set(plan(0))) > 1


def test_every_node_has_its_turn(make):
    placement = make(2)
    met = {node for round_ in range(1, 101) for node in placement.select(Request(0, 0, round_, round_), NODES)}
    assert met == set(NODES)


def test_no_nodes_at_all(make):
    with pytest.raises(ConfigError, match=r"node.*got 0"):
        make(4, slots=4).select(Request(0, 0, 1, 1), [])


@pytest.mark.parametrize("wanted", [0, -1])
def test_nodes_per_round_must_be_positive(make, wanted):
    with pytest.raises(ConfigError, match="nodes_per_round"):
        make(wanted)
