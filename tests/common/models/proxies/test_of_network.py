"""Scores of networks with weights, against what two small ones come to by hand."""

import math

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from common.architecture.initial import initial_weights
from common.architecture.kinds.layered import LayeredSpec
from common.architecture.kinds.layers import Conv1d, Conv2d, Linear, LogEnergy
from common.architecture.kinds.layers.attention import Attention
from common.architecture.kinds.layers.recurrent import GRU
from common.architecture.spec import ArchitectureSpec
from common.config import compose_config
from common.data.base import Examples
from common.models.proxies import OF_NETWORK, grad_norm, naswot, synflow
from common.models.proxies.network import Batch, fresh, network_scores
from common.preprocessing.scaling import Scaling
from common.seeding import generator
from common.tasks import Classification, Regression, Task
from server_app.build import build_space

IMAGES, WINDOWS = Task((1, 8, 8), Classification(3)), Task((2, 16), Classification(3))


def batch_of(task: Task, size: int = 12, seed: int = 0) -> Batch:
    rng = generator(seed, "batch")
    x = rng.normal(size=(size, *task.input_shape)).astype(np.float32)
    return Batch.of(Examples(x, rng.integers(0, 3, size)), task.head)


def scores_of(spec: ArchitectureSpec, task: Task, batch: Batch | None = None) -> dict[str, float]:
    graph = spec.lower(task)
    return network_scores(graph, initial_weights(graph, generator(0, spec.id)), batch or batch_of(task))


def linear(*rows: list[float]) -> nn.Linear:
    layer = nn.Linear(len(rows[0]), len(rows))
    with torch.no_grad():
        layer.weight.copy_(torch.tensor(rows))
        layer.bias.zero_()
    return layer


def plain(x: list[list[float]], y: list[list[float]]) -> Batch:
    """A mini-batch whose loss is half the squared error, summed over outputs, mean over examples."""

    def loss(outputs: Tensor, targets: Tensor) -> Tensor:
        return (outputs - targets).square().sum(1).mean() / 2

    return Batch(torch.tensor(x), torch.tensor(y), loss)


# ------------------------------------------------------------ synflow


def test_synflow_of_two_linear_layers():
    model = nn.Sequential(linear([1.0, -2.0], [-3.0, 0.5]), linear([-1.0, 2.0]))
    model[0].bias.data.fill_(7.0)  # is left out
    # |W1| 1 = (3, 3.5); R = 1 x 3 + 2 x 3.5 = 10; R is linear in either layer, so each one's w dR/dw add up to R
    assert synflow.score(model, plain([[9.0, 9.0]], [[0.0]])) == pytest.approx(math.log(2 * 10))


@pytest.mark.parametrize(
    "between", [nn.ReLU, nn.Tanh, nn.GELU, lambda: synflow.GroupNorm(1, 2)], ids=["relu", "tanh", "gelu", "group"]
)
def test_synflow_sees_through_activations_and_norms(between):
    first, last = linear([1.0, -2.0], [-3.0, 0.5]), linear([-1.0, 2.0])
    assert synflow.score(nn.Sequential(first, between(), last), plain([[1.0, 1.0]], [[0.0]])) == pytest.approx(
        math.log(2 * 10)
    )


def test_synflow_does_not_depend_on_the_scaling_of_inputs_nor_on_the_data():
    spec = LayeredSpec((Conv1d(4), Linear(5)))
    scaled = Task(WINDOWS.input_shape, WINDOWS.head, Scaling((5.0, -3.0), (0.1, 20.0)))
    one, other = scores_of(spec, WINDOWS, batch_of(WINDOWS, seed=1)), scores_of(spec, scaled, batch_of(scaled, seed=2))
    assert one["synflow"] == pytest.approx(other["synflow"])
    assert one["grad_norm"] != pytest.approx(other["grad_norm"])


def test_synflow_flows_through_logarithms_of_energies():
    for spec in (LayeredSpec((LogEnergy(2), Linear(5))), LayeredSpec((Conv1d(4), Linear(5)), "log_std")):
        assert math.isfinite(scores_of(spec, WINDOWS)["synflow"])


def test_synflow_of_a_deep_network_is_finite_where_the_flow_itself_is_not_in_float32():
    spec = LayeredSpec(tuple(Linear(512) for _ in range(38)))
    value = scores_of(spec, Task((64,), Classification(3)))["synflow"]
    assert math.log(np.finfo(np.float32).max) < value < math.inf


# ------------------------------------------------------------ grad_norm


def test_grad_norm_of_a_linear_map():
    # outputs 1 x 3 + 2 x 4 = 11 for the target 1: dL/dw = 10 x (3, 4), whose norm is 50; the bias does not count
    assert grad_norm.score(linear([1.0, 2.0]), plain([[3.0, 4.0]], [[1.0]])) == pytest.approx(50)


def test_grad_norm_adds_the_norms_of_layers():
    model = nn.Sequential(linear([2.0]), linear([3.0]))
    # output 6, target 5: dL/dv = 1 x 2, dL/dw = 1 x 3 x 1
    assert grad_norm.score(model, plain([[1.0]], [[5.0]])) == pytest.approx(2 + 3)


def test_grad_norm_is_of_the_mean_loss():
    one = grad_norm.score(linear([1.0, 2.0]), plain([[3.0, 4.0]], [[1.0]]))
    assert grad_norm.score(linear([1.0, 2.0]), plain([[3.0, 4.0]] * 3, [[1.0]] * 3)) == pytest.approx(one)


def test_a_loss_without_weights_has_no_gradient():
    assert grad_norm.score(nn.Sequential(nn.Flatten()), plain([[1.0]], [[5.0]])) == 0


# ------------------------------------------------------------ naswot


def test_the_kernel_counts_the_units_in_which_examples_agree():
    on = torch.tensor([[True, False, True], [True, True, False], [True, False, True]])
    assert naswot.kernel(on).tolist() == [[3, 1, 3], [1, 3, 1], [3, 1, 3]]


def test_naswot_of_three_units_on_three_examples():
    # the units are the signs of x1, x2 and x1 + x2
    model = nn.Sequential(linear([1.0, 0.0], [0.0, 1.0], [1.0, 1.0]), nn.ReLU(), linear([1.0, 1.0, 1.0]))
    batch = plain([[1.0, 1.0], [1.0, -2.0], [-1.0, 2.0]], [[0.0]] * 3)
    # codes 111, 100, 011: K = [[3, 1, 2], [1, 3, 0], [2, 0, 3]], and det(K + I) = 4 x 16 - 4 - 2 x 8
    assert naswot.score(model, batch) == pytest.approx(math.log(44))


def test_naswot_adds_the_units_of_all_layers_and_leaves_gates_out():
    units = nn.Sequential(linear([1.0, 0.0], [0.0, 1.0]), nn.ReLU(), linear([1.0, 1.0]), nn.GELU())
    batch = plain([[1.0, 1.0], [-1.0, 2.0]], [[0.0]] * 2)
    # codes 11 1 and 01 1: K = [[3, 2], [2, 3]]
    assert naswot.score(units, batch) == pytest.approx(math.log(4 * 4 - 2 * 2))
    units[3] = nn.Sigmoid()
    # codes 11 and 01: K = [[2, 1], [1, 2]]
    assert naswot.score(units, batch) == pytest.approx(math.log(3 * 3 - 1))


def test_a_network_that_cannot_tell_examples_apart_still_has_a_score():
    # K is 1 everywhere: singular; K + I has the determinant n + 1
    model = nn.Sequential(linear([1.0]), nn.ReLU())
    assert naswot.score(model, plain([[1.0], [2.0], [3.0]], [[0.0]] * 3)) == pytest.approx(math.log(4))
    assert naswot.score(linear([1.0]), plain([[1.0], [2.0]], [[0.0]] * 2)) == 0


# ------------------------------------------------------------ all


SPECS = {
    "images": (LayeredSpec((Conv2d(4, norm="batch", dropout=0.3), Linear(5, dropout=0.3))), IMAGES),
    "windows": (LayeredSpec((Conv1d(4), Attention(4, heads=2), GRU(5), Linear(5)), "avg"), WINDOWS),
    "linear": (LayeredSpec(), Task((4,), Classification(3))),
    "regression": (LayeredSpec((Linear(5),)), Task((4,), Regression((0.0,), (1.0,)))),
}


@pytest.mark.parametrize("case", SPECS)
def test_scores_are_finite_and_the_same_again_whatever_the_global_generator_does(case: str):
    spec, task = SPECS[case]
    rng = generator(0, "batch")
    x = rng.normal(size=(12, *task.input_shape)).astype(np.float32)
    y = rng.normal(size=(12, 1)).astype(np.float32) if case == "regression" else rng.integers(0, 3, 12)
    batch = Batch.of(Examples(x, y), task.head)
    before = torch.random.get_rng_state()
    one, other = scores_of(spec, task, batch), scores_of(spec, task, batch)
    assert one == other
    assert set(one) == set(OF_NETWORK)
    assert all(map(math.isfinite, one.values()))
    assert torch.equal(before, torch.random.get_rng_state())


def test_a_network_that_is_a_constant_has_no_flow():
    weights = fresh(LayeredSpec().lower(IMAGES), initial_weights(LayeredSpec().lower(IMAGES), generator(0)))
    for parameter in weights.parameters():
        parameter.data.zero_()
    assert synflow.score(weights, batch_of(IMAGES)) == -math.inf


@pytest.mark.parametrize("space", ["layered", "cell", "mobile"])
def test_whatever_a_space_holds_has_scores(space: str):
    task = Task((1, 16, 16), Classification(3))
    config = compose_config([f"space={space}", "space.max_macs=2000000"])
    found, rng = build_space(config, task), generator(0, space)
    for _ in range(4):
        assert all(map(math.isfinite, scores_of(found.sample(rng), task).values()))
