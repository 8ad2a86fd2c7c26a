"""What may stand where in the chains of the `layered` space."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from numbers import Real
from typing import TYPE_CHECKING, Any, Self

from common.architecture.kinds.layered import NORMALISATIONS, REDUCTIONS, LayeredSpec
from common.architecture.kinds.layers import LAYERS, FrontEnd, Layer, Pool, Weighted
from common.errors import SpaceError, SpecError
from server_app.spaces.domains import Choices, Domain, Sources

if TYPE_CHECKING:
    import numpy as np

    from common.tasks import Task
    from server_app.spaces.layered_options import LayeredOptions

Operations = dict[str, type[Layer]]
FRONT, SPATIAL, LINEAR = "front", "spatial", "linear"
"""Parts of a chain, in their order; where there is a front end, it is the first layer, and linear ones follow it."""


@dataclass(frozen=True)
class Families(Choices):
    """Names of operations, drawn by family first: two kinds of pooling should not crowd out convolutions.

    Parameters
    ----------
    families : tuple of tuple of str
        The same names, each family apart.
    """

    families: tuple[tuple[str, ...], ...] = ()

    @classmethod
    def of(cls, operations: Operations) -> Self:
        """Return the names of these operations."""
        named = sorted({each.family for each in operations.values()})
        families = (tuple(op for op, each in operations.items() if each.family == family) for family in named)
        return cls(tuple(operations), tuple(families))

    def draw(self, rng: np.random.Generator) -> str:
        """Return a name, each family being as likely, and each of its members."""
        members = self.families[int(rng.integers(len(self.families)))]
        return members[int(rng.integers(len(members)))]

    def probabilities(self) -> tuple[float, ...]:
        """Return how likely it is that each name is drawn."""
        sizes = {op: len(members) for members in self.families for op in members}
        return tuple(1 / len(self.families) / sizes[op] for op in self.values)


class Places:
    """Operations and values by their place in a chain.

    Parameters
    ----------
    task : Task
        What it is for; operations that do not work on its input are left out.
    options : LayeredOptions
        With nothing left to choose; see `LayeredOptions.for_kind`.

    Attributes
    ----------
    operations, first : dict
        All that are offered, and those that may be the first layer, by name.
    domains, inserted : dict
        By option, of what is drawn, and of a layer that a mutation inserts.
    """

    def __init__(self, task: Task, options: LayeredOptions) -> None:
        fitting = {op: cls for op, cls in LAYERS.items() if {0, len(task.input_shape) - 1} & set(cls.axes)}
        offered = options.operations or []
        self.operations = {op: cls for op, cls in fitting.items() if op in offered}
        if not self.operations:
            raise SpaceError(
                f"A space must offer an operation that works on a {task.kind}",
                offered,
                fix=f"Put one of {', '.join(fitting)} into space.operations",
            )
        self._later = {op: cls for op, cls in self.operations.items() if part_of(cls) != FRONT}
        self.first = self.operations
        if options.begin == "conv" and task.kind != "vector":
            self.first = _conv_or_front(self.operations)
        self._skip = options.skip
        self.domains, self.inserted = options.domains(), options.inserted_domains()
        if task.kind == "vector":
            self.domains["reduce"] = Choices(REDUCTIONS[:1])
            self.domains["normalise"] = Choices(NORMALISATIONS[:1])
        self.domains["join"] = Choices(
            tuple(value for value in self._values("join", 0) if value is None or value.op in fitting) or (None,)
        )

    def at(self, index: int) -> Operations:
        """Return the operations that may be layer `index`."""
        return self._later if index else self.first

    def after(self, first: type[Layer], index: int) -> Operations:
        """Return the operations that may be layer `index` of a chain that begins with `first`."""
        found = self.at(index)
        return {op: cls for op, cls in found.items() if part_of(cls) == LINEAR} if part_of(first) == FRONT else found

    def domain(self, option: str, index: int, domains: dict[str, Domain] | None = None) -> Domain:
        """Return the domain of an option at layer `index`, from `domains` or those that are drawn from."""
        if option == "skip":
            return Sources.before(index, self._skip)
        return (domains or self.domains)[option]

    def count(self, index: int, part: str) -> float:
        """Count the layers of one part that may stand at `index`."""
        return sum(self._count(cls, index) for cls in self.at(index).values() if part_of(cls) == part)

    def _count(self, cls: type[Layer], index: int) -> float:
        """Count the layers of one operation; where a field plays no part, all its values are one."""
        domains = {name: self.domain(option, index) for name, option in drawn_fields(cls)}
        sizes = {name: domain.size for name, domain in domains.items()}
        for name, (other, value) in cls.idle.items():
            idle = value in domains[other]
            sizes[other] = (sizes[other] - idle) * sizes.pop(name) + idle
        return math.prod(sizes.values())

    def layers(self, index: int, part: str) -> Iterator[Layer]:
        """Yield the layers of one part that may stand at `index`, each once."""
        for cls in self.at(index).values():
            if part_of(cls) == part:
                domains = {name: self._values(option, index) for name, option in drawn_fields(cls)}
                for values in itertools.product(*domains.values()):
                    drawn = dict(zip(domains, values, strict=True))
                    layer = cls(**drawn)
                    if all(drawn[name] == domains[name][0] for name in cls.idle if layer.is_idle(name)):
                        yield layer

    def ends(self) -> list[tuple[Any, Any]]:
        """Return each `reduce` with each `join`."""
        return list(itertools.product(self._values("reduce", 0), self._values("join", 0)))

    def beginnings(self) -> tuple[str, ...]:
        """Return what may be done to the input."""
        return self._values("normalise", 0)

    def _values(self, option: str, index: int) -> tuple[Any, ...]:
        domain = self.domain(option, index)
        return domain.values if isinstance(domain, Choices) else ()

    # ------------------------------------------------------------ what belongs

    def nearest(self, spec: LayeredSpec) -> LayeredSpec:
        """Return `spec` with the nearest number, or the first word, for each value that is not offered.

        Operations, and how many layers there are, stay.
        """
        layers = tuple(self._nearest_layer(layer, index) for index, layer in enumerate(spec.layers))
        reduce = nearest_in(self.domains["reduce"], spec.reduce)
        join = None if is_fronted(layers) else nearest_in(self.domains["join"], spec.join)
        return LayeredSpec(layers, reduce, join, nearest_in(self.domains["normalise"], spec.normalise))

    def _nearest_layer(self, layer: Layer, index: int) -> Layer:
        drawn = drawn_fields(type(layer))
        changes = {name: nearest_in(self.domain(option, index), getattr(layer, name)) for name, option in drawn}
        if isinstance(layer, Pool):
            changes["stride"] = None
        return replace(layer, **changes)

    def check(self, spec: LayeredSpec) -> None:
        """Raise `SpecError` where a layer, its place or a value is not offered; the depth is not looked at."""
        for index, layer in enumerate(spec.layers):
            self._check_operation(index, layer)
            for name, option in drawn_fields(type(layer)):
                if not layer.is_idle(name):
                    _check_value(option, getattr(layer, name), self.domain(option, index), f"Layer {index}")
            if isinstance(layer, Pool):
                _check_value("stride", layer.stride, Choices((layer.kernel,)), f"Layer {index}")
        _check_value("normalise", spec.normalise, self.domains["normalise"], "The spec")
        fronted = is_fronted(spec.layers)
        if not fronted:
            _check_value("reduce", spec.reduce, self.domains["reduce"], "The spec")
        _check_value("join", spec.join, Choices((None,)) if fronted else self.domains["join"], "The spec")

    def _check_operation(self, index: int, layer: Layer) -> None:
        if layer.op not in self.operations:
            offered = ", ".join(self.operations)
            raise SpecError(f"Layer {index}: the space offers {offered}", layer.op, fix="Change space.operations")
        if layer.op not in self.at(index):
            where = "after the first layer" if index else "as the first layer"
            raise SpecError(
                f"Layer {index}: the space offers {', '.join(self.at(index))} {where}",
                layer.op,
                fix="Put it first" if index else "Put one of them before it, or set space.begin=any",
            )


def first_of(domain: Domain) -> Any:
    """Return the first value of a domain, the least of a continuous one."""
    return domain.values[0] if isinstance(domain, Choices) else domain.low


def nearest_in(domain: Domain, value: Any) -> Any:
    """Return `value` where the domain has it, else its nearest number, the lesser of two, or its first value."""
    if value in domain:
        return value
    if not isinstance(domain, Choices):
        return min(max(value, domain.low), domain.high)
    if any(not isinstance(choice, Real) for choice in domain.values):
        return domain.values[0]
    return min(sorted(domain.values), key=lambda choice: abs(choice - value))


def part_of(cls: type[Layer]) -> str:
    """Return the part of a chain in which an operation stands."""
    if issubclass(cls, FrontEnd):
        return FRONT
    return LINEAR if 0 in cls.axes else SPATIAL


def is_fronted(layers: tuple[Layer, ...]) -> bool:
    """Tell whether a front end is the first layer; then nothing is reduced."""
    return bool(layers) and isinstance(layers[0], FrontEnd)


def drawn_fields(cls: type[Layer]) -> list[tuple[str, str]]:
    """Return the fields of an operation that a space draws, each with the option that says from what."""
    return [(item.name, item.metadata["option"]) for item in fields(cls) if item.metadata["option"] is not None]


def _conv_or_front(operations: Operations) -> Operations:
    found: Operations = {
        op: cls
        for op, cls in operations.items()
        if part_of(cls) == FRONT or (part_of(cls) == SPATIAL and issubclass(cls, Weighted))
    }
    if not found:
        raise SpaceError(
            "A space with begin=conv must offer a convolution or another layer with weights, or a front end, to begin",
            list(operations),
            fix="Put one into space.operations, or set space.begin=any",
        )
    return found


def _check_value(option: str, value: Any, domain: Domain, where: str) -> None:
    if value not in domain:
        raise SpecError(f"{where}: the space offers {option} {domain}", value, fix=f"Change space.{option}")
