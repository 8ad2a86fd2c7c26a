import inspect

import pytest
import torch
from torch import nn

from common.architecture import operations as ops
from common.architecture.kinds import layers
from common.architecture.kinds.layered import LayeredSpec
from common.models.builder import build
from common.models.operations import ACTIVATIONS, OPERATIONS, BatchNorm, module_of
from common.tasks import Classification, Task


def test_both_sides_know_the_same_operations():
    named = {getattr(ops, name) for name in ops.__all__}
    declared = {one for one in named if inspect.isclass(one) and one is not ops.Operation}
    assert OPERATIONS.keys() == declared
    assert ACTIVATIONS.keys() == set(ops.ACTIVATIONS)


@pytest.mark.parametrize(
    ("operation", "shapes"),
    [
        (ops.Linear(7), [(5,)]),
        (ops.Linear(7, bias=False), [(5,)]),
        *[(ops.Convolution(4, kernel=3, stride=2), [shape]) for shape in ((3, 9), (3, 9, 8))],
        *[(ops.Convolution(4, kernel=1, bias=False), [shape]) for shape in ((3, 9), (3, 9, 8))],
        *[(cls(3, 2), [shape]) for cls in (ops.MaxPool, ops.AvgPool) for shape in ((3, 9), (3, 9, 8))],
        (ops.AverageTo((4,)), [(3, 9)]),
        (ops.AverageTo((4, 3)), [(3, 9, 8)]),
        *[(ops.GlobalPool(how), [shape]) for how in ("avg", "max") for shape in ((3, 9), (3, 9, 8))],
        (ops.Flatten(), [(3, 9, 8)]),
        *[(norm, [shape]) for norm in (ops.GroupNorm(2), ops.BatchNorm()) for shape in ((4,), (4, 9), (4, 9, 8))],
        *[(ops.Activation(name), [(4, 9)]) for name in ops.ACTIVATIONS],
        (ops.Dropout(0.5), [(4, 9)]),
        (ops.Add(), [(4, 9)] * 3),
    ],
    ids=str,
)
def test_a_module_gives_what_its_operation_says(operation, shapes):
    """Shapes, and names and shapes of the tensors in their order."""
    module = module_of(operation, *shapes)
    found = [*module.named_parameters(), *module.named_buffers()]
    assert [(name, tuple(tensor.shape), tensor.requires_grad) for name, tensor in found] == [
        (info.name, info.shape, info.trainable) for info in operation.tensors(*shapes)
    ]
    module.to_empty(device="cpu")
    with torch.no_grad():
        output = module(*[torch.ones(2, *shape) for shape in shapes])
    assert tuple(output.shape[1:]) == operation.output_shape(*shapes)


def test_pooling_and_sums_by_hand():
    x = torch.arange(24.0).view(1, 2, 3, 4)
    first, second = x[..., :2, :], x[..., 1:, :]
    by_hand = torch.stack([part.reshape(1, 2, 2, 2, 2).mean((2, 4)) for part in (first, second)], 2)
    torch.testing.assert_close(module_of(ops.AverageTo((2, 2)), (2, 3, 4))(x), by_hand)
    assert module_of(ops.GlobalPool("max"), (2, 3, 4))(x).tolist() == [[11.0, 23.0]]
    assert module_of(ops.GlobalPool("avg"), (2, 3, 4))(x).tolist() == [[5.5, 17.5]]
    torch.testing.assert_close(module_of(ops.Add(), (2, 3, 4), (2, 3, 4))(x, x), 2 * x)


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
    spec = LayeredSpec((layers.Linear(4, norm="batch"),))
    norm = build(spec.lower(Task((5,), Classification(2)))).layer0_norm
    assert isinstance(norm, BatchNorm)
    return norm


def test_all_of_a_state_is_float32():
    spec = LayeredSpec((layers.Conv2d(4, norm="batch"), layers.Linear(4, norm="group")))
    state = build(spec.lower(Task((1, 8, 8), Classification(2)))).state_dict()
    assert {tensor.dtype for tensor in state.values()} == {torch.float32}
