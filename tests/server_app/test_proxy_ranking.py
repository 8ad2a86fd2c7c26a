"""Specs ranked by their zero-cost scores."""

from __future__ import annotations

import pytest
from scipy.stats import rankdata

from common.architecture.kinds.layered import LayeredSpec
from common.architecture.kinds.layers import Linear
from common.seeding import generator
from server_app.proxy_ranking import MEAN_RANK, ProxyScores, best, rank_all, ranks_of


def found(*scores: dict[str, float]) -> list[ProxyScores]:
    return [ProxyScores(LayeredSpec((Linear(width + 2),)), each) for width, each in enumerate(scores)]


def test_the_greatest_is_first_and_equal_ones_share_their_ranks():
    assert ranks_of([5.0, 9.0, 5.0, 1.0]).tolist() == [2.5, 1, 2.5, 4]
    assert ranks_of([]).tolist() == []


def test_ranks_are_those_of_scipy():
    values = generator(0, "values").integers(0, 20, 50).astype(float)
    assert ranks_of(list(values)).tolist() == rankdata(-values).tolist()


def test_what_is_missing_shares_the_last_ranks():
    assert ranks_of([None, -1e30, None, 3.0]).tolist() == [3.5, 2, 3.5, 1]


def test_all_scores_together_are_the_mean_of_the_ranks():
    ranks = rank_all(found({"macs": 1.0, "naswot": 5.0}, {"macs": 2.0, "naswot": 9.0}, {"macs": 3.0, "naswot": 1.0}))
    assert list(ranks) == ["macs", "naswot", MEAN_RANK]
    # mean ranks 2.5, 1.5 and 2
    assert ranks[MEAN_RANK] == [3, 1, 2]


def test_a_score_that_nobody_has_is_not_told():
    assert list(rank_all(found({"macs": 1.0}))) == ["macs", MEAN_RANK]
    assert rank_all([]) == {}


@pytest.mark.parametrize("turned", [False, True])
def test_the_best_do_not_depend_on_the_order_of_the_specs(turned: bool):
    specs = found({"macs": 1.0}, {"macs": 2.0}, {"macs": 2.0}, {"macs": 3.0})
    specs = specs[::-1] if turned else specs
    places = best(specs, rank_all(specs)["macs"], 3)
    first = min(specs[1:3], key=lambda each: each.spec.id)
    assert [specs[place].scores["macs"] for place in places] == [3, 2, 2]
    assert specs[places[1]] == first
