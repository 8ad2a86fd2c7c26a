"""What was found in a small network becomes as large as is legal."""

from __future__ import annotations

from dataclasses import replace

from server_app.darts.discretization import found_in
from server_app.darts.growth import grown
from tests.support.mixtures import cell_space, layered_space, mobile_space, random_mixture


def test_no_size_could_be_larger_and_no_dearer_than_the_network_of_all_options():
    space = cell_space("nasbench201", nodes=2, cells=[3, 5, 8], channels=[2, 4, 6, 8, 12, 16])
    most = space.cost(space.mixed()).macs
    for seed in range(5):
        (spec,) = found_in(random_mixture(space.mixed(), seed), space, 1, None)
        assert space.cost(spec).macs <= most
        larger = [other for other in space.larger(spec) if other is not None]
        assert larger
        assert all(space.cost(other).macs > most for other in larger)
        assert grown(spec, space) == spec


def test_what_is_dearer_already_stays_as_it_is():
    space = cell_space("nasbench201", nodes=2, cells=[3, 5, 8], channels=[2, 64])
    (small,) = found_in(random_mixture(space.mixed(), 0), space, 1, None)
    large = replace(small, channels=64)
    assert space.cost(large).macs > space.cost(space.mixed()).macs
    assert grown(large, space) == large


def test_no_size_could_be_larger_and_legal():
    space = cell_space("nasbench201", nodes=2, cells=[3, 5, 8], channels=[2, 4])
    small = found_in(random_mixture(space.mixed(), 0), space, 1, None)[0]
    small = replace(small, cells=3, channels=2)
    limit = space.cost(replace(small, cells=5, channels=2)).macs
    assert limit < space.cost(replace(small, cells=8, channels=2)).macs < space.cost(space.mixed()).macs
    space.max_macs = limit
    spec = grown(small, space)
    assert space.cost(spec).macs <= limit
    larger = [other for other in space.larger(spec) if other is not None]
    assert larger
    assert not any(space.contains(other) for other in larger)
    assert (spec.cells, spec.channels) == (5, 2), "more cells, no more channels, then neither"


def test_blocks_stay_as_stages_become_wider():
    space = mobile_space()
    (spec,) = found_in(random_mixture(space.mixed(), 0), space, 1, None)
    assert {block.width for block in spec.blocks} <= {4, 12}, "the widest that each stage has"
    assert spec.last_width == 8


def test_layers_become_wider_together():
    space = layered_space()
    (spec,) = found_in(random_mixture(space.mixed(), 3), space, 1, None)
    assert {layer.width for layer in spec.layers} == {8}
