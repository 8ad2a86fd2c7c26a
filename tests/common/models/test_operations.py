import inspect
import math
import sys
from subprocess import run

import numpy as np
import pytest
import torch

from common.architecture import operations as ops
from common.architecture.kinds import layers
from common.architecture.kinds.layered import LayeredSpec
from common.models.builder import build
from common.models.operations import ACTIVATIONS, OPERATIONS, module_of
from common.seeding import generator
from common.tasks import Classification, Task
from tests.support.flops import counted_macs


def test_both_sides_know_the_same_operations():
    named = {getattr(ops, name) for name in ops.__all__}
    declared = {one for one in named if inspect.isclass(one) and one is not ops.Operation}
    assert OPERATIONS.keys() == {one.op for one in declared}
    assert len(OPERATIONS) == len(declared)
    assert ACTIVATIONS.keys() == {*ops.ACTIVATIONS, *ops.GATES}


CASES = [
    (ops.Linear(7), [(5,)]),
    (ops.Linear(7, bias=False), [(5,)]),
    *[(ops.Bias(7), [shape]) for shape in ((5,), (3, 9), (3, 9, 8))],
    *[(ops.Convolution(4, kernel=3, stride=2), [shape]) for shape in ((3, 9), (3, 9, 8))],
    *[(ops.Convolution(4, kernel=1, bias=False), [shape]) for shape in ((3, 9), (3, 9, 8))],
    *[(cls(3, 2), [shape]) for cls in (ops.MaxPool, ops.AvgPool) for shape in ((3, 9), (3, 9, 8))],
    *[(ops.Convolution(4, kernel=3, stride=2, dilation=3), [shape]) for shape in ((3, 9), (3, 9, 8))],
    *[(ops.Convolution(3, kernel=5, stride=2, depthwise=True), [shape]) for shape in ((3, 9), (3, 9, 8))],
    *[(cls(3, 2, padded=True), [shape]) for cls in (ops.MaxPool, ops.AvgPool) for shape in ((3, 9), (3, 2, 8))],
    (ops.AverageTo((4,)), [(3, 9)]),
    (ops.AverageTo((4, 3)), [(3, 9, 8)]),
    *[(ops.GlobalPool(how), [shape]) for how in ("avg", "max", "log_std") for shape in ((3, 9), (3, 9, 8))],
    (ops.Flatten(), [(3, 9, 8)]),
    *[(norm, [shape]) for norm in (ops.GroupNorm(2), ops.BatchNorm()) for shape in ((4,), (4, 9), (4, 9, 8))],
    *[(ops.LayerNorm(), [shape]) for shape in ((4,), (4, 9), (4, 9, 8))],
    *[
        (norm, [shape])
        for norm in (ops.PlainGroupNorm(2), ops.PlainBatchNorm(), ops.PlainLayerNorm())
        for shape in ((4,), (4, 9), (4, 9, 8))
    ],
    *[(ops.Mix("here", 3, (0, 2)), [shape, shape]) for shape in ((4,), (4, 9), (4, 9, 8))],
    *[(operation, [shape]) for operation in (ops.Channels(1, 2), ops.Shuffle(2)) for shape in ((4, 9), (4, 9, 8))],
    *[(ops.ExampleNorm(), [shape]) for shape in ((4, 9), (4, 9, 8))],
    *[(ops.Activation(name), [(4, 9)]) for name in (*ops.ACTIVATIONS, *ops.GATES)],
    *[(ops.Multiply(), [(4, 9), gates]) for gates in ((4,), (4, 9))],
    (ops.Dropout(0.5), [(4, 9)]),
    (ops.Add(), [(4, 9)] * 3),
    (ops.Concatenate(), [(4,), (3,)]),
    (ops.Concatenate(), [(4, 9), (3, 9), (1, 9)]),
    *[(ops.Positions(), [shape]) for shape in ((1, 9), (3, 9), (1, 9, 8), (5, 9, 8))],
    *[(ops.SelfAttention(2), [shape]) for shape in ((6, 9), (6, 9, 8))],
    *[(ops.GRU(width), [(3, 9)]) for width in (1, 7)],
    *[(ops.LogEnergy(bands), [(3, 21)]) for bands in (1, 4, 10)],
]


@pytest.mark.parametrize(("operation", "shapes"), CASES, ids=str)
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


@pytest.mark.parametrize(("operation", "shapes"), CASES, ids=str)
def test_it_costs_what_torch_counts(operation, shapes):
    module = module_of(operation, *shapes).to_empty(device="cpu")
    assert operation.macs(*shapes) == counted_macs(module, *[torch.ones(1, *shape) for shape in shapes])


def test_pooling_and_sums_by_hand():
    x = torch.arange(24.0).view(1, 2, 3, 4)
    first, second = x[..., :2, :], x[..., 1:, :]
    by_hand = torch.stack([part.reshape(1, 2, 2, 2, 2).mean((2, 4)) for part in (first, second)], 2)
    torch.testing.assert_close(module_of(ops.AverageTo((2, 2)), (2, 3, 4))(x), by_hand)
    assert module_of(ops.GlobalPool("max"), (2, 3, 4))(x).tolist() == [[11.0, 23.0]]
    assert module_of(ops.GlobalPool("avg"), (2, 3, 4))(x).tolist() == [[5.5, 17.5]]
    torch.testing.assert_close(module_of(ops.Add(), (2, 3, 4), (2, 3, 4))(x, x), 2 * x)


def test_what_is_beyond_the_edge_counts_neither_in_a_mean_nor_in_a_maximum():
    x = -torch.tensor([[[1.0, 2, 3, 4, 5]]])
    assert module_of(ops.MaxPool(3, 2, padded=True), (1, 5))(x).tolist() == [[[-1.0, -2, -4]]]
    assert module_of(ops.AvgPool(3, 2, padded=True), (1, 5))(x).tolist() == [[[-1.5, -3, -4.5]]]


def test_a_gate_of_a_channel_is_the_same_everywhere():
    x = torch.arange(24.0).view(1, 2, 3, 4)
    gated = module_of(ops.Multiply(), (2, 3, 4), (2,))(x, torch.tensor([[0.5, 2.0]]))
    torch.testing.assert_close(gated, torch.cat([x[:, :1] / 2, x[:, 1:] * 2], 1))
    assert torch.equal(module_of(ops.Multiply(), (2, 3, 4), (2, 3, 4))(x, x), x.square())


def test_a_dilated_kernel_leaves_places_out_and_a_depthwise_one_stays_in_its_channel():
    dilated = module_of(ops.Convolution(1, kernel=3, bias=False, dilation=2), (1, 7)).to_empty(device="cpu")
    depthwise = module_of(ops.Convolution(2, kernel=1, bias=False, depthwise=True), (2, 3)).to_empty(device="cpu")
    with torch.no_grad():
        dilated.weight.copy_(torch.tensor([[[1.0, 10, 100]]]))
        depthwise.weight.copy_(torch.tensor([[[2.0]], [[3.0]]]))
    x = torch.tensor([[[1.0, 2, 3, 4, 5, 6, 7]]])
    assert dilated(x).tolist() == [[[310.0, 420, 531, 642, 753, 64, 75]]]
    assert depthwise(torch.ones(1, 2, 3)).tolist() == [[[2.0] * 3, [3.0] * 3]]


def noise(*shape):
    scales = generator(0, "scales").uniform(0.01, 10, (*shape[:2], *[1] * (len(shape) - 2)))
    return scales * generator(0, "noise").standard_normal(shape) + 5 * scales


@pytest.mark.parametrize("shape", [(2, 3, 21), (2, 3, 5, 4)])
def test_log_std_by_numpy(shape):
    x = noise(*shape)
    found = module_of(ops.GlobalPool("log_std"), shape[1:])(torch.from_numpy(x).float())
    by_hand = np.log(x.reshape(2, 3, -1).std(2))
    np.testing.assert_allclose(found.numpy(), by_hand, atol=1e-5)


@pytest.mark.parametrize("bands", [1, 4, 10])
def test_log_energy_by_numpy(bands):
    x = noise(2, 3, 21)
    power = np.abs(np.fft.rfft(x - x.mean(2, keepdims=True)))[..., 1:] ** 2 / 21
    assert power.shape[2] == 10
    borders = [(math.floor(i * 10 / bands), math.ceil((i + 1) * 10 / bands)) for i in range(bands)]
    features = [x.var(2), np.diff(x).var(2), *(power[..., low:high].mean(2) for low, high in borders)]
    by_hand = np.log(np.stack(features, axis=2)).reshape(2, -1)
    found = module_of(ops.LogEnergy(bands), (3, 21))(torch.from_numpy(x).float())
    np.testing.assert_allclose(found.numpy(), by_hand, atol=2e-4)


def test_a_pure_tone_is_in_its_band():
    time = torch.arange(64) / 64
    tones = torch.stack([torch.sin(2 * math.pi * cycles * time) for cycles in (3, 13, 30)])
    features = module_of(ops.LogEnergy(4), (3, 64))(tones[None]).view(3, 2 + 4)
    assert features[:, 2:].argmax(1).tolist() == [0, 1, 3]  # of 1 to 8, 9 to 16, 17 to 24, 25 to 32 cycles
    torch.testing.assert_close(features[:, 0], torch.full((3,), math.log(1 / 2)))


@pytest.mark.parametrize("operation", [ops.LogEnergy(1), ops.GlobalPool("log_std")], ids=str)
@pytest.mark.parametrize("value", [0.0, 0.1, 7.3])
def test_constants_have_the_floor_and_no_gradient(operation, value):
    """In float32 the mean of three times 7.3 is not 7.3, which must not be taken for a small deviation."""
    x = torch.full((2, 4, 3), value, requires_grad=True)
    output = module_of(operation, (4, 3))(x)
    floor = math.log(1e-12) if operation == ops.LogEnergy(1) else math.log(1e-6)
    torch.testing.assert_close(output, torch.full_like(output, floor))
    output.sum().backward()
    assert not x.grad.any()


def test_concatenated_features_lie_side_by_side():
    first, second = torch.arange(4.0).view(2, 2), -torch.ones(2, 1)
    assert module_of(ops.Concatenate(), (2,), (1,))(first, second).tolist() == [[0, 1, -1], [2, 3, -1]]


def test_all_of_a_state_is_float32():
    spec = LayeredSpec((layers.Conv2d(4, norm="batch"), layers.Linear(4, norm="group")))
    state = build(spec.lower(Task((1, 8, 8), Classification(2)))).state_dict()
    assert {tensor.dtype for tensor in state.values()} == {torch.float32}


def test_what_few_networks_have_is_imported_when_it_is_made():
    code = (
        "import sys\n"
        "from common.architecture import operations as ops\n"
        "from common.models.operations import module_of\n"
        "def late(): return sorted(name.split('.')[-1] for name in sys.modules"
        " if name.startswith('common.') and name.endswith(('.attention', '.recurrence')))\n"
        "module_of(ops.Linear(3), (2,)); print(late()); module_of(ops.GRU(3), (2, 5)); print(late())"
    )
    done = run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["[]", "['recurrence', 'recurrence']"]
    with pytest.raises(AttributeError, match="has no attribute 'Perception'"):
        getattr(ops, "Perception")  # noqa: B009
