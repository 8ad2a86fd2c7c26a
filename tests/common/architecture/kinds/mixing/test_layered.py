"""All layers in one place of a chain."""

from __future__ import annotations

import pytest

from common.architecture.kinds.layered import LayeredSpec
from common.architecture.kinds.layers import AvgPool, Conv1d, Linear, LogEnergy, MaxPool
from common.architecture.kinds.mixed import Choice, MixedSpec
from common.errors import SpecError
from common.tasks import Classification, Task
from tests.support.graphs import reading
from tests.support.mixed import mixed_layers

SEQUENCE = Task((3, 20), Classification(4))
CONVOLUTIONS = [Conv1d(8, kernel=kernel) for kernel in (3, 5)]
LINEAR = [Linear(6), Linear(6, norm="none")]


def test_options_stand_beside_each_other_and_space_is_reduced_once():
    read = reading(mixed_layers(CONVOLUTIONS, [MaxPool(2), AvgPool(2)], LINEAR).lower(SEQUENCE))
    assert read["layer0_mix"][1] == ["layer0_conv1d_width_8_activation", "layer0_conv1d_width_8_kernel_5_activation"]
    assert [name for name in read if "reduce" in name] == ["layer2_reduce"]
    assert read["layer2_reduce"][1] == ["layer1_mix"]
    assert read["layer2_linear_width_6"][1] == read["layer2_linear_width_6_norm_none"][1] == ["layer2_reduce"]


def test_other_layers_may_read_past_a_place():
    frame = LayeredSpec((Conv1d(8), Conv1d(8, skip=0)), "avg")
    read = reading(MixedSpec(frame, (Choice("layer0", tuple(CONVOLUTIONS)),)).lower(SEQUENCE))
    assert read["layer1_add"][1] == ["layer1_activation", "layer0_mix"]


def test_what_joins_joins_once():
    frame = LayeredSpec((Linear(6),), "avg", LogEnergy(2))
    read = reading(MixedSpec(frame, (Choice("layer0", tuple(LINEAR)),)).lower(SEQUENCE))
    assert read["layer0_join"][1] == ["layer0_reduce", "join_norm"]
    assert read["layer0_linear_width_6"][1] == ["layer0_join"]


def test_it_comes_to_the_chosen_layers():
    spec = mixed_layers(CONVOLUTIONS, LINEAR)
    assert spec.plain({"layer0": CONVOLUTIONS[1], "layer1": LINEAR[0]}) == LayeredSpec(
        (CONVOLUTIONS[1], LINEAR[0]), "avg"
    )


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ([Conv1d(8), Conv1d(8, skip=-1)], "may be a front end or have a skip connection"),
        ([Linear(6), LogEnergy(2)], "may be a front end or have a skip connection"),
        ([Conv1d(8), Linear(8)], "Either all options of layer0 work on vectors or none"),
    ],
)
def test_options_that_would_read_something_else_are_refused(options, reason):
    with pytest.raises(SpecError, match=reason):
        mixed_layers(options)


def test_options_that_give_another_shape_are_refused_for_the_task():
    spec = mixed_layers([Conv1d(8), Conv1d(8, stride=2)])
    with pytest.raises(SpecError, match="Layer 0: The 2 options of layer0 must give one shape"):
        spec.lower(SEQUENCE)


def test_layers_have_no_parts():
    spec = mixed_layers(LINEAR)
    with pytest.raises(SpecError, match="Only mixed cells have partial channels"):
        MixedSpec(spec.frame, spec.choices, 2)
