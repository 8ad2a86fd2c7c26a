import pytest
import torch
from torch import nn

from common.architecture import operations as ops
from common.architecture.layout import steps
from common.architecture.spec import ArchitectureSpec
from common.architecture.task import TaskShape
from common.models.builder import build
from common.models.operations import ACTIVATIONS, OPERATIONS, BatchNorm, modules_of


def test_both_sides_know_the_same_operations():
    assert OPERATIONS.keys() == ops.OPERATIONS.keys()
    assert {*ACTIVATIONS, "none"} == set(ops.ACTIVATIONS)


def test_what_does_nothing_is_left_out():
    spec = ArchitectureSpec((ops.Linear(8, activation="none", norm="none", dropout=0.0),))
    step, classifier = steps(spec, TaskShape((5,), 2))
    assert list(modules_of(step)) == ["layer0"]
    assert list(modules_of(classifier)) == ["classifier"]


def test_a_layer_is_operation_norm_activation_dropout():
    spec = ArchitectureSpec((ops.Linear(32, norm="group", activation="silu", dropout=0.25),), "avg")
    modules = modules_of(steps(spec, TaskShape((3, 4), 2))[0])
    assert list(modules) == ["layer0_reduce", "layer0", "layer0_norm", "layer0_activation", "layer0_dropout"]
    assert modules["layer0_norm"].num_groups == 2  # of 16 values
    assert isinstance(modules["layer0_activation"], nn.SiLU)
    assert modules["layer0_dropout"].p == 0.25


@pytest.mark.parametrize("shape", [(6, 4), (6, 4, 5), (6, 4, 5, 3)])
def test_batch_norm_does_as_torchs(shape):
    ours, theirs = built_norm(), nn.BatchNorm1d(4) if len(shape) < 4 else nn.BatchNorm2d(4)
    x = torch.randn(shape, generator=torch.Generator().manual_seed(0)) * 3 + 1
    torch.testing.assert_close(ours(x), theirs(x))
    torch.testing.assert_close(ours.running_mean, theirs.running_mean)
    torch.testing.assert_close(ours.running_var, theirs.running_var)
    torch.testing.assert_close(ours.eval()(x), theirs.eval()(x))


def test_batch_norm_bears_a_batch_of_one_value_a_channel():
    norm = built_norm()
    norm(torch.tensor([[1.0, 2, 3, 4], [3, 2, 1, 0]]))
    mean, variance = norm.running_mean.clone(), norm.running_var.clone()
    x = torch.ones(1, 4)
    torch.testing.assert_close(norm(x), (x - mean) / (variance + norm.eps).sqrt())
    torch.testing.assert_close(norm.running_mean, mean, rtol=0, atol=0)


def built_norm():
    spec = ArchitectureSpec((ops.Linear(4, norm="batch"),))
    norm = build(spec, TaskShape((5,), 2)).layer0_norm
    assert isinstance(norm, BatchNorm)
    return norm


def test_all_of_a_state_is_float32():
    spec = ArchitectureSpec((ops.Conv2d(4, norm="batch"), ops.Linear(4, norm="group")))
    state = build(spec, TaskShape((1, 8, 8), 2)).state_dict()
    assert {tensor.dtype for tensor in state.values()} == {torch.float32}
