"""The gradients of a bilevel search against finite differences, in double precision, on a network of two operations."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from client_app.architecture_gradient import first_order, mixed_level, second_order
from client_app.bilevel import shares_of
from common.architecture.initial import initial_weights
from common.architecture.kinds.layers import Linear
from common.models.builder import build
from common.models.mixing import set_shares
from common.seeding import generator
from common.tasks import Classification, Task
from tests.support.mixed import mixed_layers

TASK = Task((4,), Classification(3))
SPEC = mixed_layers([Linear(5, norm="none", activation="tanh"), Linear(5, norm="none", activation="silu")])
STEP = 1e-5
"""Of the finite differences: their error is about its square."""


class Problem:
    """A network of two operations, and two mini-batches."""

    def __init__(self) -> None:
        rng, graph = generator(0, "problem"), SPEC.lower(TASK)
        self.model = build(graph, initial_weights(graph, rng)).double()
        self.weights = list(self.model.parameters())
        self.alphas = torch.tensor([0.3, -0.4], dtype=torch.float64, requires_grad=True)
        self.batches = [
            (torch.from_numpy(rng.normal(size=(9, 4))), torch.from_numpy(rng.integers(0, 3, 9))) for _ in range(2)
        ]

    def loss(self, batch: int) -> Tensor:
        """Return the loss where weights and architecture weights are."""
        set_shares(self.model, shares_of(self.alphas, SPEC, 0.7))
        x, y = self.batches[batch]
        return functional.cross_entropy(self.model(x), y)

    def trained(self) -> Tensor:
        """Return the loss that weights are trained on."""
        return self.loss(0)

    def own(self) -> Tensor:
        """Return the architecture's loss."""
        return self.loss(1)

    def by_differences(self, value: Callable[[], float]) -> list[float]:
        """Return how fast a value changes with each architecture weight."""
        found = []
        for index in range(len(self.alphas)):
            values = []
            for step in (STEP, -STEP):
                with torch.no_grad():
                    self.alphas[index] += step
                values.append(value())
                with torch.no_grad():
                    self.alphas[index] -= step
            found.append((values[0] - values[1]) / (2 * STEP))
        return found


@pytest.fixture
def problem():
    return Problem()


def test_first_order_is_the_slope_of_the_architectures_loss_where_the_weights_stand(problem):
    gradient, loss = first_order(problem.own, problem.alphas)
    assert gradient.tolist() == pytest.approx(problem.by_differences(lambda: problem.own().item()), rel=1e-6)
    assert loss.item() == pytest.approx(problem.own().item())
    assert not loss.requires_grad


@pytest.mark.parametrize("blend", [0.5, 3.0])
def test_mixed_level_is_the_slope_of_both_losses_together(problem, blend):
    gradient, loss = mixed_level(problem.trained, problem.own, problem.alphas, blend)
    slope = problem.by_differences(lambda: problem.trained().item() + blend * problem.own().item())
    assert gradient.tolist() == pytest.approx(slope, rel=1e-6)
    assert loss.item() == pytest.approx(problem.own().item())


@pytest.mark.parametrize("rate", [0.1, 1.0])
def test_second_order_is_the_slope_after_one_step_of_the_weights(problem, rate):
    def after_a_step() -> float:
        before = [weight.detach().clone() for weight in problem.weights]
        slopes = torch.autograd.grad(problem.trained(), problem.weights)
        with torch.no_grad():
            for weight, slope in zip(problem.weights, slopes, strict=True):
                weight.sub_(slope, alpha=rate)
        found = problem.own().item()
        with torch.no_grad():
            for weight, old in zip(problem.weights, before, strict=True):
                weight.copy_(old)
        return found

    gradient, loss = second_order(problem.trained, problem.own, problem.alphas, problem.weights, rate)
    slope = problem.by_differences(after_a_step)
    assert gradient.tolist() == pytest.approx(slope, rel=1e-4)
    assert loss.item() == pytest.approx(after_a_step())
    # and what that takes into account is no trifle
    short, _ = first_order(problem.own, problem.alphas)
    assert abs(short[0] - slope[0]) > 0.02 * abs(slope[0])


def test_second_order_leaves_the_weights_exactly_where_they_were(problem):
    before = [weight.detach().clone() for weight in problem.weights]
    second_order(problem.trained, problem.own, problem.alphas, problem.weights, 0.5)
    assert all(map(torch.equal, problem.weights, before))


def test_second_order_without_a_rate_is_first_order(problem):
    second, _ = second_order(problem.trained, problem.own, problem.alphas, problem.weights, 0.0)
    torch.testing.assert_close(second, first_order(problem.own, problem.alphas)[0])


def test_where_the_weights_have_no_say_there_is_nothing_to_look_ahead_for(problem):
    def own() -> Tensor:
        return 0.5 * (problem.alphas - 1).square().sum() + 0 * problem.own()

    gradient, _ = second_order(problem.trained, own, problem.alphas, problem.weights, 0.5)
    assert gradient.tolist() == pytest.approx((problem.alphas - 1).tolist())
