"""What people type for an option, as Hydra's grammar wants it.

In that grammar blanks, commas, brackets, ``=`` and letters beyond ASCII mean something or nothing at all, unless
they are quoted: a second time, as the shell has taken away the first quotes. Where a value can only be a text, that
is done here.

A baseline that people give takes the place of an experiment's; Hydra would merge the two.

What only one data set knows is in ``dataset.options``; ``dataset.label`` is enough for ``dataset.options.label``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import fields
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from common.errors import ConfigError
from common.settings import DatasetSettings

PATHS = ("dataset.path", "objective.latency", "federation.root_certificates", "run.dir", "space.table")
TEXTS = ("dataset.options.label", "federation.address", "run.name")

_QUOTED = r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\""
_OPTION = re.compile(rf"(\+{{0,2}})({'|'.join(map(re.escape, (*PATHS, *TEXTS)))})=(.*)", re.DOTALL)
_AS_IT_IS = re.compile(rf"(?:{_QUOTED}|(?i:null))", re.DOTALL)
_SWEEP = re.compile(r"(?:choice|glob|interval|range|shuffle|sort|tag)\s*\(.*\)", re.DOTALL)
_PIECE = re.compile(rf"(?:{_QUOTED}|\$\{{[^}}]*\}}|[^,])+", re.DOTALL)

_OF_DATA = re.compile(r"((?:\+{0,2}|~)dataset\.)(\w+)(=.*)?", re.DOTALL)
_REFUSED = re.compile(r"'dataset\.options\.(\w+)'")
_UNKNOWN = re.compile(r"Could not override '([\w.]+)'\. To append")
_CHOICE = re.compile(r"\+{0,2}(?:dataset|experiment)=")
_SETTINGS = tuple(field.name for field in fields(DatasetSettings))
_DATASET = re.compile(r"\+{0,2}dataset=")
_BASELINE = re.compile(r"final\.baseline=\{.*\}", re.DOTALL)
_NAME = re.compile(r"(?:\+{0,2}|~)run\.name\b")


def for_hydra(overrides: Sequence[str], sweep: bool = False) -> list[str]:
    """Return overrides with all texts quoted, and without an experiment's name where another data set is chosen.

    Parameters
    ----------
    overrides : sequence of str
        As Hydra's, but for texts quoted no more than the shell needs.
    sweep : bool
        Whether a comma separates values to try, one after the other.
    """
    chosen = any(_DATASET.match(override) for override in overrides)
    named = any(_NAME.match(override) for override in overrides)
    unnamed = ["run.name=${name_of_data:}"] if chosen and not named else []
    whole = [part for override in overrides for part in _replacing(override)]
    return [*(_quoted(_in_full(override), sweep) for override in whole), *unnamed]


def choosing(overrides: Sequence[str]) -> list[str]:
    """Return those overrides that choose a data set."""
    return [override for override in overrides if _CHOICE.match(override)]


def unknown(sentence: str) -> str | None:
    """Return the option that there is not, whole, as Hydra's error has it; None of any other error."""
    found = _UNKNOWN.match(sentence)
    return None if found is None else found[1]


def without_dots(overrides: Sequence[str], unknown: str) -> list[str]:
    """Return those overrides that choose, among them what a group has, but for `unknown`."""
    names = [(override.partition("=")[0], override) for override in overrides if "=" in override]
    return [override for name, override in names if "." not in name and name != unknown]


def no_option(name: str, values: Mapping[str, Any], command: str) -> ConfigError:
    """Return the error that there is no option of a name, with those beside it, and the nearest of them.

    Parameters
    ----------
    name : str
        In full.
    values : mapping
        The configuration without it.
    command : str
        Whose help has all options.
    """
    *groups, _ = name.split(".")
    place: list[str] = []
    for group in groups:
        if not isinstance(values.get(group), Mapping):
            break
        values = values[group]
        place.append(group)
    near = get_close_matches(name, [".".join([*place, key]) for key in values], 1)
    return ConfigError(
        f"{name} is no option; {'.'.join(place) or 'a configuration'} has {', '.join(values)}",
        fix=f"Write {near[0]}" if near else f"See flwr-nas {command} --help",
    )


def refused_option(sentence: str) -> str | None:
    """Return the option of a data set that Hydra does not know, as its error has it; None of any other error."""
    found = _REFUSED.search(sentence)
    return None if found is None else found[1]


def unknown_option(option: str, dataset: Mapping[str, Any]) -> ConfigError:
    """Return the error that a data set has no such option, with all that it has.

    Parameters
    ----------
    option : str
        Its name.
    dataset : mapping
        The group ``dataset`` of the configuration.
    """
    general = ", ".join(name for name in _SETTINGS if name not in ("name", "options"))
    own = ", ".join(dataset["options"]) or "none"
    return ConfigError(
        f"dataset has the options {general}, and of dataset={dataset['name']} alone: {own}",
        f"dataset.{option}",
        fix="Leave it out; see flwr-nas search --help",
    )


def _replacing(override: str) -> list[str]:
    """Return what sets the baseline to a mapping without a trace of the one before; any other override as it is."""
    return ["~final.baseline", f"+{override}"] if _BASELINE.fullmatch(override) else [override]


def _in_full(override: str) -> str:
    """Return an override with what is no setting of all data sets as an option of one."""
    found = _OF_DATA.fullmatch(override)
    if found is None or found[2] in _SETTINGS:
        return override
    return f"{found[1]}options.{found[2]}{found[3] or ''}"


def _quoted(override: str, sweep: bool) -> str:
    found = _OPTION.fullmatch(override)
    if found is None:
        return override
    prefix, option, value = found.groups()
    if not sweep or (option in PATHS and _exists(value)):
        return f"{prefix}{option}={_literal(value, option)}"
    if _SWEEP.fullmatch(value):
        return override
    pieces = _PIECE.findall(value)
    if ",".join(pieces) != value:  # a value is missing between two commas; Hydra says so
        return override
    return f"{prefix}{option}={','.join(_literal(piece.strip(), option) for piece in pieces)}"


def _literal(value: str, option: str) -> str:
    """Return a value that Hydra takes for this very text; an interpolation in it stays one."""
    if not value or _AS_IT_IS.fullmatch(value):
        return value
    if option in PATHS:
        value = _from_home(value)
    # In quotes a backslash is itself, but before a quote.
    inner = re.sub(r"(\\*)('|$)", lambda found: found[1] * 2 + ("\\'" if found[2] else ""), value)
    return f"'{inner}'"


def _from_home(path: str) -> str:
    """Replace ``~``; a shell does so at the beginning of a word only."""
    try:
        return str(Path(path).expanduser()) if path.startswith("~") else path
    except RuntimeError:  # nobody of that name
        return path


def _exists(path: str) -> bool:
    try:
        return Path(_from_home(path)).exists()
    except (OSError, ValueError):  # not a name that a file could have
        return False
