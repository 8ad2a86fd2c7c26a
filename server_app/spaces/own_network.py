"""What the file of an own space says, read and checked: shared choices, and layers with choices in place of values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import MISSING, dataclass, fields
from graphlib import CycleError, TopologicalSorter
from typing import Any

from common.architecture.kinds.layered import NORMALISATIONS, REDUCTIONS
from common.architecture.kinds.layers import LAYERS, FrontEnd, Layer, layer_from_dict
from common.architecture.rules import MAX_LAYERS, Rule, one_of, optional, whole
from common.errors import ConfigError, SpecError
from server_app.spaces.own_slots import SHARED, Condition, Source, Sources, parse_sources, parse_when, ruled

_REPEAT: Rule = whole(0, MAX_LAYERS)
_BACK: Rule = optional(whole(1, MAX_LAYERS))
"""How many layers back a skip connection starts; a spec numbers layers instead."""


@dataclass(frozen=True)
class Part:
    """An entry of `layers`: a layer with choices, and how often it is there, each time with values of its own.

    Parameters
    ----------
    name : str
        Such as ``layers.1``.
    repeat : tuple of Source
        How often; with no value, not at all.
    fields : mapping of str to tuple of Source
        ``op`` first, and each field after those that it depends on.
    most : int
        The greatest that `repeat` may be.
    """

    name: str
    repeat: Sources
    fields: Mapping[str, Sources]
    most: int


@dataclass(frozen=True)
class Network:
    """All that may vary.

    Parameters
    ----------
    shared : mapping of str to tuple of Source
        The space's `choices`, ``$`` included in their names.
    parts : tuple of Part
        The layers.
    ends : mapping of str to tuple of Source
        Fields of the spec itself: `reduce`, `join` and `normalise`.
    """

    shared: Mapping[str, Sources]
    parts: tuple[Part, ...]
    ends: Mapping[str, Sources]


def parse_network(
    choices: Mapping[str, Any],
    layers: Sequence[Mapping[str, Any]],
    reduce: Any = REDUCTIONS[0],
    join: Any = None,
    normalise: Any = NORMALISATIONS[0],
) -> Network:
    """Read the options of an own space.

    Raises
    ------
    ConfigError
        A key or a name is unknown, conditions go round in a circle, or a value is none that its field may have.
    """
    shared = {f"{SHARED}{name}": parse_sources(f"choices.{name}", value) for name, value in choices.items()}
    reader = _Reader(shared)
    parts = tuple(reader.part(f"layers.{index}", layer) for index, layer in enumerate(layers))
    if (deepest := sum(part.most for part in parts)) > MAX_LAYERS:
        raise ConfigError(
            f"space.layers must be {MAX_LAYERS} at most, repeated ones included", deepest, fix="Repeat less"
        )
    ends = {
        "reduce": reader.ruled("reduce", parse_sources("reduce", reduce), {"reduce": one_of(REDUCTIONS)}),
        "join": reader.ruled("join", parse_sources("join", join), {"join": _front_end}),
        "normalise": reader.ruled(
            "normalise", parse_sources("normalise", normalise), {"normalise": one_of(NORMALISATIONS)}
        ),
    }
    for name, sources in ends.items():
        reader.check_conditions(name, sources, {})
        if not reader.certain(sources, {}):
            raise ConfigError(f"space.{name} must have a value under all conditions", fix="Add one without when")
    network = Network(shared, parts, ends)
    if unused := [name for name in shared if name not in _named(network)]:
        raise ConfigError(
            "Each of space.choices must be used", unused[0], fix=f"Write {unused[0]} for a value, or remove it"
        )
    return network


def _named(network: Network) -> set[str]:
    """Return the names in conditions, and those of the shared choices that stand for values."""
    everything = [*network.shared.values(), *network.ends.values()]
    for part in network.parts:
        everything += [part.repeat, *part.fields.values()]
    found = {condition.name for sources in everything for condition in _conditions(sources)}
    return found | {source.shared for sources in everything for source in sources}


class _Reader:
    """Reads layers, with what is known of shared choices."""

    def __init__(self, shared: Mapping[str, Sources]) -> None:
        self._shared = shared
        for name, sources in shared.items():
            if other := next((source.shared for source in sources if source.shared), None):
                raise ConfigError(f"space.choices.{name[1:]} must have values of its own", other, fix="List them")
            for condition in _conditions(sources):
                if not condition.name.startswith(SHARED):
                    raise ConfigError(
                        f"space.choices.{name[1:]}.when must name another choice, such as {name}",
                        condition.name,
                        fix=f"Write {SHARED}{condition.name} if that is one of the choices",
                    )
            self._check_known(f"choices.{name[1:]}", sources)
        _ordered("choices", shared)
        for name, sources in shared.items():
            self.check_conditions(f"choices.{name[1:]}", sources, {})

    # ------------------------------------------------------------ layers

    def part(self, name: str, layer: Any) -> Part:
        """Read one entry of `layers`."""
        if not isinstance(layer, Mapping) or "op" not in layer:
            raise ConfigError(f"space.{name} must be a layer with an op", layer, fix="Write {op: conv2d, width: 16}")
        when = parse_when(f"{name}.when", layer["when"]) if "when" in layer else ()
        repeat = tuple(
            Source(source.domain, source.shared, (*when, *source.when))
            for source in self.ruled(
                f"{name}.repeat", parse_sources(f"{name}.repeat", layer.get("repeat", 1)), {"": _REPEAT}
            )
        )
        self.check_conditions(f"{name}.when", repeat, {})
        operation = self.ruled(f"{name}.op", parse_sources(f"{name}.op", layer["op"]), {"": one_of(tuple(LAYERS))})
        if not self.certain(operation, {}):
            raise ConfigError(f"space.{name}.op must have a value under all conditions", fix="Add one without when")
        classes = {op: LAYERS[op] for op in self.possible(operation)}
        read = {"op": operation}
        for key, value in layer.items():
            if key not in ("op", "repeat", "when"):
                read[key] = self._field(f"{name}.{key}", str(key), parse_sources(f"{name}.{key}", value), classes)
        for key, sources in read.items():
            self.check_conditions(f"{name}.{key}", sources, read)
        self._check_required(name, read, classes)
        order = _ordered(name, read, {key: ["op", *_deciding(key, classes)] for key in read if key != "op"})
        return Part(name, repeat, {key: read[key] for key in order}, max(self.possible(repeat)))

    def _field(self, name: str, key: str, sources: Sources, classes: Mapping[str, type[Layer]]) -> Sources:
        """Read one field of a layer: each value must suit all operations with which it can meet."""
        having = {op: _rules(cls) for op, cls in classes.items() if key in _rules(cls)}
        if not having:
            known = dict.fromkeys(known for cls in classes.values() for known in _rules(cls))
            raise ConfigError(f"space.{name}: {', '.join(classes)} knows only {', '.join(known)}", key, fix="Remove it")
        found: Sources = ()
        for index, source in enumerate(sources):
            before = sources[:index]
            meets = [op for op in having if _meets(source, op) and not self.certain(before, {"op": op})]
            if not meets:
                raise ConfigError(
                    f"space.{name} must be of a layer that has it ({', '.join(having)})",
                    ", ".join(map(str, source.when)) or "a value after one that always holds",
                    fix="Change its when, or remove it",
                )
            found += self.ruled(name, (source,), {op: having[op][key] for op in meets})
        return found

    def _check_required(self, name: str, read: Mapping[str, Sources], classes: Mapping[str, type[Layer]]) -> None:
        for op, cls in classes.items():
            for item in fields(cls):
                if item.default is MISSING and not self.certain(read.get(item.name, ()), {"op": op}):
                    raise ConfigError(
                        f"space.{name} must have a {item.name} under all conditions where it is {op}",
                        fix=f"Add {item.name}, or to its list a last entry without when",
                    )

    # ------------------------------------------------------------ values

    def possible(self, sources: Sources) -> tuple[Any, ...]:
        """Return all values that there may be."""
        found = [
            value
            for source in sources
            for value in (self.possible(self._shared[source.shared]) if source.shared else source.domain.values)
        ]
        return tuple(value for index, value in enumerate(found) if value not in found[:index])

    def certain(self, sources: Sources, known: Mapping[str, Any]) -> bool:
        """Tell whether there is a value whatever else is chosen, but for what is `known`."""
        return any(
            all(condition.name in known and known[condition.name] in condition.values for condition in source.when)
            and (not source.shared or self.certain(self._shared[source.shared], {}))
            for source in sources
        )

    def ruled(self, name: str, sources: Sources, rules: Mapping[str, Rule]) -> Sources:
        """Return sources with values as all of these rules make them; they must make the same of one value."""
        self._check_known(name, sources)
        for rule in rules.values():
            sources = ruled(name, sources, rule)
            for source in sources:
                for value in self.possible(self._shared[source.shared]) if source.shared else ():
                    _check_as_written(name, source.shared, value, rule)
        return sources

    # ------------------------------------------------------------ conditions

    def _check_known(self, name: str, sources: Sources) -> None:
        named = [source.shared for source in sources if source.shared]
        named += [condition.name for condition in _conditions(sources) if condition.name.startswith(SHARED)]
        for one in named:
            if one not in self._shared:
                known = ", ".join(self._shared) or "none"
                raise ConfigError(
                    f"space.{name} must name one of space.choices ({known})", one, fix=f"Add {one[1:]} to them"
                )

    def check_conditions(self, name: str, sources: Sources, layer: Mapping[str, Sources]) -> None:
        """Check that conditions name what there is, and values that it may have."""
        for condition in _conditions(sources):
            named = self._shared.get(condition.name) or layer.get(condition.name)
            if named is None:
                known = ", ".join([*layer, *self._shared]) or "none"
                raise ConfigError(
                    f"space.{name} must name what is chosen ({known}) in its when",
                    condition.name,
                    fix=f"A shared choice is written {SHARED}name",
                )
            possible = self.possible(named)
            for value in condition.values:
                if value not in possible:
                    can = ", ".join(map(str, possible))
                    raise ConfigError(f"space.{name}: {condition.name} can be {can}", value, fix="Change its when")


def _ordered(name: str, sources: Mapping[str, Sources], more: Mapping[str, Iterable[str]] = {}) -> list[str]:
    """Return names so that each comes after those that it depends on; raises `ConfigError` for a circle."""
    sorter: TopologicalSorter[str] = TopologicalSorter()
    for key, mine in sources.items():
        needed = [
            *more.get(key, ()),
            *(condition.name for condition in _conditions(mine)),
            *(one.shared for one in mine),
        ]
        sorter.add(key, *(one for one in dict.fromkeys(needed) if one in sources))
    try:
        return list(sorter.static_order())
    except CycleError as error:
        circle = " -> ".join(error.args[1])
        raise ConfigError(
            f"Conditions in space.{name} must not go round in a circle", circle, fix="Remove one"
        ) from None


def _conditions(sources: Sources) -> list[Condition]:
    return [condition for source in sources for condition in source.when]


def _deciding(key: str, classes: Mapping[str, type[Layer]]) -> list[str]:
    """Return the fields on which it depends whether `key` plays a part."""
    return [cls.idle[key][0] for cls in classes.values() if key in cls.idle]


def _meets(source: Source, op: str) -> bool:
    """Tell whether a source can give a value where the layer is this operation."""
    return all(condition.name != "op" or op in condition.values for condition in source.when)


def _rules(cls: type[Layer]) -> dict[str, Rule]:
    return {item.name: _BACK if item.name == "skip" else item.metadata["rule"] for item in fields(cls)}


def _check_as_written(name: str, shared: str, value: Any, rule: Rule) -> None:
    try:
        made = rule(f"space.{name} = {shared}", value)
    except SpecError as error:
        raise ConfigError(str(error).removesuffix(".")) from None
    if made != value:
        raise ConfigError(f"space.choices.{shared[1:]} must be written as it is used", value, fix=f"Write {made}")


def _front_end(name: str, value: Any) -> FrontEnd | None:
    """Apply the rule for what joins the vector."""
    layer = None if value is None else layer_from_dict(value)
    if not isinstance(layer, FrontEnd | None):
        raise SpecError(f"{name} must be null or a front end such as {{op: log_energy}}", value, fix="Leave it out")
    return layer
