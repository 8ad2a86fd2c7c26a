"""A space small enough to count, shared by the batteries."""

import itertools

import numpy as np
import pytest

from common.architecture.cost import Cost
from common.architecture.kinds.layered import LayeredSpec
from common.architecture.kinds.layers import Linear
from common.errors import SpecError
from common.tasks import Classification, Task
from server_app.spaces.base import SearchSpace
from server_app.spaces.domains import Choices


class DigitSpace(SearchSpace):
    """Strings of `length` digits in [0, base), each digit the width (less one) of a linear layer."""

    def __init__(self, length, base):
        super().__init__(Task((4,), Classification(2)))
        self.length, self.base = length, base

    def spec(self, digits):
        return LayeredSpec(tuple(Linear(int(digit) + 1) for digit in digits))

    def digits(self, spec):
        return "".join(str(layer.width - 1) for layer in spec.layers)

    def _made(self, ask):
        return self.spec([ask(str(place), Choices(tuple(range(self.base)))) for place in range(self.length)])

    def answers(self, spec):
        self._check_membership(spec)
        return {str(place): int(digit) for place, digit in enumerate(self.digits(spec))}

    def _mutant(self, spec, rng):
        digits = [layer.width - 1 for layer in spec.layers]
        place = rng.integers(self.length)
        digits[place] = (digits[place] + 1 + rng.integers(self.base - 1)) % self.base
        return self.spec(digits)

    def _child(self, a, b, rng):
        picks = rng.integers(2, size=self.length)
        return LayeredSpec(tuple((x, y)[pick] for x, y, pick in zip(a.layers, b.layers, picks, strict=True)))

    def _check_membership(self, spec):
        if len(spec.layers) != self.length or any(layer.width > self.base for layer in spec.layers):
            raise SpecError("A spec has as many digits as the space", self.digits(spec))

    def cost(self, spec):  # noqa: ARG002
        return Cost(0, 0, 0, 0)

    def encode(self, spec):
        return np.array([layer.width for layer in spec.layers], float)

    def size(self):
        return float(self.base**self.length)

    def _enumerate(self):
        return map(self.spec, itertools.product(range(self.base), repeat=self.length))


@pytest.fixture
def digit_space():
    """The class of digit spaces: ``digit_space(length, base)``."""
    return DigitSpace
