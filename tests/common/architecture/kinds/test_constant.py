"""The network that looks at nothing."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from common.architecture.cost import cost_of
from common.architecture.initial import initial_weights
from common.architecture.kinds.constant import ConstantSpec
from common.architecture.spec import ArchitectureSpec
from common.errors import SpecError
from common.models.builder import build
from common.models.export import load_model, save_model
from common.preprocessing.scaling import Scaling
from common.seeding import generator
from common.tasks import Classification, Regression, Task

SHAPES = [(5,), (3, 21), (2, 9, 7)]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("head", [Classification(4), Regression((1.0, 2.0), (3.0, 4.0))], ids=["classes", "numbers"])
def test_it_has_a_bias_for_each_output_and_multiplies_nothing(shape, head):
    cost = cost_of(ConstantSpec().lower(Task(shape, head)))
    assert (cost.parameters, cost.buffers, cost.macs) == (head.output_width, 0, 0)


def test_it_begins_with_no_preference():
    graph = ConstantSpec().lower(Task((5,), Classification(4)))
    assert initial_weights(graph, generator(3)).tolist() == [0.0] * 4


@pytest.mark.parametrize("scaling", [None, Scaling((1.0,) * 5, (2.0,) * 5)], ids=["as they are", "scaled"])
def test_whatever_enters_its_answer_is_the_same(scaling):
    graph = ConstantSpec().lower(Task((5,), Classification(3), scaling))
    model = build(graph, np.array([3.0, 1.0, 2.0], np.float32))
    x = torch.from_numpy(generator(0).standard_normal((7, 5)).astype(np.float32))
    assert model(x).tolist() == [[3.0, 1.0, 2.0]] * 7


def test_the_model_of_a_regression_answers_in_the_units_of_the_targets(tmp_path):
    task = Task((5,), Regression((10.0,), (4.0,)))
    save_model(tmp_path, ConstantSpec(), task, np.array([0.5], np.float32), {})
    assert load_model(tmp_path)(torch.zeros(2, 5)).tolist() == [[10.0 + 0.5 * 4.0]] * 2


def test_there_is_one_and_it_has_no_fields():
    spec = ArchitectureSpec.from_json('{"kind":"constant","version":1}')
    assert spec == ConstantSpec()
    assert spec.to_dict() == {"kind": "constant", "version": 1}
    with pytest.raises(SpecError, match=r"knows only version and kind, got \['layers'\]"):
        ArchitectureSpec.from_dict({**spec.to_dict(), "layers": []})
