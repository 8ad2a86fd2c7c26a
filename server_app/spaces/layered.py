"""The `layered` space: chains of layers with skip connections, for vectors, sequences and images."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from common.architecture.kinds.layered import LayeredSpec
from common.architecture.kinds.layers import Layer, Pool, Weighted
from common.architecture.kinds.mixed import Choice, MixedSpec
from common.errors import SpecError
from server_app.spaces.base import Ask, SearchSpace, drawn_by
from server_app.spaces.domains import Choices, Domain, above, nothing_to_choose
from server_app.spaces.edits import insert_layer, remove_layer, replace_layer, splice
from server_app.spaces.layered_mixed import mixed_layers
from server_app.spaces.layered_options import LayeredOptions
from server_app.spaces.layered_places import (
    FRONT,
    LINEAR,
    SPATIAL,
    Families,
    Places,
    drawn_fields,
    first_of,
    is_fronted,
    part_of,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from common.architecture.spec import ArchitectureSpec
    from common.tasks import Task

_ENDS = ("reduce", "join", "normalise")
_MUTATIONS = ("add", "remove", "modify")
_FIRST = "first"
"""What a mutation changes where it exchanges the first layer for one of another operation."""


class LayeredSpace(SearchSpace):
    """Chains of layers: spatial ones first, then linear ones, each with a skip connection or none.

    A front end stands before linear layers only.

    Parameters
    ----------
    task : Task
        Decides which of the offered operations apply, and what is offered where nobody chose.
    options : Options
        Depth, operations, domains and constraints.
    """

    Options = LayeredOptions

    def __init__(self, task: Task, options: LayeredOptions | None = None) -> None:
        self.options = (options or self.Options()).for_kind(task.kind)
        super().__init__(task, max_parameters=self.options.max_parameters, max_macs=self.options.max_macs)
        self._places = Places(task, self.options)

    # ------------------------------------------------------------ draws

    def _made(self, ask: Ask) -> LayeredSpec:
        chain = self._chain(ask("layers", Choices(tuple(self.options.depths))), ask)
        domains = self._places.domains
        layers = tuple(self._layer(cls, index, domains, ask) for index, cls in enumerate(chain))
        return self._ended(layers, ask)

    def _chain(self, depth: int, ask: Ask) -> list[type[Layer]]:
        """Return operations, put in order; a front end stands alone where no linear layer may follow it."""
        chain: list[type[Layer]] = []
        for index in range(depth):
            offered = self._places.after(chain[0], index) if chain else self._places.first
            if offered:
                chain.append(offered[ask(f"layers.{index}.op", Families.of(offered))])
        return sorted(chain, key=lambda cls: part_of(cls) == LINEAR)

    def _layer(self, cls: type[Layer], index: int, domains: dict[str, Domain], ask: Ask) -> Layer:
        drawn = ((name, self._places.domain(option, index, domains)) for name, option in drawn_fields(cls))
        return cls(**{name: ask(f"layers.{index}.{name}", domain) for name, domain in drawn})

    def _ended(self, layers: tuple[Layer, ...], ask: Ask) -> LayeredSpec:
        """Return a spec of these layers, with `reduce`, `join` and `normalise` asked for."""
        reduce, join, normalise = (ask(name, self._places.domains[name]) for name in _ENDS)
        return LayeredSpec(layers, reduce, None if is_fronted(layers) else join, normalise)

    def answers(self, spec: ArchitectureSpec) -> dict[str, Any]:
        """Return depth, operations, fields of layers, and ends; of what plays no part the first value."""
        self._check_membership(spec)
        spec = _layered(spec)
        answers: dict[str, Any] = {"layers": len(spec.layers)}
        answers |= {f"layers.{index}.op": layer.op for index, layer in enumerate(spec.layers)}
        for index, layer in enumerate(spec.layers):
            for name, option in drawn_fields(type(layer)):
                value, domain = getattr(layer, name), self._places.domain(option, index)
                answers[f"layers.{index}.{name}"] = first_of(domain) if layer.is_idle(name) else value
        fronted = is_fronted(spec.layers)
        for name in _ENDS:
            idle = fronted and name != "normalise"
            answers[name] = first_of(self._places.domains[name]) if idle else getattr(spec, name)
        return answers

    # ------------------------------------------------------------ mutation and crossover

    def _mutant(self, spec: ArchitectureSpec, rng: np.random.Generator) -> LayeredSpec:
        spec = _layered(spec)
        mutation = _MUTATIONS[int(rng.integers(len(_MUTATIONS)))]
        depth = len(spec.layers)
        if mutation == "add" and depth < self.options.max_layers:
            index = int(rng.integers(depth + 1))
            offered = self._places.at(index)
            operation = offered[Families.of(offered).draw(rng)]
            return insert_layer(spec, index, self._layer(operation, index, self._places.inserted, drawn_by(rng)))
        if mutation == "remove" and depth > self.options.depths.start:
            return remove_layer(spec, int(rng.integers(depth)))
        return self._modified(spec, rng) if mutation == "modify" else spec

    def _modified(self, spec: LayeredSpec, rng: np.random.Generator) -> LayeredSpec:
        """Change one field: a place is drawn first, then another value for it."""
        places = [place for place in self._changeable(spec) if place[2].size > 1]
        if not places:
            return spec
        index, name, domain = places[int(rng.integers(len(places)))]
        changes: dict[str, Any]
        if index < 0:
            changes = {name: domain.other(getattr(spec, name), rng)}
            return replace(spec, **changes)
        layer = spec.layers[index]
        if name == _FIRST:
            return self._with_first(spec, str(domain.other(layer.op, rng)), rng)
        changes = {name: domain.other(getattr(layer, name), rng)}
        if isinstance(layer, Pool):
            changes["stride"] = None
        changed = replace(layer, **changes)
        return replace_layer(spec, index, self._with_offered(changed, layer, index, rng))

    def _with_offered(self, layer: Layer, before: Layer, index: int, rng: np.random.Generator) -> Layer:
        """Return a layer with values drawn for the fields that play a part now and did not `before`."""
        woken = [(name, option) for name, option in drawn_fields(type(layer)) if before.is_idle(name)]
        changes: dict[str, Any] = {
            name: self._places.domain(option, index).draw(rng) for name, option in woken if not layer.is_idle(name)
        }
        return replace(layer, **changes) if changes else layer

    def _changeable(self, spec: LayeredSpec) -> Iterator[tuple[int, str, Domain]]:
        """Yield what may change: the layer (-1 is the spec itself), the field, and its values."""
        mutable, fronted = self.options.mutation.fields, is_fronted(spec.layers)
        for index, layer in enumerate(spec.layers):
            for name, option in drawn_fields(type(layer)):
                if (mutable is None or option in mutable) and not layer.is_idle(name):
                    yield index, name, self._places.domain(option, index)
        for name in ("normalise",) if fronted else ("reduce", "join", "normalise"):
            if mutable is None or name in mutable:
                yield -1, name, self._places.domains[name]
        rest = {part_of(type(layer)) for layer in spec.layers[1:]}
        if mutable is None and spec.layers and rest <= {LINEAR}:
            # Before linear layers a front end and others can take each other's place, which no other mutation does.
            first, now = self._places.first.items(), spec.layers[0].op
            yield 0, _FIRST, Choices(tuple(op for op, cls in first if fronted or op == now or part_of(cls) == FRONT))

    def _with_first(self, spec: LayeredSpec, op: str, rng: np.random.Generator) -> LayeredSpec:
        first = self._layer(self._places.first[op], 0, self._places.inserted, drawn_by(rng))
        layers = (first, *spec.layers[1:])
        if is_fronted(spec.layers):
            return replace(self._ended(layers, drawn_by(rng)), normalise=spec.normalise)
        return replace(spec, layers=layers, join=None)

    def _child(self, a: ArchitectureSpec, b: ArchitectureSpec, rng: np.random.Generator) -> LayeredSpec:
        """Join the beginning of `a` and the end of `b`; cuts that copy a parent whole are left out."""
        a, b = _layered(a), _layered(b)
        cuts = [
            (end, start)
            for end in range(len(a.layers) + 1)
            for start in range(len(b.layers) + 1)
            if end + len(b.layers) - start in self.options.depths
            and (end, start) not in ((0, 0), (len(a.layers), len(b.layers)))
        ]
        if not cuts:
            return a
        end, start = cuts[int(rng.integers(len(cuts)))]
        names = ("reduce", *(name for name in ("normalise", "join") if self._places.domains[name].size > 1))
        ends: dict[str, Any] = {name: getattr((a, b)[int(rng.integers(2))], name) for name in names}
        return replace(splice(a, end, b, start), **ends)

    # ------------------------------------------------------------ what belongs

    def _check_membership(self, spec: ArchitectureSpec) -> None:
        spec = _layered(spec)
        options = self.options
        if len(spec.layers) not in options.depths:
            raise SpecError(
                f"The space holds specs of {options.depths.start} to {options.max_layers} layers",
                len(spec.layers),
                fix="Change space.min_layers or space.max_layers",
            )
        self._places.check(spec)

    def nearest(self, spec: ArchitectureSpec) -> ArchitectureSpec:
        """Return `spec` with each value that is not offered exchanged for the nearest one; see `Places.nearest`."""
        return self._places.nearest(spec) if isinstance(spec, LayeredSpec) else spec

    def size(self) -> float:
        """Count the specs of the space before constraints; infinite where dropout is continuous.

        A spec counts where its depth, operations and fields are offered and its linear layers come last.
        Whether pooling fits into the extents, and `max_parameters` and `max_macs`, are not looked at.
        """
        front, spatial, linear = (
            [self._places.count(index, part) for index in range(self.options.max_layers)]
            for part in (FRONT, SPATIAL, LINEAR)
        )
        chains = sum(
            _product((*spatial[:border], *linear[border:depth]))
            for depth in self.options.depths
            for border in range(depth + 1)
        )
        fronted = sum(_product((front[0], *linear[1:depth])) for depth in self.options.depths if depth)
        ended = chains * self._places.domains["reduce"].size * self._places.domains["join"].size
        return (ended + fronted) * self._places.domains["normalise"].size

    def choices(self) -> dict[str, Domain]:
        """Return depths, operations, and the domains of all options that some operation has."""
        deepest = max(self.options.max_layers - 1, 0)
        fields = {option: self._places.domain(option, deepest) for option in self._offered_options()}
        ends = {name: self._places.domains[name] for name in ("reduce", "join", "normalise")}
        return {
            "layers": Choices(tuple(self.options.depths)),
            "operations": Choices(tuple(self._places.operations)),
            **fields,
            **{name: domain for name, domain in ends.items() if domain.size > 1},
        }

    def _enumerate(self) -> Iterator[LayeredSpec]:
        """Yield shallow specs first, then in the order of operations and choices; what comes last changes first."""
        front, spatial, linear = (
            [list(self._places.layers(index, part)) for index in range(self.options.max_layers)]
            for part in (FRONT, SPATIAL, LINEAR)
        )
        normalise = self._places.beginnings()
        for depth in self.options.depths:
            for border in range(depth + 1):
                chains = itertools.product(*spatial[:border], *linear[border:depth])
                for layers, (reduce, join), how in itertools.product(chains, self._places.ends(), normalise):
                    yield LayeredSpec(layers, reduce, join, how)
            fronted = itertools.product(front[0], *linear[1:depth]) if depth else ()
            for layers, how in itertools.product(fronted, normalise):
                yield LayeredSpec(layers, normalise=how)

    def mixed(self, partial: int = 1) -> MixedSpec:
        """Return the chain, as deep as may be, of all layers that give one shape at each place.

        See `SearchSpace.mixed`, and `server_app.spaces.layered_mixed`.
        """
        offered = mixed_layers(self._places, self.options.max_layers, self.task)
        choices = [Choice(f"layer{index}", options) for index, options in enumerate(offered)]
        if all(len(choice.options) < 2 for choice in choices) or len(offered) < self.options.depths.start:
            raise nothing_to_choose("layered", "Offer more operations, kernels or activations, or set space=cell")
        ends = {name: first_of(self._places.domains[name]) for name in _ENDS}
        return MixedSpec(LayeredSpec(tuple(options[0] for options in offered), **ends), tuple(choices), partial)

    def larger(self, spec: ArchitectureSpec) -> list[ArchitectureSpec | None]:
        """Return `spec` with all layers wider; see `SearchSpace.larger`."""
        spec = _layered(spec)
        widths = [layer.width for layer in spec.layers if isinstance(layer, Weighted)]
        domain = self._places.domains["width"]
        assert isinstance(domain, Choices)
        width = above(domain, max(widths)) if widths else None
        if width is None:
            return [None]
        layers = (replace(layer, width=width) if isinstance(layer, Weighted) else layer for layer in spec.layers)
        return [replace(spec, layers=tuple(layers))]

    # ------------------------------------------------------------ for surrogates

    def encode(self, spec: ArchitectureSpec) -> NDArray[np.float64]:
        """Return `spec` as a vector of fixed length, equal only for equal specs of the space.

        First `reduce`, and `join` and `normalise` where there is a choice; then one block a layer, all zeros where
        there is none: the operation one-hot, then each option that some operation has. Words and lists are one-hot,
        numbers are divided by the greatest of their domain, no number is 0, and a skip's source is counted from the
        input (1), divided by the greatest depth.
        """
        self._check_membership(spec)
        spec = _layered(spec)
        row = _one_hot(spec.reduce, self._places.domains["reduce"])
        for name in ("join", "normalise"):
            if (domain := self._places.domains[name]).size > 1:
                row += _one_hot(getattr(spec, name), domain)
        for index in range(self.options.max_layers):
            layer = spec.layers[index] if index < len(spec.layers) else None
            row += [float(layer is not None and layer.op == op) for op in self._places.operations]
            for option in self._offered_options():
                row += self._encode_option(option, layer)
        return np.array(row, dtype=np.float64)

    def _offered_options(self) -> list[str]:
        operations = self._places.operations.values()
        return list(dict.fromkeys(option for cls in operations for _, option in drawn_fields(cls)))

    def _encode_option(self, option: str, layer: Layer | None) -> list[float]:
        names = {} if layer is None else {option: name for name, option in drawn_fields(type(layer))}
        value = getattr(layer, names[option]) if option in names else None
        if option == "skip":
            return [0.0 if value is None else (value + 2) / (self.options.max_layers + 1)]
        domain = self._places.domains[option]
        if isinstance(domain, Choices) and isinstance(domain.values[0], str | tuple):
            return _one_hot(value, domain)
        greatest = max(number or 0 for number in domain.values) if isinstance(domain, Choices) else domain.high
        return [0.0 if value is None else value / (greatest or 1)]


def _layered(spec: ArchitectureSpec) -> LayeredSpec:
    if not isinstance(spec, LayeredSpec):
        raise SpecError("The space holds layered specs", spec.kind, fix="Choose another space")
    return spec


def _product(counts: tuple[float, ...]) -> float:
    return 0 if 0 in counts else math.prod(counts)  # 0 x infinity is none, not NaN


def _one_hot(value: Any, domain: Domain) -> list[float]:
    return [float(value == choice) for choice in domain.values] if isinstance(domain, Choices) else []
