"""The `layered` space: chains of layers with skip connections, for vectors, sequences and images."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from common.architecture.kinds.layered import REDUCTIONS, LayeredSpec
from common.architecture.kinds.layers import LAYERS, Layer, Pool
from common.errors import SpaceError, SpecError
from server_app.spaces.base import SearchSpace
from server_app.spaces.domains import Choices, Domain, Sources
from server_app.spaces.edits import insert_layer, remove_layer, replace_layer, splice
from server_app.spaces.layered_options import LayeredOptions

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from common.architecture.spec import ArchitectureSpec
    from common.tasks import Task

_MUTATIONS = ("add", "remove", "modify")


class LayeredSpace(SearchSpace):
    """Chains of layers: spatial ones first, then linear ones, each with a skip connection or none.

    Parameters
    ----------
    task : Task
        Decides which of the offered operations apply.
    options : Options
        Depth, operations, domains and constraints.
    """

    Options = LayeredOptions

    def __init__(self, task: Task, options: LayeredOptions | None = None) -> None:
        self.options = self.Options() if options is None else options
        super().__init__(task, max_parameters=self.options.max_parameters, max_macs=self.options.max_macs)
        fitting = {op: cls for op, cls in LAYERS.items() if {0, len(task.input_shape) - 1} & set(cls.axes)}
        self._operations = {op: cls for op, cls in fitting.items() if op in self.options.operations}
        if not self._operations:
            raise SpaceError(
                f"A space must offer an operation that works on a {task.kind}",
                list(self.options.operations),
                fix=f"Put one of {', '.join(fitting)} into space.operations",
            )
        self._domains = self.options.domains()
        self._inserted = self.options.inserted_domains()
        if task.kind == "vector":
            self._domains["reduce"] = Choices(REDUCTIONS[:1])

    # ------------------------------------------------------------ draws

    def _draw(self, rng: np.random.Generator) -> LayeredSpec:
        depth = int(rng.integers(self.options.min_layers, self.options.max_layers + 1))
        drawn = sorted((self._draw_operation(rng) for _ in range(depth)), key=_is_linear)
        layers = tuple(self._draw_layer(cls, index, self._domains, rng) for index, cls in enumerate(drawn))
        return LayeredSpec(layers, str(self._domains["reduce"].draw(rng)))

    def _draw_operation(self, rng: np.random.Generator) -> type[Layer]:
        """Draw a family first: two kinds of pooling should not crowd out convolutions."""
        families = sorted({cls.family for cls in self._operations.values()})
        family = families[int(rng.integers(len(families)))]
        members = [cls for cls in self._operations.values() if cls.family == family]
        return members[int(rng.integers(len(members)))]

    def _draw_layer(self, cls: type[Layer], index: int, domains: dict[str, Domain], rng: np.random.Generator) -> Layer:
        values = {name: self._domain(option, index, domains).draw(rng) for name, option in _drawn_fields(cls)}
        return cls(**values)

    def _domain(self, option: str, index: int, domains: dict[str, Domain]) -> Domain:
        """Return the domain of an option at layer `index`."""
        return Sources.before(index, self.options.skip) if option == "skip" else domains[option]

    # ------------------------------------------------------------ mutation and crossover

    def _mutant(self, spec: ArchitectureSpec, rng: np.random.Generator) -> LayeredSpec:
        spec = _layered(spec)
        mutation = _MUTATIONS[int(rng.integers(len(_MUTATIONS)))]
        depth = len(spec.layers)
        if mutation == "add" and depth < self.options.max_layers:
            index = int(rng.integers(depth + 1))
            return insert_layer(spec, index, self._draw_layer(self._draw_operation(rng), index, self._inserted, rng))
        if mutation == "remove" and depth > self.options.min_layers:
            return remove_layer(spec, int(rng.integers(depth)))
        return self._modified(spec, rng) if mutation == "modify" else spec

    def _modified(self, spec: LayeredSpec, rng: np.random.Generator) -> LayeredSpec:
        """Change one field: a place is drawn first, then another value for it."""
        mutable = self.options.mutation.fields
        places: list[tuple[int, str, Domain]] = [
            (index, name, self._domain(option, index, self._domains))
            for index, layer in enumerate(spec.layers)
            for name, option in _drawn_fields(type(layer))
            if mutable is None or option in mutable
        ]
        if mutable is None or "reduce" in mutable:
            places.append((-1, "reduce", self._domains["reduce"]))
        places = [place for place in places if place[2].size > 1]
        if not places:
            return spec
        index, name, domain = places[int(rng.integers(len(places)))]
        if index < 0:
            return replace(spec, reduce=str(domain.other(spec.reduce, rng)))
        layer = spec.layers[index]
        changes = {name: domain.other(getattr(layer, name), rng)}
        if isinstance(layer, Pool):
            changes["stride"] = None
        return replace_layer(spec, index, replace(layer, **changes))

    def _child(self, a: ArchitectureSpec, b: ArchitectureSpec, rng: np.random.Generator) -> LayeredSpec:
        """Join the beginning of `a` and the end of `b`; cuts that copy a parent whole are left out."""
        a, b = _layered(a), _layered(b)
        cuts = [
            (end, start)
            for end in range(len(a.layers) + 1)
            for start in range(len(b.layers) + 1)
            if self.options.min_layers <= end + len(b.layers) - start <= self.options.max_layers
            and (end, start) not in ((0, 0), (len(a.layers), len(b.layers)))
        ]
        if not cuts:
            return a
        end, start = cuts[int(rng.integers(len(cuts)))]
        child = splice(a, end, b, start)
        return replace(child, reduce=(a, b)[int(rng.integers(2))].reduce)

    # ------------------------------------------------------------ what belongs

    def _check_membership(self, spec: ArchitectureSpec) -> None:
        spec = _layered(spec)
        options = self.options
        if not options.min_layers <= len(spec.layers) <= options.max_layers:
            raise SpecError(
                f"The space holds specs of {options.min_layers} to {options.max_layers} layers",
                len(spec.layers),
                fix="Change space.min_layers or space.max_layers",
            )
        self._check_value("reduce", spec.reduce, self._domains["reduce"], "The spec")
        for index, layer in enumerate(spec.layers):
            if layer.op not in self._operations:
                raise SpecError(
                    f"Layer {index}: the space offers {', '.join(self._operations)}",
                    layer.op,
                    fix="Change space.operations",
                )
            for name, option in _drawn_fields(type(layer)):
                domain = self._domain(option, index, self._domains)
                self._check_value(option, getattr(layer, name), domain, f"Layer {index}")
            if isinstance(layer, Pool):
                self._check_value("stride", layer.stride, Choices((layer.kernel,)), f"Layer {index}")

    @staticmethod
    def _check_value(option: str, value: Any, domain: Domain, where: str) -> None:
        if value not in domain:
            raise SpecError(f"{where}: the space offers {option} {domain}", value, fix=f"Change space.{option}")

    def size(self) -> float:
        """Count the specs of the space before constraints; infinite where dropout is continuous.

        A spec counts where its depth, operations and fields are offered and its linear layers come last.
        Whether pooling fits into the extents, and `max_parameters` and `max_macs`, are not looked at.
        """
        spatial, linear = (
            [self._count(index, is_linear) for index in range(self.options.max_layers)] for is_linear in (False, True)
        )
        depths = range(self.options.min_layers, self.options.max_layers + 1)
        chains = sum(
            _product((*spatial[:border], *linear[border:depth])) for depth in depths for border in range(depth + 1)
        )
        return chains * self._domains["reduce"].size

    def _count(self, index: int, is_linear: bool) -> float:
        """Count the layers that may stand at `index`."""
        return sum(
            math.prod(self._domain(option, index, self._domains).size for _, option in _drawn_fields(cls))
            for cls in self._operations.values()
            if _is_linear(cls) == is_linear
        )

    def _enumerate(self) -> Iterator[LayeredSpec]:
        """Yield shallow specs first, then in the order of operations and choices; what comes last changes first."""
        spatial, linear = (
            [list(self._layers(index, is_linear)) for index in range(self.options.max_layers)]
            for is_linear in (False, True)
        )
        reductions = self._values("reduce", 0)
        for depth in range(self.options.min_layers, self.options.max_layers + 1):
            for border in range(depth + 1):
                for *layers, reduce in itertools.product(*spatial[:border], *linear[border:depth], reductions):
                    yield LayeredSpec(tuple(layers), reduce)

    def _layers(self, index: int, is_linear: bool) -> Iterator[Layer]:
        """Yield the layers that may stand at `index`."""
        for cls in self._operations.values():
            if _is_linear(cls) == is_linear:
                drawn = _drawn_fields(cls)
                for values in itertools.product(*(self._values(option, index) for _, option in drawn)):
                    yield cls(**{name: value for (name, _), value in zip(drawn, values, strict=True)})

    def _values(self, option: str, index: int) -> tuple[Any, ...]:
        domain = self._domain(option, index, self._domains)
        return domain.values if isinstance(domain, Choices) else ()

    # ------------------------------------------------------------ for surrogates

    def encode(self, spec: ArchitectureSpec) -> NDArray[np.float64]:
        """Return `spec` as a vector of fixed length, equal only for equal specs of the space.

        First `reduce`, then one block a layer, all zeros where there is none: the operation one-hot, then each
        option that some operation has. Words are one-hot, numbers are divided by the greatest of their
        domain, and a skip's source is counted from the input (1), divided by the greatest depth.
        """
        self._check_membership(spec)
        spec = _layered(spec)
        row = list(_one_hot(spec.reduce, self._domains["reduce"]))
        for index in range(self.options.max_layers):
            layer = spec.layers[index] if index < len(spec.layers) else None
            row += [float(layer is not None and layer.op == op) for op in self._operations]
            for option in self._offered_options():
                row += self._encode_option(option, layer)
        return np.array(row, dtype=np.float64)

    def _offered_options(self) -> list[str]:
        return list(dict.fromkeys(option for cls in self._operations.values() for _, option in _drawn_fields(cls)))

    def _encode_option(self, option: str, layer: Layer | None) -> list[float]:
        names = {} if layer is None else {option: name for name, option in _drawn_fields(type(layer))}
        value = getattr(layer, names[option]) if option in names else None
        if option == "skip":
            return [0.0 if value is None else (value + 2) / (self.options.max_layers + 1)]
        domain = self._domains[option]
        if isinstance(domain, Choices) and isinstance(domain.values[0], str):
            return _one_hot(value, domain)
        greatest = max(domain.values) if isinstance(domain, Choices) else domain.high
        return [0.0 if value is None else value / (greatest or 1)]


def _layered(spec: ArchitectureSpec) -> LayeredSpec:
    if not isinstance(spec, LayeredSpec):
        raise SpecError("The space holds layered specs", spec.kind, fix="Choose another space")
    return spec


def _is_linear(cls: type[Layer]) -> bool:
    return 0 in cls.axes


def _drawn_fields(cls: type[Layer]) -> list[tuple[str, str]]:
    """Return the fields of an operation that a space draws, each with the option that says from what."""
    return [(item.name, item.metadata["option"]) for item in fields(cls) if item.metadata["option"] is not None]


def _product(counts: tuple[float, ...]) -> float:
    return 0 if 0 in counts else math.prod(counts)  # 0 x infinity is none, not NaN


def _one_hot(value: Any, domain: Domain) -> list[float]:
    return [float(value == choice) for choice in domain.values] if isinstance(domain, Choices) else []
