"""Mixed specs: what they may be, which architecture weights they have, and what is left of them."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.architecture.activations import saved_bytes
from common.architecture.cost import cost_of
from common.architecture.graph import GraphBuilder
from common.architecture.kinds.cell import CellSpec
from common.architecture.kinds.constant import ConstantSpec
from common.architecture.kinds.layers import Linear
from common.architecture.kinds.mixed import Choice, MixedSpec
from common.architecture.layout import layout
from common.architecture.memory import training_memory
from common.architecture.operations import Add
from common.architecture.spec import ArchitectureSpec
from common.errors import SpecError
from common.settings import TrainingSettings
from common.tasks import Classification, Task
from tests.support.kinds import MIXED, TASKS, space_of
from tests.support.mixed import mixed_cells, mixed_layers

VECTOR = Task((4,), Classification(3))
A, B, C = Linear(5), Linear(5, activation="tanh"), Linear(5, norm="none")
LAYERS = mixed_layers([A, B, C], [A], [B, C])


def test_a_place_of_one_option_has_no_architecture_weight():
    assert LAYERS.num_alphas == 5
    assert LAYERS.spans == (slice(0, 3), slice(3, 3), slice(3, 5))
    mixes = [node.operation for node in LAYERS.lower(VECTOR).nodes if node.operation.op == "mix"]
    assert [(mix.place, mix.options, mix.inputs) for mix in mixes] == [("layer0", 3, (0, 1, 2)), ("layer2", 2, (0, 1))]
    assert ConstantSpec().num_alphas == 0


def test_what_is_kept_stays_in_order_and_the_rest_is_not_sent():
    fewer = LAYERS.keeping({"layer0": [0, 2]})
    assert fewer == mixed_layers([A, C], [A], [B, C])
    assert fewer.spans == (slice(0, 2), slice(2, 2), slice(2, 4))
    # of B in the first place: weight and bias; its norm has nothing to learn
    assert cost_of(LAYERS.lower(VECTOR)).message_bytes - cost_of(fewer.lower(VECTOR)).message_bytes == 4 * ((4 + 1) * 5)
    assert LAYERS.keeping({}) == LAYERS


@pytest.mark.parametrize(
    "kept", [{"layer9": [0]}, {"layer0": []}, {"layer0": [3]}, {"layer0": [1, 0]}, {"layer0": [-1]}]
)
def test_nothing_is_kept_that_is_not_there(kept):
    with pytest.raises(SpecError):
        LAYERS.keeping(kept)


@pytest.mark.parametrize("case", MIXED)
@given(st.integers(0, 99))
@settings(max_examples=8, deadline=None)
def test_names_of_tensors_do_not_depend_on_what_else_is_there(case, seed):
    rng = np.random.default_rng(seed)
    data = MIXED[case][0][0]
    spec = space_of(case, data).sample(rng)
    fewer = spec.keeping({choice.place: [len(choice.options) - 1] for choice in spec.choices if rng.random() < 0.7})
    wide, narrow = ({t.name: t.shape for t in layout(one.lower(TASKS[data]))} for one in (spec, fewer))
    assert narrow.items() <= wide.items()
    assert fewer.num_alphas <= spec.num_alphas


def test_what_the_frame_has_in_places_of_choice_plays_no_part():
    other = MixedSpec(CellSpec("nasbench201", [[(0, "conv3")]], cells=3, channels=4), CELLS.choices)
    assert (other, other.id) == (CELLS, CELLS.id)


CELLS = mixed_cells("nasbench201", ("none", "skip", "conv3"))


def test_ids_never_change():
    assert (CELLS.id, LAYERS.id) == ("b4185f8f19d0", "23714d6f8007")


def test_people_are_told_what_there_is():
    assert CELLS.describe() == "mixed cell: 9 options in 3 places"
    assert mixed_cells("darts", ("skip", "conv3"), partial=2).describe().endswith("10 places, 1 channel of 2")
    assert CELLS.choices[0].names == ("none", "skip", "conv3")
    assert LAYERS.choices[0].names == ("linear width=5", "linear width=5 activation=tanh", "linear width=5 norm=none")


def test_the_order_of_options_is_part_of_what_it_is():
    assert mixed_layers([A, B]) != mixed_layers([B, A])


def test_a_plain_spec_has_one_option_in_each_place():
    chosen = {"layer0": C, "layer1": A, "layer2": B}
    assert LAYERS.plain(chosen).layers == (C, A, B)
    with pytest.raises(SpecError, match="must be chosen for each place"):
        LAYERS.plain({"layer0": C})
    with pytest.raises(SpecError, match="What is chosen for layer1 must be an option"):
        LAYERS.plain({**chosen, "layer1": B})


def test_memory_has_room_for_looking_a_step_ahead():
    """Seven arrays of the size of the weights, where plain training has four."""
    graph, sgd = LAYERS.lower(VECTOR), TrainingSettings("sgd", batch_size=1)
    network = GraphBuilder(graph.input_shape)
    for node in graph.nodes:
        mixes = node.operation.op == "mix"
        network.add(node.name, Add() if mixes else node.operation, *node.inputs)
    plain = network.graph()
    more = training_memory(graph, sgd) - training_memory(plain, sgd)
    more -= saved_bytes(graph, 1) - saved_bytes(plain, 1)
    assert more == 3 * cost_of(graph).message_bytes


def values(**changes):
    return {"version": 1, "kind": "mixed", **LAYERS.to_values(), **changes}


WRONG = {
    "no frame": ({"frame": None}, "frame of a mixed spec is of kind cell, mobile, layered, got None"),
    "a constant frame": ({"frame": {"version": 1, "kind": "constant"}}, "got 'constant'"),
    "a mixed frame": ({"frame": {"version": 1, "kind": "mixed", **LAYERS.to_values()}}, "got 'mixed'"),
    "a damaged frame": ({"frame": {"version": 1, "kind": "layered"}}, "A spec needs layers"),
    "choices that are none": ({"choices": {"layer0": []}}, "choices must be a list of 64"),
    "a choice that is none": ({"choices": ["layer0"]}, "A choice must be a place and its options"),
    "options that are none": ({"choices": [["layer0", {"op": "linear"}]]}, "options of layer0 must be a list"),
    "an option that is none": ({"choices": [["layer0", [{"op": "linear"}]]]}, "linear needs width"),
    "no options": ({"choices": [["layer0", []]]}, "layer0 must have 1 to 64 options"),
    "an option twice": ({"choices": [["layer0", [A.to_dict()] * 2]]}, "each once"),
    "a place that is none": ({"choices": [["layer3", [A.to_dict()]]]}, "layer0 to layer2, in order"),
    "places in another order": ({"choices": LAYERS.to_values()["choices"][::-1]}, "in order"),
    "partial channels": ({"partial": 2}, "Only mixed cells have partial channels"),
    "no channel": ({"partial": 0}, "partial must be a whole number from 1"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_makes_no_sense_is_refused(case):
    changes, reason = WRONG[case]
    with pytest.raises(SpecError) as error:
        ArchitectureSpec.from_dict(values(**changes))
    assert reason in str(error.value)


def test_what_lacks_is_named():
    with pytest.raises(SpecError, match="needs frame and choices"):
        ArchitectureSpec.from_dict({"version": 1, "kind": "mixed", "frame": {}})


def test_mixed_specs_within_each_other_end_at_once():
    text = '{"version":1,"kind":"mixed","choices":[],"frame":' * 900 + "{}" + "}" * 900
    with pytest.raises(SpecError, match="frame of a mixed spec is of kind"):
        ArchitectureSpec.from_json(text)


def test_options_of_another_kind_are_refused_in_code_too():
    for spec, option in ((LAYERS, "skip"), (CELLS, A)):
        with pytest.raises(SpecError):
            MixedSpec(spec.frame, (Choice(spec.choices[0].place, (option,)), *spec.choices[1:]))


def test_json_is_short():
    assert len(mixed_cells("darts", nodes=6).to_json()) < 12_000
    assert json.loads(LAYERS.to_json())["choices"][1] == ["layer1", [A.to_dict()]]
