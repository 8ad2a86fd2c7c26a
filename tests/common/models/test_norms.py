"""The torch side of normalisation."""

import numpy as np
import pytest
import torch
from torch import nn

from common.architecture import operations as ops
from common.architecture.kinds import layers
from common.architecture.kinds.layered import LayeredSpec
from common.models.builder import build
from common.models.norms import BatchNorm
from common.models.operations import module_of
from common.seeding import generator
from common.tasks import Classification, Task


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


def built_norm():
    spec = LayeredSpec((layers.Linear(4, norm="batch"),))
    norm = build(spec.lower(Task((5,), Classification(2)))).layer0_norm
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
