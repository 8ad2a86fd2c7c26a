import copy
import pickle
import sys
from subprocess import run

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from common.architecture.cost import cost_of
from common.architecture.initial import initial_weights
from common.architecture.kinds.layered import LayeredSpec
from common.architecture.kinds.layers import Conv1d, Conv2d, Linear, MaxPool
from common.architecture.layout import layout, views_of
from common.errors import SpecError
from common.models.builder import build, flat_state
from common.seeding import generator
from common.tasks import Classification, Task
from tests.support.flops import counted_macs
from tests.support.graphs import BRANCHED_TASK, branched

SEEDS = st.integers(0, 2**32 - 1)
VECTOR = Task((5,), Classification(3))
MLP = LayeredSpec((Linear(8, norm="none", dropout=0.1), Linear(4, norm="none")))


def inputs(task, n, seed=0):
    return torch.from_numpy(generator(seed, "inputs").standard_normal((n, *task.input_shape)).astype(np.float32))


@given(seed=SEEDS)
@settings(max_examples=60)
def test_layout_and_costs_are_those_of_torch(random_case, seed):
    spec, task = random_case(seed)
    module = build(spec.lower(task)).eval()
    named = {name: tuple(tensor.shape) for name, tensor in module.state_dict().items()}
    infos = layout(spec.lower(task))
    order = [name for name, _ in (*module.named_parameters(), *module.named_buffers())]
    assert [info.name for info in infos] == order
    assert {info.name: info.shape for info in infos} == named
    if all(info.trainable for info in infos):
        assert order == list(named)

    cost = cost_of(spec.lower(task))
    assert cost.parameters == sum(tensor.numel() for tensor in module.parameters())
    assert cost.buffers == sum(tensor.numel() for tensor in module.buffers())
    assert cost.message_bytes == sum(t.numel() * t.element_size() for t in module.state_dict().values())
    assert cost.macs == counted_macs(module, inputs(task, 1))


@given(seed=SEEDS)
@settings(max_examples=40)
def test_any_spec_trains_and_its_training_shows_in_the_flat_state(random_case, seed):
    spec, task = random_case(seed)
    weights = initial_weights(spec.lower(task), generator(seed))
    module = build(spec.lower(task), weights)
    logits = module(inputs(task, 6))
    assert logits.shape == (6, task.head.output_width)
    assert logits.dtype == torch.float32
    loss = nn.functional.cross_entropy(logits, torch.arange(6) % task.head.output_width)
    assert torch.isfinite(loss)
    loss.backward()
    for name, parameter in module.named_parameters():
        assert parameter.is_leaf
        assert parameter.grad is not None, name
        assert torch.isfinite(parameter.grad).all(), name
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.sub_(0.1 * parameter.grad)
    state = flat_state(module).numpy()
    views = views_of(state, layout(spec.lower(task)))
    for name, tensor in module.state_dict().items():
        assert np.shares_memory(views[name], tensor.numpy())
        np.testing.assert_array_equal(views[name], tensor.numpy())
    assert not np.array_equal(state, weights)


def test_weights_are_copied_and_go_where_their_names_say():
    weights = np.arange(8 * 5 + 8 + 4 * 8 + 4 + 3 * 4 + 3, dtype=np.float32)
    weights.setflags(write=False)  # as they come out of a message
    module = build(MLP.lower(VECTOR), weights)
    np.testing.assert_array_equal(module.layer0.weight.detach().numpy(), np.arange(40).reshape(8, 5))
    np.testing.assert_array_equal(module.layer0.bias.detach().numpy(), np.arange(40, 48))
    np.testing.assert_array_equal(module.classifier.bias.detach().numpy(), weights[-3:])
    flat_state(module).zero_()
    assert weights[1] == 1
    assert not module.layer1.weight.any()


def test_the_first_numbers_of_the_state_are_the_parameters():
    spec = LayeredSpec((Linear(8, norm="batch"), Linear(4, norm="batch")))
    module = build(spec.lower(VECTOR))
    parameters = cost_of(spec.lower(VECTOR)).parameters
    flat_state(module)[:parameters] = 7
    assert all((parameter == 7).all() for parameter in module.parameters())
    assert all((buffer != 7).all() for buffer in module.buffers())


def test_without_skips_a_model_is_a_plain_sequential_of_what_a_person_would_write():
    module = build(MLP.lower(VECTOR))
    assert type(module) is nn.Sequential
    assert [type(child).__name__ for child in module] == ["Linear", "ReLU", "Dropout", "Linear", "ReLU", "Linear"]
    hand = nn.Sequential(nn.Linear(5, 8), nn.ReLU(), nn.Linear(8, 4), nn.ReLU(), nn.Linear(4, 3))
    for ours, theirs in zip(module.parameters(), hand.parameters(), strict=True):
        theirs.data.copy_(ours.data)
    x = inputs(VECTOR, 7)
    torch.testing.assert_close(module.eval()(x), hand(x), rtol=0, atol=0)


def test_a_convolutional_network_with_skips_by_hand():
    task = Task((2, 6, 6), Classification(3))
    spec = LayeredSpec(
        (
            Conv2d(4, norm="none"),
            Conv2d(4, norm="none", activation="tanh", skip=0),
            MaxPool(2),
            Conv2d(5, kernel=1, norm="none", stride=2, skip=-1),
            Linear(6, norm="none", skip=1),
        ),
        "max",
    )
    module = build(spec.lower(task)).eval()
    w = dict(module.named_parameters())
    x = inputs(task, 3)
    f = nn.functional
    a = f.conv2d(x, w["layer0.weight"], w["layer0.bias"], padding=1).relu()
    b = f.conv2d(a, w["layer1.weight"], w["layer1.bias"], padding=1).tanh() + a
    c = f.max_pool2d(b, 2)
    d = f.conv2d(c, w["layer3.weight"], w["layer3.bias"], stride=2).relu()
    d = d + f.conv2d(f.adaptive_avg_pool2d(x, (2, 2)), w["layer3_skip.weight"])
    e = (d.amax((2, 3)) @ w["layer4.weight"].T + w["layer4.bias"]).relu() + b.mean((2, 3)) @ w["layer4_skip.weight"].T
    expected = e @ w["classifier.weight"].T + w["classifier.bias"]
    torch.testing.assert_close(module(x), expected)


def test_a_graph_with_branches_by_hand():
    graph = branched()
    module = build(graph)
    assert [name for name, _ in module.named_parameters()] == [info.name for info in layout(graph)]
    w = dict(module.named_parameters())
    x = inputs(BRANCHED_TASK, 3)
    f = nn.functional
    total = f.conv2d(x, w["small.weight"], w["small.bias"], padding=1)
    total = total + f.conv2d(x, w["large.weight"], w["large.bias"], padding=2) + f.conv2d(x, w["plain.weight"])
    joined = f.silu(f.group_norm(total, 2, w["norm.weight"], w["norm.bias"])) + total
    mean = joined.mean((2, 3))
    residual = mean @ w["hidden.weight"].T + w["hidden.bias"] + mean
    expected = residual @ w["classifier.weight"].T + w["classifier.bias"]
    torch.testing.assert_close(module.eval()(x), expected)


def test_a_graph_with_branches_costs_what_torch_counts():
    assert cost_of(branched()).macs == counted_macs(build(branched()).eval(), inputs(BRANCHED_TASK, 1))


def test_a_graph_with_branches_learns():
    """Its gradients go down all branches: the loss of six examples falls to nearly nothing."""
    module = build(branched())
    x, y = inputs(BRANCHED_TASK, 6), torch.arange(6) % 5
    for _ in range(300):
        loss = nn.functional.cross_entropy(module.eval()(x), y)
        gradients = torch.autograd.grad(loss, list(module.parameters()))
        assert all(gradient.abs().max() > 0 for gradient in gradients)
        with torch.no_grad():
            for parameter, gradient in zip(module.parameters(), gradients, strict=True):
                parameter.sub_(0.3 * gradient)
    assert loss < 0.1


@pytest.mark.parametrize("size", [0, 94, 96])
def test_a_wrong_number_of_weights_names_both_numbers(size):
    assert cost_of(MLP.lower(VECTOR)).parameters == 8 * 5 + 8 + 4 * 8 + 4 + 4 * 3 + 3 == 99
    with pytest.raises(SpecError, match=rf"one array of 99 numbers, got \({size},\)"):
        build(MLP.lower(VECTOR), np.zeros(size, np.float32))


def test_a_spec_that_does_not_fit_gives_one_clear_error():
    with pytest.raises(SpecError, match="Layer 0: conv1d works on a sequence, got"):
        build(LayeredSpec((Conv1d(4),)).lower(VECTOR))


@pytest.mark.parametrize("graph", [MLP.lower(VECTOR), branched()], ids=["chain", "branches"])
def test_models_can_be_copied_and_pickled(graph):
    module = build(graph).eval()
    x = torch.from_numpy(generator(0, "x").standard_normal((4, *graph.input_shape)).astype(np.float32))
    for twin in (copy.deepcopy(module), pickle.loads(pickle.dumps(module))):
        torch.testing.assert_close(twin(x), module(x), rtol=0, atol=0)
        with torch.no_grad():
            twin.classifier.bias += 1
        torch.testing.assert_close(twin(x), module(x) + 1)


def test_flat_state_refuses_a_module_of_another_make():
    with pytest.raises(SpecError, match="must lie in one buffer, got 'Linear'"):
        flat_state(nn.Linear(3, 2))


def test_building_imports_nothing_heavy():
    code = (
        "import sys, torch; torch.ones(1, requires_grad=True).backward()\n"  # 2.15 imports more for any backward
        "before = set(sys.modules)\n"
        "from common.models.builder import build, flat_state\n"
        "from common.architecture.kinds.layered import LayeredSpec\n"
        "from common.architecture.kinds.layers import Conv2d, Linear\n"
        "from common.tasks import Classification, Task\n"
        "layers = (Conv2d(8, skip=-1, dropout=0.1), Conv2d(8, norm='batch'), Linear(8))\n"
        "model = build(LayeredSpec(layers).lower(Task((1, 8, 8), Classification(2))))\n"
        "model(torch.zeros(2, 1, 8, 8)).sum().backward(); flat_state(model)\n"
        "print(sorted({name for name in set(sys.modules) - before if name.startswith(('torch.', 'sympy', 'scipy'))}))"
    )
    done = run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
