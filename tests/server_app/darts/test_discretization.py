"""Plain networks come by how much probability they lose, all of them, each once."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from common.errors import SpecError
from server_app.darts.discretization import found_in, strongest
from server_app.darts.mixture import Mixture
from tests.support.mixtures import cell_space, layered_space, mobile_space, random_mixture


def edges_of(mixture):
    """By node of a cell, by edge: by operation how likely it is."""
    nodes = {}
    for choice, values in zip(mixture.spec.choices, mixture.probabilities, strict=True):
        edges = nodes.setdefault(choice.place.rpartition(".")[0], {})
        edges[choice.place] = dict(zip(choice.options, values, strict=True))
    return nodes


def paper_s(mixture):
    """Section 2.4 of DARTS: by node the two edges whose strongest operation, none aside, is strongest."""
    chosen = {}
    for edges in edges_of(mixture).values():
        best = {place: max((p, name) for name, p in ops.items() if name != "none") for place, ops in edges.items()}
        for place in sorted(best, key=lambda place: -best[place][0])[:2]:
            chosen[place] = best[place][1]
    return chosen


def every_choice_of_a_node(edges):
    """Each pair of edges, with operations that are not none, and how likely these are together."""
    for pair in itertools.combinations(edges, 2):
        real = [[(name, p) for name, p in edges[place].items() if name != "none"] for place in pair]
        for (first, p), (second, q) in itertools.product(*real):
            yield p + q, {pair[0]: first, pair[1]: second}


@pytest.mark.parametrize("seed", range(3))
def test_darts_cells_come_as_the_paper_takes_them_and_then_by_what_they_lose(seed):
    space = cell_space("darts", nodes=2, operations=["none", "skip", "sep_conv3"])
    mixture = random_mixture(space.mixed(), seed)
    found = list(strongest(mixture))
    assert found[0] == paper_s(mixture)
    parts = [list(every_choice_of_a_node(edges)) for edges in edges_of(mixture).values()]
    assert [len(part) for part in parts] == [4, 12, 4, 12]
    worth = {}
    for choice in itertools.product(*parts):
        merged = {place: name for _, one in choice for place, name in one.items()}
        worth[tuple(sorted(merged.items()))] = math.fsum(p for p, _ in choice)
    keys = [tuple(sorted(chosen.items())) for chosen in found]
    assert len(set(keys)) == len(keys) == len(worth) == 4 * 12 * 4 * 12
    np.testing.assert_allclose([worth[key] for key in keys], sorted(worth.values(), reverse=True), atol=1e-12)


@pytest.mark.parametrize("seed", range(3))
def test_an_edge_of_nas_bench_201_has_its_strongest_operation_and_the_second_network_differs_in_one(seed):
    space = cell_space("nasbench201", nodes=3)
    mixture = random_mixture(space.mixed(), seed)
    first, second = itertools.islice(strongest(mixture), 2)
    by_place = dict(zip((choice.place for choice in mixture.spec.choices), mixture.probabilities, strict=True))
    names = mixture.spec.choices[0].options
    assert first == {place: names[int(np.argmax(values))] for place, values in by_place.items()}
    gaps = {place: np.subtract(*np.sort(values)[:-3:-1]) for place, values in by_place.items()}
    (changed,) = [place for place in first if first[place] != second[place]]
    assert changed == min(gaps, key=gaps.get)
    assert by_place[changed][names.index(second[changed])] == np.sort(by_place[changed])[-2]


@pytest.mark.parametrize("make", [mobile_space, layered_space])
def test_places_of_other_spaces_have_their_strongest_option(make):
    space = make()
    mixture = random_mixture(space.mixed(), 1)
    chosen = next(strongest(mixture))
    for choice, values in zip(mixture.spec.choices, mixture.probabilities, strict=True):
        assert chosen[choice.place] == choice.options[int(np.argmax(values))]
    assert space.contains(mixture.spec.plain(chosen))


@pytest.mark.parametrize("form", ["darts", "nasbench201"])
def test_a_plain_cell_has_the_edges_that_were_chosen(form):
    space = cell_space(form, nodes=2, operations=["none", "skip", "conv1", "conv3"])
    for seed in range(5):
        mixture = random_mixture(space.mixed(), seed)
        for chosen in itertools.islice(strongest(mixture), 20):
            try:
                spec = mixture.spec.plain(chosen)
            except SpecError:
                continue  # it leads nowhere
            real = sorted(name for name in chosen.values() if name != "none")
            cells = [spec.normal, spec.reduction or ()]
            told = sorted(name for cell in cells for node in cell for _, name in node)
            assert len(told) <= len(real)
            if form == "darts":
                assert told == real
                assert all(len(node) == 2 for cell in cells for node in cell)


def test_what_is_not_legal_is_passed_over():
    """All that have an edge of conv3 are too large; the strongest has two."""
    space = cell_space("nasbench201", nodes=2, operations=["none", "skip", "conv3"])
    mixture = Mixture(space.mixed(), ((0.1, 0.3, 0.6), (0.1, 0.2, 0.7), (0.0, 0.9, 0.1)))
    assert sorted(next(strongest(mixture)).values()) == ["conv3", "conv3", "skip"]
    free = found_in(mixture, space, 1, None)[0]
    assert "conv3" in free.describe()
    space.excess = lambda spec: "too large" if "conv3" in spec.describe() else ""
    best, second = found_in(mixture, space, 2, None)
    assert {name for node in best.normal for _, name in node} == {"skip"}
    assert best != second


def test_networks_that_have_collapsed_are_passed_over():
    space = cell_space("darts", nodes=2, operations=["skip", "sep_conv3"])
    mixture = Mixture(space.mixed(), ((0.9, 0.1),) * 10)
    assert [found.describe().count("skip") for found in found_in(mixture, space, 1, None)] == [8]
    (best,) = found_in(mixture, space, 1, 2)
    assert [sum(name == "skip" for node in cell for _, name in node) for cell in (best.normal, best.reduction)] == [
        2,
        2,
    ]


def test_where_nothing_is_legal_nothing_is_found():
    space = cell_space("nasbench201", nodes=2, operations=["skip", "conv1"])
    space.excess = lambda spec: "too large"  # noqa: ARG005
    assert found_in(random_mixture(space.mixed(), 0), space, 2, None) == []
