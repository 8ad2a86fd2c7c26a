"""What may be another when a run is resumed than it was before, in one sentence each."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import yaml

from common.config import Config
from common.errors import ConfigError
from common.groups import FederationConfig
from common.overrides import PATHS
from common.typed import typed
from server_app.state import Code

MAY_CHANGE = frozenset(
    {"min_nodes", "deadline", "budget", "patience", "poll", "address", "root_certificates"}
    | {"cpus_per_node", "gpus_per_node"}
)
"""Options of ``federation`` that say where the nodes are and how long to wait for them, and not what is searched.

Nor does ``tracker``, which may change altogether.
"""

_UNEQUAL = "it goes on, but will not equal a run that was never interrupted"
_TEXTS = ("address", "root_certificates")
_MOST_NAMES = 5


def changed_code(then: Code, now: Code) -> str | None:
    """Say that a run goes on with other code than it began with, or other packages; None where all is the same.

    Parameters
    ----------
    then, now : Code
        What saved the run, and what resumes it.
    """
    old, new = then.versions, now.versions
    parts = [
        f"{name} {old.get(name, 'not there')} then, {new.get(name, 'not there')} now"
        for name in sorted(old | new)
        if old.get(name) != new.get(name)
    ]
    if then.digest != now.digest and old.get("flwr-nas") == new.get("flwr-nas"):
        parts.append(f"flwr-nas {new.get('flwr-nas')} with other sources")
    return f"The code has changed since the run was saved ({'; '.join(parts)}): {_UNEQUAL}." if parts else None


def changed_nodes(missing: Collection[str], new: Collection[str]) -> str | None:
    """Say that a run goes on with other nodes than it had; None where they are the same.

    Parameters
    ----------
    missing : collection of str
        Names of those that it had and that are not there.
    new : collection of str
        Names of those that are there and that it did not have.
    """
    if not missing and not new:
        return None
    parts = []
    if missing:
        parts.append(f"missing: {_named(missing)}, of which each counts again once it is back under its name")
    if new:
        parts.append(f"new: {_named(new)}, which train but do not score")
    return f"The nodes of the run have changed ({'; '.join(parts)}): {_UNEQUAL}."


def changed_config(before: Config, after: Config) -> str | None:
    """Say which options are others than before; None where all are the same, those of ``run`` aside.

    Raises
    ------
    ConfigError
        One of them decides what is searched, or how.
    """
    told = []
    for name, old, new in differences(before, after):
        if not _may_change(name, before):
            raise _fixed(name, old, new)
        told.append(f"{name} is {new} (was {old})")
    return f"The run goes on with other options: {', '.join(told)}." if told else None


def differences(before: Config, after: Config) -> list[tuple[str, Any, Any]]:
    """Return name, old and new value of each option that is another, choices first, those of ``run`` aside."""
    old, new = dict(leaves(asdict(before))), dict(leaves(asdict(after)))
    names = [name for name in sorted(old | new) if not name.startswith("run.")]
    names.sort(key=lambda name: not name.endswith(".name"))  # options change with the choice
    pairs = [(name, old.get(name, _UNSET), new.get(name, _UNSET)) for name in names]
    return [(name, before, after) for name, before, after in pairs if before != after]


def overridden(config: Config, overrides: Sequence[str]) -> Config:
    """Return the configuration of a run with overrides, as people type them to resume it.

    Parameters
    ----------
    config : Config
        Of the run.
    overrides : sequence of str
        ``name=value``; a value that is the same already is no change.

    Raises
    ------
    ConfigError
        An option may not change, is unknown, or has a value that makes no sense.
    """
    plain = json.loads(config.to_json())  # lists, as people type them
    federation, tracker = dict(plain["federation"]), dict(plain["tracker"])
    for override in sorted(overrides, key=lambda one: "." in one.partition("=")[0]):  # choices first, as in Hydra
        name, equals, text = override.partition("=")
        if not equals:
            raise ConfigError("An override has the form name=value", override, fix="Set federation.deadline=60")
        if name == "tracker":
            tracker = tracker if text == tracker["name"] else {"name": text}
            continue
        if name.startswith("tracker."):
            tracker[name.removeprefix("tracker.")] = _read(name, text)
            continue
        old = _value_of(plain, name)
        if isinstance(old, dict) and "name" in old:  # the choice of a group
            old = old["name"]
        value = _read(name, text)
        if _may_change(name, config):
            federation[name.removeprefix("federation.")] = value
        elif value != old:
            raise _fixed(name, old, value)
    return replace(config, federation=typed(FederationConfig, federation, "federation"), tracker=tracker)


class _Unset:
    def __repr__(self) -> str:
        return "not set"


_UNSET = _Unset()


def _may_change(name: str, config: Config) -> bool:
    group, _, option = name.partition(".")
    # A simulation's nodes share the data, so that another number of them has other data.
    own = option == "nodes" and config.federation.name == "deployment"
    return group == "tracker" or (group == "federation" and (own or option in MAY_CHANGE))


def _fixed(name: str, before: Any, after: Any) -> ConfigError:
    return ConfigError(
        f"A run is resumed as it was begun, with {name}={before}",
        f"{name}={after}",
        fix=f"Leave out {name} to go on with the run, or begin another one in a folder of its own",
    )


def leaves(plain: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield name and value of each option of a configuration, as in ``search.trials``."""
    for key, value in plain.items():
        if isinstance(value, dict) and value:
            yield from leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _value_of(plain: Any, name: str) -> Any:
    for part in name.split("."):
        if not isinstance(plain, dict) or part not in plain:
            raise ConfigError(
                "A run is resumed with options that its configuration has", name, fix="See config.yaml in its folder"
            )
        plain = plain[part]
    return plain


def _read(name: str, text: str) -> Any:
    """Return the value that people typed; quotes are no part of a text."""
    if text == "null":
        return None
    if name in {f"federation.{option}" for option in _TEXTS}:
        quoted = len(text) > 1 and text[0] == text[-1] and text[0] in "'\""
        value = text[1:-1] if quoted else text
        return str(Path(value).expanduser()) if name in PATHS and value.startswith("~") else value
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError:
        return text


def _named(names: Collection[str]) -> str:
    shown = ", ".join(sorted(names)[:_MOST_NAMES])
    return shown + (f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else "")
