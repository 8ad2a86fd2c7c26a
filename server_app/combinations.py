"""Which choices do not combine: the others all do."""

from __future__ import annotations

from typing import Any

from common.config import Config
from common.errors import ConfigError
from server_app.controllers.base import Controller
from server_app.controllers.darts import Darts
from server_app.registry import choices, load_choice
from server_app.spaces.base import SearchSpace

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
    if not fidelity.trains and config.weights.get("rounds") == 0:
        raise ConfigError(
            f"fidelity={config.fidelity['name']} scores what the warm-up trained",
            "weights.rounds=0",
            fix="Leave weights.rounds out, or set fidelity=successive_halving",
        )
    objective: Any = load_choice("objective", config.objective["name"])
    if config.final.front != "knee" and not objective.several:
        raise ConfigError(
            f"final.front={config.final.front} says which of a front train on, and only searches with several "
            "objectives have a front",
            f"objective={config.objective['name']}",
            fix="Set objective=pareto, or leave --final and final.front out",
        )
    if issubclass(controller, Darts):
        _check_darts(config)


def mixes(space: type) -> bool:
    """Tell whether a space has a network of all its options."""
    return getattr(space, "mixed", None) is not SearchSpace.mixed


def _check_darts(config: Config) -> None:
    """Raise `ConfigError` where something does not go with a bilevel search; of weights others know it."""
    name, mixing = config.controller["name"], [one for one in choices("space") if mixes(load_choice("space", one))]
    objective: Any = load_choice("objective", config.objective["name"])
    for axis, refused, why, way_out in (
        (
            "space",
            not mixes(load_choice("space", config.space["name"])),
            "needs a space with a network of all its options",
            f"Set space to one of {', '.join(mixing)}",
        ),
        (
            "weights",
            config.weights["name"] != "scratch",
            "finds networks of which no trial is the parent or a part of another one",
            "Set weights=scratch",
        ),
        (
            "aggregation",
            config.aggregation["name"] != MERGED,
            "averages architecture weights, which a rule for updates of a model knows nothing of",
            f"Set aggregation={MERGED}",
        ),
        (
            "objective",
            objective.several,
            "goes down the gradient of one loss, which leads to no front",
            "Set objective=primary, or controller=nsga2",
        ),
    ):
        if refused:
            raise ConfigError(f"controller={name} {why}", f"{axis}={getattr(config, axis)['name']}", fix=way_out)
    if config.scoring.folds > 1:
        raise ConfigError(
            f"controller={name} lets every node that trains have a part in what is found, so none of them can be left "
            "out in turn",
            f"scoring.folds={config.scoring.folds}",
            fix="Hold people out instead (scoring.held_out=0.2)",
        )
    if (config.fidelity.get("proxy") or {}).get("score") is not None:
        raise ConfigError(
            f"controller={name} proposes what it found, and no candidates among which a score could pick",
            f"fidelity.proxy.score={config.fidelity['proxy']['score']}",
            fix="Set fidelity.proxy.score=null",
        )
    if config.search.priors:
        raise ConfigError(
            f"controller={name} asks nothing that search.priors could answer",
            sorted(config.search.priors),
            fix="Offer less instead, by the options of the space",
        )
    if config.controller.get("partial_channels", 1) > 1 and config.space["name"] != "cell":
        raise ConfigError(
            "controller.partial_channels lets channels go by the operations of a cell",
            f"space={config.space['name']}",
            fix="Set controller.partial_channels=1, or space=cell",
        )


def names_parents(controller: type) -> bool:
    """Tell whether a controller says which trials may become parents."""
    return getattr(controller, "parents", None) is not Controller.parents
