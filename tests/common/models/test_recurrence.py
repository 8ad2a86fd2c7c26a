"""A recurrent layer, step by step."""

import numpy as np
import torch
from torch.nn import functional as F  # noqa: N812

from common.architecture import operations as ops
from common.architecture.graph import HEAD, INPUT, GraphBuilder
from common.models.builder import build, flat_state
from common.seeding import generator
from tests.support.flops import counted_macs


def network():
    builder = GraphBuilder((3, 9))
    builder.add("memory", ops.GRU(5), INPUT)
    builder.add("mean", ops.GlobalPool("avg"), 0)
    builder.add(HEAD, ops.Linear(2), 1)
    return builder.graph()


class Unrolled(torch.nn.Module):
    """A GRU as its paper writes it, the reset gate behind the state's map."""

    def __init__(self, gru):
        super().__init__()
        self.gru = gru

    def forward(self, x):
        weights, state, states = self.gru, torch.zeros(len(x), self.gru.hidden_size), []
        for step in x.unbind(2):
            of_input = F.linear(step, weights.weight_ih_l0, weights.bias_ih_l0).chunk(3, 1)
            of_state = F.linear(state, weights.weight_hh_l0, weights.bias_hh_l0).chunk(3, 1)
            reset, update = (torch.sigmoid(of_input[gate] + of_state[gate]) for gate in (0, 1))
            new = torch.tanh(of_input[2] + reset * of_state[2])
            state = (1 - update) * new + update * state
            states.append(state)
        return torch.stack(states, 2)


def batch():
    return torch.from_numpy(generator(0).standard_normal((4, 3, 9)).astype(np.float32))


def test_it_is_the_unrolled_one_and_costs_the_same():
    gru = build(network()).memory
    torch.testing.assert_close(gru(batch()), Unrolled(gru)(batch()))
    assert ops.GRU(5).macs((3, 9)) == counted_macs(Unrolled(gru), batch()[:1]) == 9 * 3 * 5 * (3 + 5)


def test_what_it_learns_is_in_the_one_buffer():
    model = build(network())
    before = flat_state(model).clone()
    gradients = torch.autograd.grad(model(batch()).square().sum(), list(model.parameters()))
    by_hand = torch.autograd.grad(
        torch.nn.Sequential(Unrolled(model.memory), model.mean, model.classifier)(batch()).square().sum(),
        list(model.parameters()),
    )
    for ours, theirs in zip(gradients, by_hand, strict=True):
        torch.testing.assert_close(ours, theirs)
    with torch.no_grad():
        for parameter, gradient in zip(model.parameters(), gradients, strict=True):
            parameter.sub_(0.1 * gradient)
    after = model.memory(batch())
    assert not torch.equal(flat_state(model), before)
    flat_state(model).copy_(before)
    assert not torch.allclose(model.memory(batch()), after)
    torch.testing.assert_close(model.memory(batch()), build(network()).memory(batch()))
