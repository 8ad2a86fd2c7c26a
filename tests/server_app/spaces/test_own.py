"""The own space: what a file says is what is drawn, counted, refused and told."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import fields
from pathlib import Path

import pytest
import yaml

from common.architecture.kinds.layered import LayeredSpec
from common.architecture.kinds.layers import Conv2d, Linear, MaxPool
from common.errors import ConfigError, SpaceError, SpecError
from common.seeding import generator
from common.tasks import Classification, Task
from server_app.spaces.own import OwnSpace
from server_app.spaces.own_count import count

IMAGE, VECTOR = Task((1, 8, 8), Classification(10)), Task((5,), Classification(3))
EXAMPLE = Path(__file__).parents[3] / "conf" / "space" / "examples" / "residual.yaml"
STEM = {"op": "conv2d", "width": 4, "kernel": 3}


def space(task=IMAGE, **options):
    return OwnSpace(task, OwnSpace.Options(**options))


def example():
    values = yaml.safe_load(EXAMPLE.read_text())
    assert values.pop("name") == "own"
    return space(**values)


def listed(**options):
    return [spec.describe() for spec in space(**options).enumerate()]


def test_the_file_of_the_space_explains_all_options():
    text = (EXAMPLE.parents[1] / "own.yaml").read_text()
    defaults = {option.name: option.default for option in fields(OwnSpace.Options)}
    assert yaml.safe_load(text) == {"name": "own", **defaults}
    assert all("#" in line for line in text.splitlines() if not line.startswith("name:"))


# ---------------------------------------------------------------- what a file means


def test_a_list_is_a_choice_and_all_else_is_fixed():
    found = list(space(layers=[STEM, {"op": "linear", "width": [8, 16]}], reduce="avg").enumerate())
    assert found == [LayeredSpec((Conv2d(4, kernel=3), Linear(width)), "avg") for width in (8, 16)]


def test_a_field_is_there_where_the_operation_has_it_and_its_conditions_hold():
    kernel = [{"values": [3, 5], "when": {"op": "conv2d"}}, {"values": 2}]
    found = list(space(layers=[STEM, {"op": ["conv2d", "max_pool"], "width": 8, "kernel": kernel}]).enumerate())
    assert [spec.layers[1] for spec in found] == [Conv2d(8, kernel=3), Conv2d(8, kernel=5), MaxPool(2)]


def test_a_shared_choice_is_the_same_wherever_it_stands_and_repeated_layers_have_values_of_their_own():
    shared = listed(choices={"w": [4, 8]}, layers=[{"op": "linear", "width": "$w", "repeat": 2}], task=VECTOR)
    assert shared == ["linear 4 → linear 4", "linear 8 → linear 8"]
    own = listed(layers=[{"op": "linear", "width": [4, 8], "repeat": 2}], task=VECTOR)
    assert own == [f"linear {first} → linear {second}" for first in (4, 8) for second in (4, 8)]


def test_a_layer_is_there_where_its_conditions_hold():
    layers = [{"op": "linear", "width": 4}, {"op": "linear", "width": [6, 8], "when": {"$deep": True}}]
    expected = ["linear 4", "linear 4 → linear 6", "linear 4 → linear 8"]
    assert listed(choices={"deep": [False, True]}, layers=layers, task=VECTOR) == expected


def test_what_a_condition_leaves_inactive_is_not_chosen():
    choices = {"deep": [False, True], "width": {"values": [6, 8], "when": {"$deep": True}}}
    layers = [{"op": "linear", "width": [{"values": "$width", "when": {"$deep": True}}, {"values": 4}]}]
    assert listed(choices=choices, layers=layers, task=VECTOR) == ["linear 4", "linear 6", "linear 8"]


def test_a_skip_counts_back_and_does_not_start_before_the_input():
    layers = [{"op": "linear", "width": 4, "skip": [None, 1, 2], "repeat": 2}]
    sources = [[layer.skip for layer in spec.layers] for spec in space(VECTOR, layers=layers).enumerate()]
    assert sources == [[None, None], [None, 0], [None, -1], [-1, None], [-1, 0], [-1, -1]]


def test_a_front_end_leaves_nothing_to_reduce_and_a_vector_has_nothing_to_reduce():
    layers = [{"op": ["log_energy", "conv1d"], "width": 4}]
    found = list(space(Task((3, 32), Classification(4)), layers=layers, reduce=["avg", "max"]).enumerate())
    assert [(spec.layers[0].op, spec.reduce) for spec in found] == [
        ("log_energy", "flatten"),
        ("conv1d", "avg"),
        ("conv1d", "max"),
    ]
    assert space(VECTOR, layers=[{"op": "linear", "width": 4}], reduce=["avg", "max"]).size() == 1


# ---------------------------------------------------------------- how many


def test_ways_are_counted_without_being_listed():
    program = example()._program
    assert count(program) == sum(1 for _ in program.every())


def test_the_example_holds_as_many_as_its_choices_make():
    # of one repetition: a convolution of one of two sorts with 2 kernels x 2 skips x 2 activations; or pooling
    each = 2 * 2 * 2 * 2 + 1
    middle = each + each**2 + each**3
    small, large = 2 * middle, 3 * middle * 2  # widths; a large one has one of two linear layers
    assert example().size() == (small + large) * 2  # and all are reduced in one of two ways


def test_a_network_that_can_be_made_in_two_ways_is_one():
    part = {"op": "linear", "width": 4, "repeat": [1, 2]}
    found = space(VECTOR, layers=[part, part])
    assert count(found._program) == 4
    assert [len(spec.layers) for spec in found.enumerate()] == [2, 3, 4]
    assert found.size() == 3


# ---------------------------------------------------------------- draws


def test_draws_follow_a_prior_and_mutations_do_not():
    width = {"values": [4, 8, 16], "expected": 16, "confidence": 0.7}
    found = space(VECTOR, layers=[{"op": "linear", "width": width}])
    rng = generator(0)
    draws = Counter(found.sample(rng).layers[0].width for _ in range(1000))
    assert draws[16] / 1000 == pytest.approx(0.7 + 0.3 / 3, abs=0.05)  # four deviations
    of_one = LayeredSpec((Linear(4),))
    mutants = Counter(found.mutate(of_one, rng).layers[0].width for _ in range(1000))
    assert mutants[16] / 1000 == pytest.approx(0.5, abs=0.064)
    assert set(mutants) == {8, 16}


def test_a_mutation_changes_one_answer_and_what_follows_from_it():
    found, rng = example(), generator(0)
    for _ in range(50):
        spec = found.sample(rng)
        before, after = found._answers(spec), found._answers(found.mutate(spec, rng))
        changed = {name for name in before.keys() & after.keys() if before[name] != after[name]}
        # with the size, what is shared by it is drawn again, as far as it is not offered
        assert len(changed) == 1 or changed == {"$size", "$width"}


# ---------------------------------------------------------------- what does not belong


@pytest.mark.parametrize(
    ("spec", "sentence"),
    [
        (LayeredSpec((Conv2d(5),)), "Layer 0: the space offers width 4, got 5. Change space.layers.0.width."),
        (
            LayeredSpec((Conv2d(4), Conv2d(8), Conv2d(9))),
            "Layer 2: the space offers width 8, 16, got 9. Change space.layers.1.1.width.",
        ),
        (LayeredSpec((Conv2d(4),)), "The space holds networks of other depths, got 1. Change space.layers.1.repeat."),
        (LayeredSpec((Conv2d(4), *[Conv2d(8)] * 3)), "The space holds networks of other depths, got 4."),
        (LayeredSpec((Conv2d(4), Conv2d(8, dilation=2))), "The space holds other networks, got 'conv2d 4"),
        (LayeredSpec((Conv2d(4), Conv2d(8)), "avg"), "The spec: the space offers reduce flatten, got 'avg'."),
    ],
)
def test_what_does_not_belong_is_told_by_its_place(spec, sentence):
    found = space(layers=[STEM, {"op": "conv2d", "width": [8, 16], "repeat": [1, 2]}])
    with pytest.raises(SpecError, match=re.escape(sentence)):
        found.check(spec)


def test_layers_that_cannot_follow_each_other_leave_nothing():
    found = space(layers=[{"op": "linear", "width": [4, 8]}, STEM])
    with pytest.raises(SpaceError, match=r"all its 2 specs broke its constraints \(the last draw: Layer 1: conv2d"):
        found.sample(generator(0))


@pytest.mark.parametrize(("name", "limit"), [("parameters", 30), ("macs", 30), ("message_bytes", 100)])
def test_costs_are_limited(name, limit):
    layers = [{"op": "linear", "width": [1, 64], "norm": "none"}]
    found = space(VECTOR, layers=layers, **{f"max_{name}": limit})
    # 5 inputs to 1 unit to 3 outputs: 6 + 6 numbers of 4 bytes, 5 + 3 products
    assert [spec.layers[0].width for spec in found.legal()] == [1]
    with pytest.raises(SpecError, match=f"The space allows {limit} {name} at most, got .* Raise space.max_{name}"):
        found.check(LayeredSpec((Linear(64, norm="none"),)))


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({}, "space.layers must say what the networks are made of, and nothing does. Write FOLDER/space/mine.yaml, as"),
        ({"layers": [STEM], "max_message_bytes": 0}, "space.max_message_bytes must be 1 or more, got 0."),
    ],
)
def test_a_file_without_layers_or_with_impossible_limits_is_refused(options, sentence):
    with pytest.raises(ConfigError, match=re.escape(sentence)):
        OwnSpace.Options(**options)


# ---------------------------------------------------------------- what is told


def test_choices_are_told_with_their_conditions_and_priors():
    told = {name: str(domain) for name, domain in example().choices().items()}
    assert told["$size"] == "small (expected, 0.5), large"
    assert told["$width where $size is small"] == "8, 12"
    assert told["layers.1.kernel where op is conv2d or separable_conv2d"] == "3, 5"
    assert "layers.0.kernel" not in told


def test_a_number_is_encoded_over_the_greatest_and_a_word_by_its_place():
    layers = [{"op": "linear", "width": [4, 8], "activation": ["relu", "gelu", "tanh"], "repeat": [0, 1]}]
    found = space(VECTOR, layers=layers)
    assert found.encode(LayeredSpec(())).tolist() == [0, 0, 0, 0, 0]
    assert found.encode(LayeredSpec((Linear(4, activation="tanh"),))).tolist() == [1, 0.5, 0, 0, 1]
