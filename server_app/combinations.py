"""Which choices do not combine: the others all do."""

from __future__ import annotations

from typing import Any

from common.config import Config
from common.errors import ConfigError
from server_app.controllers.base import Controller
from server_app.registry import load_choice

MERGED = "fedavg"
"""The aggregation whose results can be merged where networks differ in shape: it remembers nothing."""


def check_combination(config: Config) -> None:
    """Raise `ConfigError` where choices on two axes do not go together."""
    weights: Any = load_choice("weights", config.weights["name"])
    fidelity: Any = load_choice("fidelity", config.fidelity["name"])
    controller = load_choice("controller", config.controller["name"])
    if weights.inherits and not names_parents(controller):
        raise ConfigError(
            f"weights={config.weights['name']} needs a controller whose trials have parents",
            f"controller={config.controller['name']}",
            fix="Set controller=evolution, or weights=scratch",
        )
    if weights.shares and config.aggregation["name"] != MERGED:
        raise ConfigError(
            f"weights={config.weights['name']} needs aggregation={MERGED}, since the parts that trials train differ in "
            "shape",
            f"aggregation={config.aggregation['name']}",
            fix=f"Set aggregation={MERGED}, or weights=scratch",
        )
    if weights.shares and config.scoring.folds > 1:
        raise ConfigError(
            f"weights={config.weights['name']} has one network for all nodes, so none of them can be left out in turn",
            f"scoring.folds={config.scoring.folds}",
            fix="Hold people out instead (scoring.held_out=0.2), or set weights=scratch",
        )
    if config.weights.get("distillation") and config.placement["name"] != "shared":
        raise ConfigError(
            "weights.distillation needs a node that trains all paths of a round",
            f"placement={config.placement['name']}",
            fix="Set placement=shared, or weights.distillation=false",
        )
    if not fidelity.trains and not weights.shares:
        raise ConfigError(
            f"fidelity={config.fidelity['name']} needs weights that trials share, for it trains none",
            f"weights={config.weights['name']}",
            fix="Set weights=supernet, or fidelity=successive_halving",
        )


def names_parents(controller: type) -> bool:
    """Tell whether a controller says which trials may become parents."""
    return getattr(controller, "parents", None) is not Controller.parents
