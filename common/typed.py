"""Dataclasses from plain values, and errors that name the option, its value and what it must be."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from types import UnionType
from typing import Any, TypeVar, Union, get_origin, get_type_hints

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
        loc = _named(kind, first["loc"])
        name = ".".join([where, *(str(part) for part in loc)]).strip(".")
        if first["type"] == "missing":
            raise ConfigError(f"{name} must be set, and is missing", fix=f"Add {name}") from None
        rules = [_rule(first["msg"])]
        if loc != first["loc"]:
            rules += [_rule(other["msg"]).removeprefix("must be ") for other in others if other["loc"][:-1] == loc]
        raise ConfigError(f"{name} {', or '.join(rules)}", first["input"], fix=f"Give {name} such a value") from None


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


def _rule(message: str) -> str:
    return message.replace("Input should be", "must be", 1).partition(", unable to parse")[0]


def _named(kind: Any, loc: tuple[int | str, ...]) -> tuple[int | str, ...]:
    """Return what of a place in values are names of options: where there are several kinds, pydantic adds which."""
    for depth, part in enumerate(loc):
        if not is_dataclass(kind):
            return loc if get_origin(kind) not in (Union, UnionType) else loc[:depth]
        kind = get_type_hints(kind)[str(part)]
    return loc
