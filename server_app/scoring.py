"""Who scores a trial, and on what.

Where clients are people, scores of those that a trial trained on would choose what fits these and no others, and what
regularises would look useless. So some of them are held out: they score, and train in the final only. Or, with folds,
each trial trains several times, each time without other nodes, which score it then.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import TYPE_CHECKING

from common.errors import ConfigError
from common.jobs import Split
from common.seeding import block, ranked, ranked_sample

if TYPE_CHECKING:
    from common.config import Config

HELD_OUT = 0.2
"""Part of the people that are held out by default."""
MANY = 10
"""Fewer nodes have nobody to spare, by default."""


@dataclass(frozen=True)
class Scoring:
    """How a trial is scored.

    Parameters
    ----------
    split : {"validation", "test"}
        On which examples; those that are held out score on all but the test split.
    panel : int, optional
        Nodes in a panel of which nobody is held out, the same for every trial; None for all.
    held_out : float, optional
        Part of the nodes that are the panel and never train; None for `HELD_OUT` of them where there are `MANY`.
    min_nodes : int, optional
        A score from fewer does not count; None for more than half of the panel, so that any two scores have nodes in
        common.
    folds : int
        With more than 1 a trial has so many members. Each trains without one fold of the nodes, which scores it, so
        all nodes are the panel and all train: the cross-validation of M. Stone, "Cross-Validatory Choice and Assessment
        of Statistical Predictions", Journal of the Royal Statistical Society B 36, 1974, over nodes.
    equally : bool
        Whether each node weighs alike in a score; else it weighs by its examples, and one that has half of all of them
        decides as much as all others.
    """

    split: Split = "validation"
    panel: int | None = None
    held_out: float | None = 0.0
    min_nodes: int | None = None
    folds: int = 1
    equally: bool = False

    @property
    def wanted(self) -> int:
        """Nodes that the panel has to be drawn from, if there are so many, for its size and for its scores to count."""
        part = HELD_OUT if self.held_out is None else self.held_out
        least = max(self.panel or 0, self.min_nodes or 0, self.folds if self.folds > 1 else 0)
        return math.ceil(least / Decimal(str(part))) if part else least

    def least(self, panel: Sequence[str]) -> int:
        """Return how many nodes of the panel a score needs."""
        return len(panel) // 2 + 1 if self.min_nodes is None else self.min_nodes

    def num_held_out(self, nodes: int) -> int:
        """Return how many of so many nodes never train: the part, halves rounded up, but neither none nor all of them.

        Raises
        ------
        ConfigError
            Nobody would be left to train.
        """
        part = (HELD_OUT if nodes >= MANY else 0.0) if self.held_out is None else self.held_out
        if not part:
            return 0
        if nodes < 2:
            raise ConfigError(
                "scoring.held_out takes a node that scores and one that trains",
                nodes,
                fix="Start more nodes, or set scoring.held_out=0",
            )
        number = (Decimal(str(part)) * nodes).to_integral_value(ROUND_HALF_UP)  # as it was written, not as binary
        return min(max(int(number), 1), nodes - 1)

    def panel_of(self, nodes: Sequence[str], seed: int) -> tuple[str, ...]:
        """Return the names of the panel among `nodes`, sorted.

        A node that joins or leaves changes the panel by one name at most, besides its size.
        """
        return ranked_sample(nodes, self.num_held_out(len(nodes)) or self.panel, seed, "panel")

    def folds_of(self, nodes: Sequence[str], seed: int) -> tuple[tuple[str, ...], ...]:
        """Return the folds of `nodes`, each sorted: blocks of a drawn order, of sizes that differ by 1 at most.

        There are none where a trial trains once. Raises `ConfigError` where a fold would be empty.
        """
        if self.folds == 1:
            return ()
        if len(nodes) < self.folds:
            raise ConfigError(
                f"scoring.folds={self.folds} takes a node for each fold",
                len(nodes),
                fix="Start more nodes, or lower scoring.folds",
            )
        order = ranked(nodes, seed, "folds")
        return tuple(tuple(sorted(block(order, self.folds, index))) for index in range(self.folds))


def scoring_of(config: Config) -> Scoring:
    """Return how the trials of a search are scored.

    Where clients are people, those that are held out by default make a panel; one that was given a size stays as it is,
    and with folds everybody is held out in turn.

    Raises
    ------
    ConfigError
        Folds do not go with the placement.
    """
    scoring, held_out = config.scoring, config.scoring.held_out
    if scoring.folds > 1 and config.placement["name"] == "split":
        raise ConfigError(
            "With scoring.folds a node trains all members of a trial but one, and placement=split keeps nodes for one "
            "trial each",
            scoring.folds,
            fix="Use placement=shared, or scoring.folds=1",
        )
    if held_out is None and (scoring.panel is not None or scoring.folds > 1 or not _of_people(config)):
        held_out = 0.0
    return Scoring("validation", scoring.panel, held_out, scoring.min_nodes, scoring.folds, equally_of(config))


def equally_of(config: Config) -> bool:
    """Return whether each node weighs alike in scores and tests."""
    return config.scoring.weigh == "nodes"


def _of_people(config: Config) -> bool:
    dealt_out = config.federation.name == "simulation" and config.dataset.partition == "natural"
    return config.dataset.people or dealt_out
