"""What passes between a controller's idea and its bookkeeping: suggestions, and what became of them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from common.architecture.spec import ArchitectureSpec
from server_app.comparison import ByNode, by_node_from_json
from server_app.trials import Identity, Recipe


@dataclass(frozen=True)
class Suggestion:
    """A subclass's idea.

    Parameters
    ----------
    tried : Identity
        A spec, and the recipe by which to train it.
    origin, parent
        As in `Proposal`.
    repeats : int, optional
        The trial that it repeats on purpose; nothing is tried twice by chance.
    """

    tried: Identity
    origin: str
    parent: int | None = None
    repeats: int | None = None

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        spec, recipe = self.tried
        return {
            "tried": [spec.to_dict(), recipe.to_json()],
            "origin": self.origin,
            "parent": self.parent,
            "repeats": self.repeats,
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Suggestion:
        """Build from what `to_json` wrote."""
        spec, recipe = values["tried"]
        return cls(**{**values, "tried": (ArchitectureSpec.from_dict(spec), Recipe.from_json(recipe))})


@dataclass(frozen=True)
class Observation:
    """What a controller remembers of a trial.

    Parameters
    ----------
    number : int
        The trial.
    spec, recipe : ArchitectureSpec, Recipe
        What was tried.
    rung : int
        The last rung completed.
    score : float, optional
        More is better; None for a failed trial. Comparable within a rung, so it may move while trials are observed
        that other nodes scored.
    by_node : mapping
        The scores of the nodes behind it, and their examples.
    tie : float, optional
        What decides between equal scores; more is better. Comparable as the score is; None where nobody reported it.
    ties : mapping
        As `by_node`, of what decides.
    unheard : bool
        The trial failed because nodes were silent; it may be proposed again.
    feasible : bool
        Whether it keeps all hard constraints.
    final : bool
        Whether the trial has ended; else it completed a rung and may train on.
    """

    number: int
    spec: ArchitectureSpec
    recipe: Recipe
    rung: int
    score: float | None
    by_node: ByNode = field(default_factory=dict)
    unheard: bool = False
    feasible: bool = True
    final: bool = True
    tie: float | None = None
    ties: ByNode = field(default_factory=dict)

    @property
    def identity(self) -> Identity:
        """What was tried."""
        return self.spec, self.recipe

    @property
    def rank(self) -> tuple[int, bool, float, float]:
        """Sort key, more is better: by rung, feasibility, score, then what decides a tie."""
        if self.score is None:
            return (-1, False, 0.0, 0.0)
        return (self.rung, self.feasible, self.score, -math.inf if self.tie is None else self.tie)

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values of all but what was tried, which the controller knows by the number."""
        return {item.name: getattr(self, item.name) for item in fields(self) if item.name not in ("spec", "recipe")}

    @classmethod
    def from_json(cls, values: Mapping[str, Any], tried: Identity) -> Observation:
        """Build from what `to_json` wrote."""
        spec, recipe = tried
        by_node, ties = by_node_from_json(values["by_node"]), by_node_from_json(values["ties"])
        return cls(spec=spec, recipe=recipe, **{**values, "by_node": by_node, "ties": ties})
