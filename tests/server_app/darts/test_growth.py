"""What was found in a small network becomes as large as is legal."""

from __future__ import annotations

from dataclasses import replace

from server_app.darts.discretization import found_in
from server_app.darts.growth import grown
from tests.support.mixtures import cell_space, layered_space, mobile_space, random_mixture


def test_without_constraints_all_sizes_are_the_largest():
    space = cell_space("nasbench201", nodes=2, cells=[3, 5, 8], channels=[2, 4])
    (spec,) = found_in(random_mixture(space.mixed(), 0), space, 1, None)
    assert (spec.cells, spec.channels) == (8, 4)
    assert grown(spec, space) == spec


def test_no_size_could_be_larger_and_legal():
    space = cell_space("nasbench201", nodes=2, cells=[3, 5, 8], channels=[2, 4, 6])
    small = found_in(random_mixture(space.mixed(), 0), space, 1, None)[0]
    small = replace(small, cells=3, channels=2)
    limit = space.cost(replace(small, cells=5, channels=4)).macs
    space.max_macs = limit
    spec = grown(small, space)
    assert space.cost(spec).macs <= limit
    larger = [other for other in space.larger(spec) if other is not None]
    assert larger
    assert not any(space.contains(other) for other in larger)
    assert (spec.cells, spec.channels) == (5, 4), "more cells, then more channels, then neither"


def test_blocks_stay_as_stages_become_wider():
    space = mobile_space()
    mixture = random_mixture(space.mixed(), 3)
    (spec,) = found_in(mixture, space, 1, None)
    assert {block.width for block in spec.blocks} <= {4, 12}, "the widest that each stage has"
    assert spec.last_width == 8


def test_layers_become_wider_together():
    space = layered_space()
    (spec,) = found_in(random_mixture(space.mixed(), 3), space, 1, None)
    assert {layer.width for layer in spec.layers} == {8}
