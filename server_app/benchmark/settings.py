"""What is compared, from what people typed.

``controller=evolution,random`` is two contenders, and so is ``controller.population_size=10,20``. An option holds for
the choices that have it: ``controller=evolution,random controller.population_size=10`` says nothing of `random`.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from common.config import Choice, compose_benchmark, each_value, options_of
from common.errors import ConfigError
from common.overrides import for_hydra
from common.typed import typed
from server_app.registry import load_choice, option_names
from server_app.spaces.table import Table

AXES = ("controller", "fidelity")
"""What contenders differ in."""
_OF_AXIS = re.compile(rf"\+{{0,2}}({'|'.join(AXES)})(?:\.([\w.]+))?=(.*)", re.DOTALL)
_PROXY = "proxy"
"""The options of a fidelity that a table has no use for."""


@dataclass(frozen=True)
class RunSettings:
    """Where the results go."""

    dir: str | None


@dataclass(frozen=True)
class Settings:
    """What holds for all contenders: the options of conf/benchmark.yaml, and the first choice on each axis."""

    seed: int
    budget: int
    seeds: int
    parallel: int
    workers: int | None
    run: RunSettings
    space: Choice
    controller: Choice
    fidelity: Choice

    def __post_init__(self) -> None:
        for name in ("budget", "seeds", "parallel", "workers"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ConfigError(f"{name} must be 1 or more", value, fix=f"Set {name}=1")
        if self.space.get("name") != "tabular":
            raise ConfigError(
                "A benchmark looks scores up in a table", f"space={self.space.get('name')}", fix="Set space=tabular"
            )


@dataclass(frozen=True)
class Contender:
    """A controller with a fidelity.

    Parameters
    ----------
    name : str
        What tells it from the other contenders.
    controller, fidelity : str
        The choices.
    controller_options, fidelity_options : Options
        Of these choices.
    """

    name: str
    controller: str
    controller_options: Any
    fidelity: str
    fidelity_options: Any


@dataclass(frozen=True)
class _Variant:
    """One choice of an axis, with one value for each option that was named."""

    axis: str
    choice: str
    options: tuple[tuple[str, str], ...]
    told: tuple[str, ...]
    """What tells it from the other variants of the same choice."""

    @property
    def overrides(self) -> list[str]:
        return [f"{self.axis}={self.choice}", *(f"{self.axis}.{name}={value}" for name, value in self.options)]


def settings_of(overrides: Sequence[str]) -> Settings:
    """Read what holds for all contenders.

    Raises
    ------
    ConfigError
        An option is unknown, or has a value that it cannot have, or several.
    """
    others = [one for one in overrides if not _OF_AXIS.fullmatch(one)]
    for one in for_hydra(others):
        if len(each_value(one)) > 1:
            raise ConfigError(f"Only options of {' and '.join(AXES)} may have several values", one, fix="Choose one")
    return typed(Settings, compose_benchmark(others), "")


def contenders_of(overrides: Sequence[str], table: Table) -> list[Contender]:
    """Return what is compared, in the order in which it was named.

    Rounds of a fidelity are epochs of the table's learning curves. Unless they are named, ``fidelity.max_rounds`` is
    the whole training, and ``fidelity.doubt`` is 0, for there are no nodes whose scores could differ.

    Raises
    ------
    ConfigError
        As of `settings_of`; an option is of none of the choices; or the table has no learning curves to stop on.
    """
    controllers, fidelities = (list(_variants(axis, overrides)) for axis in AXES)
    several = len({fidelity.choice for fidelity in fidelities}) > 1
    found = []
    for controller, fidelity in itertools.product(controllers, fidelities):
        plain = compose_benchmark([*controller.overrides, *fidelity.overrides])
        words = [controller.choice, *controller.told, *([fidelity.choice] if several else []), *fidelity.told]
        found.append(
            Contender(
                " ".join(words),
                controller.choice,
                _options("controller", plain["controller"]),
                fidelity.choice,
                _fitting(plain["fidelity"], dict(fidelity.options), table),
            )
        )
    return found


def _variants(axis: str, overrides: Sequence[str]) -> Iterator[_Variant]:
    found = [match for match in map(_OF_AXIS.fullmatch, overrides) if match and match[1] == axis]
    # what is named twice counts as it was named last
    named = {match[2]: _values(f"{axis}.{match[2]}={match[3]}") for match in found if match[2]}
    chosen = [match[3] for match in found if not match[2]]
    choices = _values(f"{axis}={chosen[-1]}") if chosen else [compose_benchmark()[axis]["name"]]
    known = {choice: option_names(axis, choice) for choice in choices}
    for option in named:
        if option.partition(".")[0] == _PROXY:
            raise ConfigError(
                f"{axis}.{option} needs nodes that score networks, and a table has none", fix="Leave it out"
            )
        if not any(option in options for options in known.values()):
            there = ", ".join(sorted(set().union(*known.values()))) or "no options"
            raise ConfigError(
                f"{axis}.{option} is no option; {' and '.join(choices)} have {there}", fix=f"Remove {axis}.{option}"
            )
    for choice in choices:
        if reason := getattr(load_choice(axis, choice), "why_no_table", ""):
            raise ConfigError(reason, f"{axis}={choice}", fix="Leave it out, or compare searches by flwr-nas search")
        own = {option: values for option, values in named.items() if option in known[choice]}
        for combination in itertools.product(*own.values()):
            options = tuple(zip(own, combination, strict=True))
            told = tuple(f"{option}={value}" for option, value in options if len(own[option]) > 1)
            yield _Variant(axis, choice, options, told)


def _values(override: str) -> list[str]:
    """Return the values of an override, each once."""
    return list(dict.fromkeys(one.partition("=")[2] for one in each_value(override)))


def _fitting(fidelity: Choice, named: Collection[str], table: Table) -> Any:
    """Return the options of a fidelity whose rounds are the table's epochs; what was `named` stays as it is."""
    cls: Any = load_choice("fidelity", fidelity["name"])
    if not cls.trains:
        raise ConfigError(
            f"fidelity={fidelity['name']} scores weights that trials share, and a table has none",
            fix="Choose another fidelity",
        )
    if not table.has_curves and fidelity["name"] != "full":
        raise ConfigError(
            f"fidelity={fidelity['name']} needs learning curves, which the table does not have",
            fix="Leave fidelity=full, or add curves to the table; server_app/spaces/table.py has the format",
        )
    defaults = {"max_rounds": table.epochs, "doubt": 0.0}
    unnamed = {name: value for name, value in defaults.items() if name in fidelity and name not in named}
    options = _options("fidelity", fidelity | unnamed)
    if options.max_rounds > table.epochs:
        raise ConfigError(
            f"fidelity.max_rounds must be {table.epochs} at most, the epochs of the table",
            options.max_rounds,
            fix="Leave it out",
        )
    return options


def _options(axis: str, choice: Choice) -> Any:
    cls: Any = load_choice(axis, choice["name"])
    return options_of(choice, cls.Options, axis)
