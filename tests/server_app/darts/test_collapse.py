"""More skip connections in a cell than a number, or more than half of the blocks doing nothing."""

from __future__ import annotations

import pytest

from server_app.darts.collapse import has_collapsed
from server_app.darts.discretization import strongest
from server_app.darts.mixture import Mixture
from tests.support.mixtures import cell_space, layered_space, mobile_space


def cells(normal_skips, reduction_skips):
    """Two nodes, of four edges that are read, in each cell."""
    space = cell_space("darts", nodes=2, operations=["skip", "sep_conv3"])
    spec = space.mixed()
    assert len(spec.choices) == 2 * 5
    rows = []
    for skips in (normal_skips, reduction_skips):
        read = [(0.9, 0.1)] * skips + [(0.1, 0.9)] * (4 - skips)
        rows += [*read, (0.5, 0.5)]
    return Mixture(spec, tuple(rows))


@pytest.mark.parametrize(
    ("normal", "reduction", "most", "expected"),
    [(2, 2, 2, False), (3, 0, 2, True), (0, 3, 2, True), (1, 1, 1, False), (2, 1, 1, True), (4, 4, None, False)],
)
def test_each_cell_counts_alone(normal, reduction, most, expected):
    mixture = cells(normal, reduction)
    chosen = next(strongest(mixture))
    assert len(chosen) == 8
    assert has_collapsed(mixture.spec, chosen, most) is expected


def test_of_blocks_it_is_more_than_half():
    spec = mobile_space().mixed()
    number = len(spec.choices)
    assert number == 4
    for idle in range(number + 1):
        chosen = {choice.place: choice.options[-1 if place < idle else 0] for place, choice in enumerate(spec.choices)}
        assert has_collapsed(spec, chosen, 2) is (idle > 2)
        assert not has_collapsed(spec, chosen, None)


def test_a_chain_of_layers_has_nothing_that_does_nothing():
    spec = layered_space().mixed()
    assert not has_collapsed(spec, {choice.place: choice.options[-1] for choice in spec.choices}, 0)
