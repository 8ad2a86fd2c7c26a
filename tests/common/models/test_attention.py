"""Attention and positions, by numpy."""

import math

import numpy as np
import pytest
import torch
from torch.nn import functional as F  # noqa: N812

from common.architecture import operations as ops
from common.architecture.graph import HEAD, INPUT, GraphBuilder
from common.architecture.layout import layout, views_of
from common.models.attention import positions
from common.models.builder import build, flat_state
from common.models.operations import module_of
from common.seeding import generator
from tests.support.flops import counted_macs


def attending(shape, heads):
    """Return the model of one attention and a head, and the attention's tensors by name."""
    network = GraphBuilder(shape)
    network.add("attention", ops.SelfAttention(heads), INPUT)
    network.add("flat", ops.Flatten(), 0)
    network.add(HEAD, ops.Linear(2), 1)
    model = build(network.graph())
    return model, views_of(flat_state(model).numpy(), layout(network.graph()))


@pytest.mark.parametrize("shape", [(6, 7), (6, 3, 4)])
@pytest.mark.parametrize("heads", [1, 2, 3, 6])
def test_attention_by_numpy(shape, heads):
    model, w = attending(shape, heads)
    x = generator(0).standard_normal((2, *shape)).astype(np.float32)
    steps = x.reshape(2, 6, -1).transpose(0, 2, 1)  # example, step, channel
    q, k, v = np.split(steps @ w["attention.project.weight"].T + w["attention.project.bias"], 3, axis=2)
    size, summed = 6 // heads, []
    for head in range(heads):
        own = slice(head * size, (head + 1) * size)
        scores = np.exp(q[..., own] @ k[..., own].transpose(0, 2, 1) / math.sqrt(size))
        summed.append(scores / scores.sum(2, keepdims=True) @ v[..., own])
    out = np.concatenate(summed, 2) @ w["attention.combine.weight"].T + w["attention.combine.bias"]
    found = model.attention(torch.from_numpy(x)).detach().numpy()
    np.testing.assert_allclose(found, out.transpose(0, 2, 1).reshape(x.shape), atol=1e-5)


def test_fused_attention_costs_what_its_steps_cost_one_by_one():
    class Unrolled(torch.nn.Module):
        def forward(self, x):
            for _ in range(4):  # queries, keys, values, and what follows
                F.linear(x, torch.ones(6, 6))
            for _ in range(2):  # heads of 3
                scores = torch.bmm(x[..., :3], x[..., :3].transpose(1, 2))
                x[..., :3] = torch.bmm(scores, x[..., :3])

    assert ops.SelfAttention(2).macs((6, 11)) == counted_macs(Unrolled(), torch.ones(1, 11, 6))
    assert ops.SelfAttention(2).macs((6, 11)) == 4 * 6 * 6 * 11 + 2 * 11 * 11 * 6


def test_attention_does_not_know_of_order_without_positions():
    model, _ = attending((6, 7), 2)
    x = torch.from_numpy(generator(0).standard_normal((2, 6, 7)).astype(np.float32))
    order = torch.tensor([3, 1, 0, 6, 5, 2, 4])
    plain, told = model.attention, torch.nn.Sequential(module_of(ops.Positions(), (6, 7)), model.attention)
    torch.testing.assert_close(plain(x[..., order]), plain(x)[..., order])
    assert not torch.allclose(told(x[..., order]), told(x)[..., order], atol=1e-3)


def test_positions_of_a_sequence():
    table = positions((5, 9))
    assert table.dtype == np.float32
    for t in range(9):
        waves = [t, t, t / 10000 ** (2 / 5), t / 10000 ** (2 / 5), t / 10000 ** (4 / 5)]
        by_hand = [function(wave) for function, wave in zip([math.sin, math.cos] * 3, waves, strict=False)]
        np.testing.assert_allclose(table[:, t], by_hand, atol=1e-6)


def test_positions_of_an_image_tell_the_row_and_then_the_column():
    table = positions((7, 3, 4))
    assert table.shape == (7, 3, 4)
    for column in range(4):
        np.testing.assert_array_equal(table[:4, :, column], positions((4, 3)))
    for row in range(3):
        np.testing.assert_array_equal(table[4:, row], positions((3, 4)))
    np.testing.assert_array_equal(positions((1, 3, 4))[0], np.sin(np.arange(3.0))[:, None].repeat(4, 1).astype("f4"))


@pytest.mark.parametrize("shape", [(4, 30), (8, 6, 6)])
def test_each_place_has_a_position_of_its_own(shape):
    table = positions(shape).reshape(shape[0], -1)
    assert len(np.unique(table.round(4), axis=1).T) == table.shape[1]


def test_positions_are_no_state_and_are_added():
    module = module_of(ops.Positions(), (4, 5))
    assert not module.state_dict()
    assert not list(module.buffers())
    x = torch.ones(3, 4, 5)
    np.testing.assert_allclose(module(x).numpy(), 1 + positions((4, 5))[None].repeat(3, 0))
    assert module(x.double()).dtype == torch.float64
