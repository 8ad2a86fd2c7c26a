"""The least likely options of each place go, and two stay."""

from __future__ import annotations

from server_app.darts.mixture import Mixture
from server_app.darts.shrinking import dropped, kept
from tests.support.mixtures import cell_space


def mixture(*probabilities):
    """Three edges of four operations each."""
    spec = cell_space("nasbench201", nodes=2, operations=["none", "skip", "conv1", "conv3"]).mixed()
    return Mixture(spec, probabilities)


def test_the_least_likely_go_and_the_order_of_the_others_stays():
    found = mixture((0.1, 0.2, 0.3, 0.4), (0.4, 0.1, 0.3, 0.2), (0.25, 0.25, 0.25, 0.25))
    stays = kept(found, 1)
    assert list(stays.values()) == [(1, 2, 3), (0, 2, 3), (0, 1, 2)], "of equal ones the last goes"
    assert list(dropped(found, stays).values()) == [["none"], ["skip"], ["conv3"]]
    smaller = found.spec.keeping(stays)
    assert [choice.options for choice in smaller.choices] == [
        ("skip", "conv1", "conv3"),
        ("none", "conv1", "conv3"),
        ("none", "skip", "conv1"),
    ]


def test_two_stay_however_many_are_to_go():
    found = mixture((0.1, 0.2, 0.3, 0.4), (0.4, 0.1, 0.3, 0.2), (0.7, 0.1, 0.1, 0.1))
    assert list(kept(found, 9).values()) == [(2, 3), (0, 2), (0, 1)]
    smallest = Mixture(found.spec.keeping(kept(found, 9)), ((0.9, 0.1),) * 3)
    assert dropped(smallest, kept(smallest, 1)) == {}
