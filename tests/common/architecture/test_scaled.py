"""A graph that scales its input first: the same network, its weights laid out as before."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from common.architecture.cost import cost_of
from common.architecture.initial import initial_weights
from common.architecture.kinds.layered import LayeredSpec
from common.architecture.layout import layout
from common.errors import SpecError
from common.models.builder import build, flat_state
from common.preprocessing.scaling import CLIP, Scaling
from common.preprocessing.schema import Declared, Schema
from common.seeding import generator
from common.tasks import Classification, Task


def scaling_for(shape):
    rng = generator(0, "scaling", *shape)
    std = rng.random(shape[0]) + 0.5
    std[0] = 0.0
    return Scaling(tuple(rng.normal(size=shape[0]).tolist()), tuple(std.tolist()))


@pytest.mark.parametrize("seed", range(12))
def test_it_does_to_its_input_what_the_scaling_says_and_nothing_else(seed, random_case):
    spec, plain = random_case(seed)
    scaling = scaling_for(plain.input_shape)
    task = Task(plain.input_shape, plain.head, scaling)
    before, after = spec.lower(plain), spec.lower(task)
    assert layout(after) == layout(before)
    assert cost_of(after) == cost_of(before)
    weights = initial_weights(before, generator(seed))
    x = (5 * generator(seed, "x").standard_normal((4, *plain.input_shape))).astype(np.float32)
    to_axes = (-1, *[1] * (len(plain.input_shape) - 1))
    mean, std = (np.array(row, np.float32).reshape(to_axes) for row in (scaling.mean, scaling.std))
    by_hand = np.clip(np.where(std > 0, (x - mean) / np.where(std > 0, std, 1), 0), -CLIP, CLIP).astype(np.float32)
    module = build(after, weights).eval()
    with torch.no_grad():
        expected = build(before, weights).eval()(torch.from_numpy(by_hand))
        torch.testing.assert_close(module(torch.from_numpy(x)), expected, rtol=1e-4, atol=1e-4)
    np.testing.assert_array_equal(flat_state(module).numpy(), weights)
    assert [name for name in module.state_dict() if name.startswith("scaling")] == []


def test_extreme_values_are_cut_off_and_what_was_constant_is_zero_for_ever():
    task = Task((2,), Classification(2), Scaling((1.0, 1.0), (2.0, 0.0)))
    graph = LayeredSpec().lower(task)
    first = build(graph)[0]
    x = torch.tensor([[1.0 + 2 * 3, 7.0], [1e9, -1e9], [-1e9, 1.0]])
    assert first(x).tolist() == [[3.0, 0.0], [CLIP, 0.0], [-CLIP, 0.0]]


def test_inputs_that_a_caller_holds_stay_as_they_are(random_case):
    spec, plain = random_case(3)
    task = Task(plain.input_shape, plain.head, scaling_for(plain.input_shape))
    x = torch.ones(2, *task.input_shape)
    build(spec.lower(task)).eval()(x)
    assert (x == 1).all()


def test_where_each_node_has_its_own_a_graph_has_a_cost_and_is_built_once_that_is_known(random_case):
    spec, plain = random_case(5)
    task = Task(plain.input_shape, plain.head, "node")
    assert cost_of(spec.lower(task)) == cost_of(spec.lower(plain))
    with pytest.raises(SpecError, match="examples"):
        build(spec.lower(task))
    x = generator(0).standard_normal((20, *plain.input_shape)).astype(np.float32)
    own = task.fitted(x)
    assert own.scaling == Scaling.of(x)
    build(spec.lower(own))
    assert own.fitted(x[:10]) == own
    assert plain.fitted(x) == plain


def test_gaps_become_the_mean_which_is_zero_after_scaling():
    schema = Schema((Declared("a", "number", missing=True), Declared("y", "label", classes=("no", "yes"))))
    x = torch.tensor([[float("nan"), 1.0], [5.0, 0.0], [-1e9, 0.0]])
    task = Task((2,), Classification(2), Scaling((1.0, 0.0), (2.0, 1.0)), schema)
    first = build(LayeredSpec().lower(task))[0]
    assert first(x).tolist() == [[0.0, 1.0], [2.0, 0.0], [-CLIP, 0.0]]
    as_is = build(LayeredSpec().lower(replace(task, scaling=Scaling.as_is(2))))[0]
    assert as_is(x).tolist() == [[0.0, 1.0], [5.0, 0.0], [-1e9, 0.0]]
    plain = replace(task, schema=None)  # a number that is none is no gap where no schema says so
    assert build(LayeredSpec().lower(plain))[0](x)[0, 0].isnan()
    assert cost_of(LayeredSpec().lower(task)) == cost_of(LayeredSpec().lower(plain))


def test_a_task_by_a_schema_goes_to_json_and_back():
    schema = Schema((Declared("a", "number", missing=True), Declared("y", "label", classes=("no", "yes"))))
    task = Task((2,), Classification(2, ("no", "yes")), "node", schema)
    assert Task.from_dict(task.to_dict()) == task
    assert "schema" not in replace(task, schema=None).to_dict()  # as written by those of before
    with pytest.raises(SpecError, match="as long as its schema says"):
        replace(task, input_shape=(3,))
    x = np.array([[1, 0], [np.nan, 1], [3, 0]], np.float32)
    assert task.fitted(x).scaling == Scaling((2.0, 0.0), (1.0, 1.0))
