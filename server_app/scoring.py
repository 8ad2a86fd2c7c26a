"""Who scores a trial, and on what."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from common.jobs import Split
from common.seeding import ranked_sample


@dataclass(frozen=True)
class Scoring:
    """How a trial is scored.

    Parameters
    ----------
    split : {"validation", "all", "test"}
        On which examples: of the validation split; with `unseen`, on all but the test split; after the final training,
        on the test split.
    panel : int, optional
        Nodes in the panel, the same for every trial; None for all.
    unseen : bool
        The panel's nodes never train in the search: a score then tells how a model does with people
        that it has not seen.
    min_nodes : int, optional
        A score from fewer does not count; None for more than half of the panel, so that any two scores have nodes in
        common.
    """

    split: Split = "validation"
    panel: int | None = None
    unseen: bool = False
    min_nodes: int | None = None

    def least(self, panel: Sequence[str]) -> int:
        """Return how many nodes of the panel a score needs."""
        return len(panel) // 2 + 1 if self.min_nodes is None else self.min_nodes

    def panel_of(self, nodes: Sequence[str], seed: int) -> tuple[str, ...]:
        """Return the names of the panel among `nodes`, sorted.

        A node that joins or leaves changes the panel by one name at most.
        """
        return ranked_sample(nodes, self.panel, seed, "panel")
