"""Which choices do not combine: the others all do."""

from __future__ import annotations

from common.config import Config
from common.errors import ConfigError
from server_app.controllers.base import Controller
from server_app.registry import load_choice


def check_combination(config: Config) -> None:
    """Raise `ConfigError` where choices on two axes do not go together."""
    weights, controller = (load_choice(axis, getattr(config, axis)["name"]) for axis in ("weights", "controller"))
    if getattr(weights, "inherits", False) and not names_parents(controller):
        raise ConfigError(
            f"weights={config.weights['name']} needs a controller whose trials have parents",
            f"controller={config.controller['name']}",
            fix="Set controller=evolution, or weights=scratch",
        )


def names_parents(controller: type) -> bool:
    """Tell whether a controller says which trials may become parents."""
    return getattr(controller, "parents", None) is not Controller.parents
