"""The choices of each axis, found by name: a module in the axis' package is a choice.

Nothing is registered by hand. ``controller=evolution`` means the one public class in
``server_app/controllers/evolution.py`` that derives from `Controller`. A choice of another package is named as Python
names an object, ``package.module:Class``; it runs where the server does, never on a node.
"""

from __future__ import annotations

import inspect
import pkgutil
from dataclasses import fields, is_dataclass
from importlib import import_module
from types import ModuleType
from typing import Any

from common.errors import ConfigError

AXES: dict[str, tuple[str, str, str]] = {
    # axis: package of its choices, module of the base class, base class
    "space": ("server_app.spaces", "server_app.spaces.base", "SearchSpace"),
    "controller": ("server_app.controllers", "server_app.controllers.base", "Controller"),
    "fidelity": ("server_app.fidelity", "server_app.fidelity.base", "Fidelity"),
    "weights": ("server_app.weights", "server_app.weights.base", "WeightStore"),
    "objective": ("server_app.objectives", "server_app.objectives.base", "Objectives"),
    "placement": ("server_app.placement", "server_app.placement.base", "Placement"),
    "aggregation": ("server_app.aggregation", "server_app.aggregation.base", "Aggregation"),
    "tracker": ("server_app.trackers", "server_app.trackers.base", "Tracker"),
}
"""Of a search: each has a group of the configuration."""
_AFTERWARDS = {"format": ("server_app.export", "server_app.export.base", "Format")}
"""Of what is done with what a search has found."""


def load_choice(axis: str, name: str) -> type:
    """Return the class behind a choice.

    Parameters
    ----------
    axis : str
        One of `AXES`, or ``format``: that of an exported model.
    name : str
        Name of the module, as in ``controller=evolution``, or ``package.module:Class``.

    Raises
    ------
    ConfigError
        Where the axis has no such choice; the message lists those that it has. Where there is no such class, or it is
        none for the axis.
    """
    if ":" in name:
        return _imported(axis, name)
    found = _choice(axis, name) if name in _modules(axis) else None
    if found is None:
        raise ConfigError(f"{axis} must be one of {choices(axis)}", name, fix="Choose one of them")
    return found


def choices(axis: str) -> list[str]:
    """Return the names of the choices of an axis, sorted."""
    return sorted(name for name in _modules(axis) if _choice(axis, name) is not None)


def option_names(axis: str, name: str) -> set[str]:
    """Return the names of the options of a choice."""
    cls: Any = load_choice(axis, name)
    return {option.name for option in fields(cls.Options)}


def _imported(axis: str, name: str) -> type:
    """Return a class that another package provides."""
    _, home, base_name = _axis(axis)
    module_name, _, class_name = name.partition(":")
    try:
        found = getattr(import_module(module_name), class_name)
    except Exception as error:  # what a module of somebody else raises when it is imported can be anything
        raise ConfigError(
            f"{axis}.name must be package.module:Class, of a package that is installed or on PYTHONPATH ({error})",
            name,
            fix=f"Correct it; python -c 'import {module_name}' tells more",
        ) from None
    base = getattr(import_module(home), base_name)
    if not (inspect.isclass(found) and issubclass(found, base)) or inspect.isabstract(found):
        missing = ", ".join(sorted(getattr(found, "__abstractmethods__", ())))
        raise ConfigError(
            f"{axis}.name must be a class that derives from {home}.{base_name} and has all its methods",
            name,
            fix=f"Write {missing}" if missing else f"Derive it from {base_name}",
        )
    if not is_dataclass(getattr(found, "Options", None)):
        raise ConfigError(
            f"{axis}.name must be a class with its options as a dataclass, Options", name, fix="It may have no fields"
        )
    return found


def _axis(axis: str) -> tuple[str, str, str]:
    known = AXES | _AFTERWARDS
    if axis not in known:
        raise ConfigError(f"An axis is one of {list(known)}", axis, fix="Check the spelling")
    return known[axis]


def _modules(axis: str) -> list[str]:
    package = import_module(_axis(axis)[0])
    return [module.name for module in pkgutil.iter_modules(package.__path__) if not module.name.startswith("_")]


def _choice(axis: str, name: str) -> type | None:
    """Return the one public class of a module that implements the axis; None in a module of helpers."""
    package, home, base_name = _axis(axis)
    base = getattr(import_module(home), base_name)
    module = import_module(f"{package}.{name}")
    found = [value for value in vars(module).values() if _implements(value, base, module)]
    if len(found) > 1:
        raise ConfigError(
            f"{module.__name__} must define one {base_name}",
            [cls.__name__ for cls in found],
            fix="Move one of them to a module of its own",
        )
    return found[0] if found else None


def _implements(value: object, base: type, module: ModuleType) -> bool:
    return (
        inspect.isclass(value)
        and issubclass(value, base)
        and not inspect.isabstract(value)
        and value.__module__ == module.__name__
        and not value.__name__.startswith("_")
    )
