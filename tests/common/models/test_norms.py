"""The torch side of normalisation."""

import math

import numpy as np
import pytest
import torch
from torch import nn

from client_app.training import train
from common.architecture import operations as ops
from common.architecture.initial import initial_weights
from common.architecture.kinds import layers
from common.architecture.kinds.layered import LayeredSpec
from common.data.base import Examples
from common.models.builder import build, flat_state
from common.models.norms import BatchNorm
from common.models.operations import module_of
from common.seeding import generator
from common.settings import TrainingSettings
from common.tasks import Classification, Task
from server_app.aggregation.fedavg import FedAvg

NORMED = LayeredSpec((layers.Linear(4, norm="batch"),))
VECTOR = Task((5,), Classification(2))


@pytest.mark.parametrize("shape", [(6, 4), (6, 4, 5), (6, 4, 5, 3)])
def test_batch_norm_does_as_torchs(shape):
    """torch's cumulative average (no momentum) is what the first batches come to."""
    ours = built_norm()
    theirs = (nn.BatchNorm1d if len(shape) < 4 else nn.BatchNorm2d)(4, momentum=None)
    draws = torch.Generator().manual_seed(0)
    for _ in range(3):
        x = torch.randn(shape, generator=draws) * 3 + 1
        torch.testing.assert_close(ours(x), theirs(x))
        torch.testing.assert_close(ours.running_mean, theirs.running_mean)
        torch.testing.assert_close(ours.running_var, theirs.running_var)
    torch.testing.assert_close(ours.eval()(x), theirs.eval()(x))


def test_statistics_of_batch_norm_are_those_of_the_last_batches_only():
    norm = built_norm()
    for value in [1.0] * 30 + [0.0]:
        norm(torch.tensor([[value], [value]]).expand(2, 4))
    torch.testing.assert_close(norm.running_mean, torch.full((4,), 0.9))  # the last of ten has a tenth


def test_batch_norm_bears_a_batch_of_one_value_a_channel():
    norm = built_norm()
    norm(torch.tensor([[1.0, 2, 3, 4], [3, 2, 1, 0]]))
    mean, variance = norm.running_mean.clone(), norm.running_var.clone()
    x = torch.ones(1, 4)
    torch.testing.assert_close(norm(x), (x - mean) / (variance + norm.eps).sqrt())
    torch.testing.assert_close(norm.running_mean, mean, rtol=0, atol=0)


def test_a_single_example_neither_breaks_nor_poisons_what_has_seen_nothing_yet():
    """The trap: its variance is 0, and a moving average would carry that, or NaN from n / (n - 1), to the server."""
    model = build(NORMED.lower(VECTOR))
    examples = Examples(np.full((1, 5), 3, np.float32), np.array([1]))
    before = flat_state(model).clone()
    assert math.isfinite(train(model, examples, VECTOR.head, TrainingSettings(epochs=4), 0))
    assert flat_state(model).isfinite().all()
    assert not torch.equal(flat_state(model), before)
    assert model.layer0_norm.running_mean.tolist() == [0.0] * 4
    assert model.layer0_norm.running_var.tolist() == [1.0] * 4
    assert model.eval()(torch.ones(1, 5)).isfinite().all()


def test_a_last_batch_of_one_example_counts_in_no_statistics():
    """Of 5 examples in batches of 4, the statistics are those of 4; a learning rate of 0 keeps what they are of."""
    model = build(NORMED.lower(VECTOR))
    x = generator(0).standard_normal((5, 5)).astype(np.float32)
    settings = TrainingSettings("sgd", 1e-30, batch_size=4)
    train(model, Examples(x, np.zeros(5, np.int64)), VECTOR.head, settings, 0)
    features = model.layer0(torch.from_numpy(x)).detach().numpy().astype(np.float64)
    means = [np.delete(features, left_out, 0).mean(0) for left_out in range(5)]
    assert any(np.allclose(model.layer0_norm.running_mean.numpy(), mean, atol=1e-5) for mean in means)


def test_a_single_example_has_statistics_where_there_is_space():
    norm = built_norm()
    x = torch.tensor([[[1.0, 3.0]] * 4])
    torch.testing.assert_close(norm(x), torch.tensor([[[-1.0, 1.0]] * 4]), rtol=1e-4, atol=1e-4)
    assert norm.running_mean.tolist() == [2.0] * 4


@pytest.mark.parametrize("between", [0.0, 5.0])
def test_statistics_of_uneven_nodes_are_weighted_by_examples_and_lack_the_variance_between_them(between):
    sizes = np.array([90, 10])
    rng, fedavg, graph = generator(0), FedAvg(), NORMED.lower(VECTOR)
    nodes = [rng.standard_normal((n, 5)).astype(np.float32) + between * k for k, n in enumerate(sizes)]
    weights = initial_weights(graph, generator(1))
    fedavg.begin(weights)
    for name, x in enumerate(nodes):
        model = build(graph, weights)
        settings = TrainingSettings("sgd", 1e-30, batch_size=len(x))
        train(model, Examples(x, np.zeros(len(x), np.int64)), VECTOR.head, settings, 0)
        fedavg.add(str(name), flat_state(model).numpy(), len(x), {})
    averaged = build(graph, fedavg.combined().astype(np.float32))
    norm = averaged.layer0_norm
    found = [averaged.layer0(torch.from_numpy(x)).detach().numpy().astype(np.float64) for x in nodes]
    pooled = np.concatenate(found)
    np.testing.assert_allclose(norm.running_mean.numpy(), pooled.mean(0), atol=1e-4)
    shares, means = sizes[:, None] / sizes.sum(), np.array([features.mean(0) for features in found])
    unbiased = np.array([features.var(0, ddof=1) for features in found])
    np.testing.assert_allclose(norm.running_var.numpy(), (shares * unbiased).sum(0), rtol=1e-4)
    # of the pooled variance the part between nodes is missing
    lost = (shares * (means - pooled.mean(0)) ** 2).sum(0)
    within = np.array([features.var(0) for features in found])
    np.testing.assert_allclose(pooled.var(0), (shares * within).sum(0) + lost, rtol=1e-6)
    assert (lost > 0.5 * pooled.var(0)).any() == (between > 0)


def built_norm():
    norm = build(NORMED.lower(VECTOR)).layer0_norm
    assert isinstance(norm, BatchNorm)
    return norm


@pytest.mark.parametrize("shape", [(5, 4), (5, 4, 7), (5, 4, 3, 2)])
def test_layer_norm_is_over_channels_at_each_place(shape):
    norm = module_of(ops.LayerNorm(), shape[1:]).to_empty(device="cpu")
    scale, shift = torch.tensor([1.0, 2, 3, 4]), torch.tensor([0.0, 1, 0, -1])
    with torch.no_grad():
        norm.weight.copy_(scale)
        norm.bias.copy_(shift)
    x = generator(0).standard_normal(shape) * 3 + 5
    by_hand = (x - x.mean(1, keepdims=True)) / np.sqrt(x.var(1, keepdims=True) + 1e-5)
    to_axes = (4, *[1] * (len(shape) - 2))
    by_hand = by_hand * scale.numpy().reshape(to_axes) + shift.numpy().reshape(to_axes)
    found = norm(torch.from_numpy(x.astype(np.float32))).detach().numpy()
    np.testing.assert_allclose(found, by_hand, atol=1e-5)


@pytest.mark.parametrize("shape", [(5, 4, 7), (5, 4, 3, 2)])
def test_example_norm_takes_away_gain_and_level_of_each_channel(shape):
    norm = module_of(ops.ExampleNorm(), shape[1:])
    x = generator(0).standard_normal(shape) * 3 + 5
    axes = tuple(range(2, len(shape)))
    by_hand = (x - x.mean(axes, keepdims=True)) / np.sqrt(x.var(axes, keepdims=True) + 1e-5)
    for training in (True, False):
        found = norm.train(training)(torch.from_numpy(x.astype(np.float32))).numpy()
        np.testing.assert_allclose(found, by_hand, atol=1e-5)
    one_other = torch.from_numpy(x[:1] * 7 - 2).float()
    np.testing.assert_allclose(norm(one_other).numpy(), by_hand[:1], atol=1e-4)
    assert norm(torch.full((2, *shape[1:]), 7.3)).abs().max() < 1e-3
