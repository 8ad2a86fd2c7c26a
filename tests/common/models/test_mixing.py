"""Weighted sums, parts of channels and their shuffle, by numpy."""

import numpy as np
import pytest
import torch

from common.architecture import operations as ops
from common.models.builder import build
from common.models.mixing import Mix, set_shares
from common.models.operations import module_of
from common.seeding import generator
from common.tasks import Classification, Task
from tests.support.mixed import mixed_cells

X = torch.from_numpy(generator(0).normal(size=(2, 6, 5)).astype(np.float32))


def test_a_mix_is_the_sum_of_what_is_there_each_times_its_share():
    mix = module_of(ops.Mix("here", 3, (0, 2)), (6, 5), (6, 5))
    mix.take(torch.tensor([0.5, 0.2, 0.3]).unbind())
    torch.testing.assert_close(mix(X, X.exp()), 0.5 * X + 0.3 * X.exp())


def test_at_first_all_options_are_alike_those_that_give_nothing_among_them():
    mix = module_of(ops.Mix("here", 4, (1, 3)), (6, 5), (6, 5))
    torch.testing.assert_close(mix(X, 3 * X).detach(), X)


def test_gradients_reach_shares_and_inputs():
    shares = torch.tensor([0.5, 0.2, 0.3], requires_grad=True)
    mix = Mix("here", 3, (0, 2))
    mix.take(shares.unbind())
    x = X.clone().requires_grad_()
    mix(x, x.square()).sum().backward()
    torch.testing.assert_close(shares.grad, torch.stack([X.sum(), torch.tensor(0.0), X.square().sum()]))
    torch.testing.assert_close(x.grad, 0.5 + 0.6 * X)


def test_all_cells_share_what_one_place_has():
    spec = mixed_cells("darts", ("none", "skip", "conv1"), 1, cells=5)
    model = build(spec.lower(Task((2, 9), Classification(2))))
    shares = {choice.place: torch.full((3,), float(at)).unbind() for at, choice in enumerate(spec.choices)}
    set_shares(model, shares)
    mixes = {name: module for name, module in model.named_modules() if isinstance(module, Mix)}
    # one node with two edges, in five cells of which two reduce
    assert len(mixes) == 10
    expected = {f"cell{cell}_node0_from{source}_mix" for cell in (0, 2, 4) for source in (0,)}
    assert {name for name, module in mixes.items() if module.shares[0] == 0} == expected
    assert all(len(module.shares) == 2 for module in mixes.values()), "none gives nothing"


def test_channels_are_taken_as_a_copy():
    part = module_of(ops.Channels(2, 3), (6, 5))(X)
    assert torch.equal(part, X[:, 2:5])
    assert part.is_contiguous()


@pytest.mark.parametrize("groups", [1, 2, 3, 6])
def test_a_shuffle_takes_the_first_of_each_group_then_the_second_ones(groups):
    shuffled = module_of(ops.Shuffle(groups), (6, 5))(X)
    order = [group * (6 // groups) + at for at in range(6 // groups) for group in range(groups)]
    assert torch.equal(shuffled, X[:, order])
    image = X.reshape(2, 6, 5, 1)
    assert torch.equal(module_of(ops.Shuffle(groups), (6, 5, 1))(image), image[:, order])
