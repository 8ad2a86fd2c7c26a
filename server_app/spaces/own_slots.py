"""What the file of an own space may write where a spec has a value: choices, conditions, priors, and their names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from common.errors import ConfigError, SpecError
from server_app.spaces.domains import Choices
from server_app.spaces.priors import Expected

SHARED = "$"
"""Begins the name of one of the space's `choices`."""
_KEYS = ("values", "expected", "confidence", "when")


@dataclass(frozen=True)
class Condition:
    """That a choice, or a field of the same layer, has one of some values."""

    name: str
    values: tuple[Any, ...]

    def __str__(self) -> str:
        return f"{self.name} is {' or '.join(map(str, self.values))}"


@dataclass(frozen=True)
class Source:
    """Where a value comes from, and when it does.

    Parameters
    ----------
    domain : Choices
        What is drawn from; empty where `shared` is named.
    shared : str
        One of the space's choices, ``$`` included, or nothing.
    when : tuple of Condition
        All must hold.
    """

    domain: Choices
    shared: str = ""
    when: tuple[Condition, ...] = ()


Sources = tuple[Source, ...]
"""The first of which the conditions hold gives the value; where those of none do, there is none."""


def parse_sources(name: str, value: Any) -> Sources:
    """Read what stands for a value.

    Parameters
    ----------
    name : str
        The option, for messages.
    value : object
        One value; a list of choices; ``$name`` for one of the space's choices; ``{values: ..., expected: ...,
        confidence: ..., when: {name: value or values}}``; or a list of such, of which the first that applies counts.

    Raises
    ------
    ConfigError
        It is none of these.
    """
    if isinstance(value, list) and value and all(_is_guarded(item) for item in value):
        return tuple(_source(f"{name}.{index}", item) for index, item in enumerate(value))
    return (_source(name, value),)


def parse_when(name: str, value: Any) -> tuple[Condition, ...]:
    """Read conditions; raises `ConfigError` where they are none."""
    if not isinstance(value, Mapping) or not value:
        raise ConfigError(
            f"space.{name} must name what has which values", value, fix="Write {op: conv2d} or {$size: [1, 2]}"
        )
    return tuple(Condition(str(key), _values(f"{name}.{key}", wanted)) for key, wanted in value.items())


def ruled(name: str, sources: Sources, rule: Any) -> Sources:
    """Return sources with each value as a rule makes it, those of shared choices aside.

    Raises
    ------
    ConfigError
        The rule refuses a value, or makes one of two.
    """
    return tuple(_ruled(name, source, rule) for source in sources)


def _ruled(name: str, source: Source, rule: Any) -> Source:
    if source.shared:
        return source
    domain = source.domain
    try:
        values = tuple(rule(f"space.{name}", value) for value in domain.values)
        if isinstance(domain, Expected):
            domain = Expected(values, rule(f"space.{name}", domain.expected), domain.confidence)
        else:
            domain = Choices(values)
    except SpecError as error:
        raise ConfigError(str(error).removesuffix(".")) from None
    _check_once(name, values)
    return Source(domain, when=source.when)


def plain(value: Any) -> Any:
    """Return a value as it can be compared and hashed: lists as tuples."""
    return tuple(map(plain, value)) if isinstance(value, list) else value


def _is_guarded(value: Any) -> bool:
    return isinstance(value, Mapping) and "values" in value


def _source(name: str, value: Any) -> Source:
    if not _is_guarded(value):
        if isinstance(value, Mapping) and "op" not in value:
            raise ConfigError(
                f"space.{name} must be a value, a list of choices, or have the keys {', '.join(_KEYS)}",
                dict(value),
                fix="Write {values: [1, 2], when: {op: conv2d}}",
            )
        return Source(Choices(()), value) if _is_shared(value) else Source(Choices(_values(name, value)))
    if unknown := sorted(str(key) for key in value if key not in _KEYS):
        raise ConfigError(
            f"space.{name} knows only {', '.join(_KEYS)}", unknown, fix="Remove or rename what is unknown"
        )
    when = parse_when(f"{name}.when", value["when"]) if "when" in value else ()
    if not _is_shared(value["values"]):
        return Source(_believed(name, Choices(_values(name, value["values"])), value), when=when)
    if "expected" in value or "confidence" in value:
        raise ConfigError(
            f"space.{name} takes a choice, whose prior stands where the choice does",
            value["values"],
            fix=f"Write expected and confidence into space.choices.{value['values'][1:]}",
        )
    return Source(Choices(()), value["values"], when)


def _believed(name: str, domain: Choices, value: Mapping[str, Any]) -> Choices:
    """Return the domain with its prior, if it has one."""
    given = [key for key in ("expected", "confidence") if key in value]
    if not given:
        return domain
    if len(given) == 1:
        raise ConfigError(
            f"space.{name} must have both expected and confidence, or neither",
            {given[0]: value[given[0]]},
            fix="Write {values: [8, 16], expected: 16, confidence: 0.5}",
        )
    expected, confidence = plain(value["expected"]), value["confidence"]
    if expected not in domain.values:
        raise ConfigError(f"space.{name}.expected must be one of {domain}", expected, fix="Add it, or expect another")
    if isinstance(confidence, bool) or not isinstance(confidence, int | float) or not 0 < confidence < 1:
        raise ConfigError(
            f"space.{name}.confidence must lie between 0 and 1, neither included",
            confidence,
            fix="Who knows for sure writes one value, and who knows nothing leaves expected and confidence out",
        )
    return Expected(domain.values, expected, float(confidence))


def _is_shared(value: Any) -> bool:
    return isinstance(value, str) and value.startswith(SHARED)


def _values(name: str, value: Any) -> tuple[Any, ...]:
    values = (
        tuple(plain(item) for item in value) if isinstance(value, Sequence) and not isinstance(value, str) else (value,)
    )
    if not values:
        raise ConfigError(f"space.{name} must offer a value", value, fix="Name one value, or several in a list")
    if inner := [item for item in values if _is_shared(item) or (_is_guarded(item))]:
        raise ConfigError(
            f"space.{name} must be a list of values, or a list of {{values: ..., when: ...}} only",
            inner[0],
            fix="Write {values: ...} around each of them",
        )
    _check_once(name, values)
    return values


def _check_once(name: str, values: Iterable[Any]) -> None:
    found = list(values)
    if any(value in found[:index] for index, value in enumerate(found)):
        raise ConfigError(f"space.{name} must not repeat a choice", found, fix="Remove the repeated ones")
