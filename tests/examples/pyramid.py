"""An example of a search space in Python, for what no file can say: values that depend on others by arithmetic.

``tests/examples/space/pyramid.yaml`` makes it a choice: ``flwr-nas search --config-dir tests/examples space=pyramid``,
where this folder's project is on PYTHONPATH. Nodes get layered specs, and import nothing of this.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from common.architecture.kinds.layered import LayeredSpec
from common.architecture.kinds.layers import Conv2d
from common.architecture.rules import whole
from common.errors import SpecError
from server_app.spaces.base import Ask, SearchSpace
from server_app.spaces.domains import Choices, Domain, check_limits, parse_choices

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from common.architecture.spec import ArchitectureSpec
    from common.tasks import Task


class PyramidSpace(SearchSpace):
    """Convolutions whose widths never fall; wherever one rises, the image is halved.

    Parameters
    ----------
    task : Task
        With images.
    options : Options
        Depths, widths, kernels and constraints.
    """

    @dataclass(frozen=True)
    class Options:
        """What there is to choose from, and the constraints."""

        depths: list[int] = field(default_factory=lambda: [2, 3, 4])
        widths: list[int] = field(default_factory=lambda: [8, 16, 32])
        kernels: list[int] = field(default_factory=lambda: [3, 5])
        max_parameters: int | None = None
        max_macs: int | None = 1_000_000

        def __post_init__(self) -> None:
            check_limits(self.max_parameters, self.max_macs)
            self.domains()

        def domains(self) -> dict[str, Choices]:
            """Return the choices, in rising order; raises `ConfigError` for what is none."""
            rules = {"depths": whole(1, 64), "widths": whole(1, 4096), "kernels": whole(1, 255, odd=True)}
            parsed = {name: parse_choices(name, getattr(self, name), rule) for name, rule in rules.items()}
            return {name: Choices(tuple(sorted(domain.values))) for name, domain in parsed.items()}

    def __init__(self, task: Task, options: Options | None = None) -> None:
        options = options or self.Options()
        super().__init__(task, max_parameters=options.max_parameters, max_macs=options.max_macs)
        self._domains = options.domains()
        self._depths, self._widths, self._kernels = self._domains.values()

    def choices(self) -> dict[str, Domain]:
        """Return all of them."""
        return dict(self._domains)

    def _made(self, ask: Ask) -> LayeredSpec:
        depth = ask("depth", self._depths)
        widths = [ask(f"{layer}.width", self._widths) for layer in range(depth)]
        return _spec(widths, [ask(f"{layer}.kernel", self._kernels) for layer in range(depth)])

    def answers(self, spec: ArchitectureSpec) -> dict[str, Any]:
        """Return the depth, and width and kernel of each layer."""
        widths, kernels = self._read(spec)
        named = {f"{layer}.width": width for layer, width in enumerate(widths)}
        return {"depth": len(widths), **named, **{f"{layer}.kernel": kernel for layer, kernel in enumerate(kernels)}}

    def _mutant(self, spec: ArchitectureSpec, rng: np.random.Generator) -> LayeredSpec:
        """Draw one thing again: the depth, a width or a kernel."""
        widths, kernels = self._read(spec)
        depth, changed = len(widths), int(rng.integers(2 * len(widths) + 1))
        if changed == 2 * depth:
            depth = self._depths.draw(rng)
            widths += [self._widths.draw(rng) for _ in range(depth - len(widths))]
            kernels += [self._kernels.draw(rng) for _ in range(depth - len(kernels))]
        elif changed >= depth:
            kernels[changed - depth] = self._kernels.draw(rng)
        else:
            widths[changed] = self._widths.draw(rng)
        return _spec(widths[:depth], kernels[:depth])

    def _child(self, a: ArchitectureSpec, b: ArchitectureSpec, rng: np.random.Generator) -> LayeredSpec:
        """Take each layer from one of the two, as far as both have one, and those of one of them after that."""
        parents = [self._read(a), self._read(b)]
        widths, kernels = parents[int(rng.integers(2))]
        for index in range(min(len(widths) for widths, _ in parents)):
            widths[index], kernels[index] = (values[index] for values in parents[int(rng.integers(2))])
        return _spec(widths, kernels)

    def _check_membership(self, spec: ArchitectureSpec) -> None:
        self._read(spec)

    def _read(self, spec: ArchitectureSpec) -> tuple[list[int], list[int]]:
        """Return widths and kernels; raises `SpecError` where the spec is no pyramid of what is offered."""
        layers = [layer for layer in spec.layers if isinstance(layer, Conv2d)] if isinstance(spec, LayeredSpec) else []
        widths, kernels = [layer.width for layer in layers], [layer.kernel for layer in layers]
        offered = {*widths} <= {*self._widths.values} and {*kernels} <= {*self._kernels.values}
        if not offered or len(widths) not in self._depths or _spec(widths, kernels) != spec:
            raise SpecError("The space holds pyramids of what it offers", spec.describe(), fix="Choose another space")
        return widths, kernels

    def encode(self, spec: ArchitectureSpec) -> NDArray[np.float64]:
        """Return width and kernel of each layer over the greatest, 0 where there is no layer; shape (2 x deepest,)."""
        widths, kernels = self._read(spec)
        row = np.zeros((2, max(self._depths.values)))
        row[0, : len(widths)] = np.divide(widths, max(self._widths.values))
        row[1, : len(kernels)] = np.divide(kernels, max(self._kernels.values))
        return row.ravel()

    def size(self) -> float:
        """Count the specs: rising widths are combinations with repetition, and kernels are free."""
        offered, kernels = len(self._widths.values), len(self._kernels.values)
        return float(sum(math.comb(offered + depth - 1, depth) * kernels**depth for depth in self._depths.values))

    def _enumerate(self) -> Iterator[LayeredSpec]:
        for depth in self._depths.values:
            for widths in itertools.combinations_with_replacement(self._widths.values, depth):
                for kernels in itertools.product(self._kernels.values, repeat=depth):
                    yield _spec(widths, kernels)


def _spec(widths: Sequence[int], kernels: Sequence[int]) -> LayeredSpec:
    """Return the pyramid of these widths, put in order, with these kernels from the input on."""
    rising = sorted(widths)
    rises = [index > 0 and width > rising[index - 1] for index, width in enumerate(rising)]
    layers = [
        Conv2d(width, kernel=kernel, stride=1 + rise)
        for width, kernel, rise in zip(rising, kernels, rises, strict=True)
    ]
    return LayeredSpec(tuple(layers), "avg")
