"""Dataclasses from plain values, and errors that name the option, its value and what it must be."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from typing import Any, TypeVar, get_type_hints

from pydantic import TypeAdapter, ValidationError

from common.errors import ConfigError

T = TypeVar("T")


def typed(kind: type[T], values: Mapping[str, Any], where: str) -> T:
    """Build a dataclass from plain values.

    Parameters
    ----------
    kind : type
        The dataclass; its fields may be dataclasses.
    values : mapping
        By name of a field.
    where : str
        The option that has these values; empty for a whole configuration.

    Raises
    ------
    ConfigError
        An option is unknown, missing, or has a value that it cannot have.
    """
    for name, value, known in _unknown(kind, values, where):
        named = name if isinstance(value, (dict, list)) else f"{name}={value}"
        whole = name.rpartition(".")[0] or "a configuration"
        raise ConfigError(f"{named} is no option; {whole} has {', '.join(known)}", fix=f"Remove {name}")
    try:
        return TypeAdapter(kind).validate_python(dict(values))
    except ValidationError as error:
        first, *others = error.errors()
        place = _place(values, first["loc"])
        name = ".".join([where, *map(str, place)]).strip(".")
        if first["type"] == "missing":
            raise ConfigError(f"{name} must be set, and is missing", fix=f"Add {name}") from None
        kinds = [first, *(one for one in others if place != first["loc"] and _place(values, one["loc"]) == place)]
        rules = [one["msg"].partition(", unable to parse")[0] for one in kinds]
        rule = ", or ".join([rules[0].replace("Input should be", "must be", 1), *map(_kind, rules[1:])])
        raise ConfigError(f"{name} {rule}", first["input"], fix=f"Give {name} such a value") from None


def _place(values: Any, place: tuple[int | str, ...]) -> tuple[int | str, ...]:
    """Return where in `values` an error is: of a value that may be of several kinds, pydantic names a kind as well."""
    for depth, part in enumerate(place):
        if not isinstance(values, (Mapping, list, tuple)):
            return place[:depth]
        if depth == len(place) - 1:
            break
        try:
            values = values[part]  # type: ignore[index]
        except (LookupError, TypeError):
            break
    return place


def _kind(rule: str) -> str:
    return rule.removeprefix("Input should be ")


def _unknown(kind: Any, values: Mapping[str, Any], where: str) -> Iterator[tuple[str, Any, list[str]]]:
    """Yield what is no field, with its value and the fields that there are."""
    assert is_dataclass(kind)
    known = [field.name for field in fields(kind)]
    for key in sorted(set(values) - set(known), key=str):
        yield f"{where}.{key}".strip("."), values[key], known
    hints = get_type_hints(kind)
    for key in known:
        if is_dataclass(hints[key]) and isinstance(values.get(key), Mapping):
            yield from _unknown(hints[key], values[key], f"{where}.{key}".strip("."))
