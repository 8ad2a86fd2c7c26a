"""What ``flwr-nas search --help`` says: choices, and options with their values and what the YAML files say of them."""

from __future__ import annotations

import textwrap
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from common.comments import Option, header_of, options_in

WIDTH = 100
_COLUMN = 36
"""Where the comments begin."""
_NOT_OPTIONS = ("defaults", "hydra")


def help_text(
    values: Mapping[str, Any],
    chosen: Mapping[str, str],
    main: str,
    folders: Sequence[Path],
    fixed: Collection[str] = (),
) -> str:
    """Return the choices and the options of a search, in lines of `WIDTH` characters at most.

    Parameters
    ----------
    values : mapping
        The configuration.
    chosen : mapping of str to str
        By group, the choice.
    main : str
        Name of the YAML file that has the options outside all groups.
    folders : sequence of Path
        Where YAML files are looked for; the first one that has a file counts.
    fixed : collection of str
        Groups of which no other choice can be made.
    """
    lines = ["What can be chosen, as GROUP=CHOICE:", ""]
    for group, choice in chosen.items():
        others = [name for name in _choices(group, folders) if name != choice and group not in fixed]
        lines += _beside(f"{group}={choice}", f"or {', '.join(others)}" if others else "the only one")
    lines += ["", "What can be set, as OPTION=VALUE, with the values that hold for these choices:"]
    text = _read(main, folders)
    lines += _sections([option for option in options_in(text) if option.path[0] not in _NOT_OPTIONS], values)
    for group, choice in chosen.items():
        text = _read(f"{group}/{choice}", folders)
        if header := header_of(text):
            lines += ["", *textwrap.wrap(f"{group}={choice}: {header}", WIDTH)]
        if group in values:
            options = [Option((group, *option.path), option.comment) for option in options_in(text)]
            lines += _lines([option for option in options if option.path[1:] != ("name",)], values)
    return "\n".join(lines)


def _choices(group: str, folders: Sequence[Path]) -> list[str]:
    return sorted({path.stem for folder in folders for path in (folder / group).glob("*.yaml")})


def _read(name: str, folders: Sequence[Path]) -> str:
    paths = [folder / f"{name}.yaml" for folder in folders]
    found = [path.read_text(encoding="utf-8") for path in paths if path.is_file()]
    return found[0] if found else ""


def _sections(options: Sequence[Option], values: Mapping[str, Any]) -> Iterator[str]:
    """Yield the lines of options, an empty one before those of each outermost key."""
    for key in dict.fromkeys(option.path[0] for option in options):
        yield ""
        yield from _lines([option for option in options if option.path[0] == key], values)


def _lines(options: Sequence[Option], values: Mapping[str, Any]) -> Iterator[str]:
    told_one_by_one = {option.path[:-1] for option in options}
    for option in options:
        value: Any = values
        for key in option.path:
            value = value.get(key) if isinstance(value, Mapping) else None
        written = "" if option.path in told_one_by_one else f"={_written(value)}"
        yield from _beside(".".join(option.path) + written, option.comment)


def _beside(left: str, right: str) -> Iterator[str]:
    """Yield an option and, in a column of their own, the words on it; below it where it is too long."""
    lefts = textwrap.wrap(left, WIDTH - 2, initial_indent="  ", subsequent_indent="      ", break_on_hyphens=False)
    rights = textwrap.wrap(right, WIDTH - _COLUMN, break_on_hyphens=False)
    if len(lefts) == 1 and len(lefts[0]) <= _COLUMN - 2 and rights:
        yield lefts.pop().ljust(_COLUMN) + rights.pop(0)
    yield from lefts
    yield from (" " * _COLUMN + line for line in rights)


def _written(value: Any) -> str:
    """Return a value as it can be typed."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{name}: {_written(item)}" for name, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_written, value)) + "]"
    return str(value)
