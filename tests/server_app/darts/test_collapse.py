"""More skip connections in a cell than a number, or more than half of the blocks doing nothing."""

from __future__ import annotations

import pytest

from server_app.darts.collapse import has_collapsed, with_fewer_skips
from server_app.darts.discretization import found_in, strongest
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


def test_where_skip_connections_win_by_far_the_likeliest_of_each_cell_stay():
    """Of 3 nodes and 18 edges of 7 operations, no number of single changes would be enough."""
    space = cell_space("darts", nodes=3)
    spec = space.mixed()
    rows = []
    for place in range(len(spec.choices)):
        skip = 0.9 + place / 1000
        rows.append((skip, *[(1 - skip) / 6] * 6))
    mixture = Mixture(spec, tuple(rows))
    best = next(strongest(mixture))
    assert set(best.values()) == {"skip"}
    fewer = with_fewer_skips(mixture, best, 2)
    chosen = next(strongest(fewer))
    for cell in ("normal", "reduction"):
        skips = [place for place, option in chosen.items() if option == "skip" and place.startswith(cell)]
        assert skips == [choice.place for choice in spec.choices if choice.place.startswith(cell)][-2:]
    first, second = found_in(mixture, space, 2, 2)
    assert first != second
    assert max(first.describe().split("|")[0].count("skip"), second.describe().split("|")[1].count("skip")) == 2


def test_of_blocks_the_likeliest_half_may_do_nothing():
    space = mobile_space()
    spec = space.mixed()
    mixture = Mixture(spec, tuple((0.06, 0.04 - place / 100, 0.9 + place / 100) for place in range(4)))
    best = next(strongest(mixture))
    chosen = next(strongest(with_fewer_skips(mixture, best, 2)))
    names = [spec.choices[place].options.index(chosen[spec.choices[place].place]) for place in range(4)]
    assert names == [0, 0, 2, 2]
    assert with_fewer_skips(mixture, best, None) == mixture


def test_what_has_not_collapsed_stays_as_it_is():
    mixture = cells(2, 1)
    assert with_fewer_skips(mixture, next(strongest(mixture)), 2) == mixture
