"""A round of a bilevel search: both arrays come back from each node, with the losses on both of its parts."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING

from common.errors import ProtocolError
from server_app.phases import TrainPhase, weighted

if TYPE_CHECKING:
    from common.jobs import Arrays, Result, Work
    from server_app.aggregation.base import Aggregation


class BilevelPhase(TrainPhase):
    """A round in which nodes step weights and architecture weights.

    Parameters
    ----------
    lent : Arrays
        What the nodes begin with.
    others
        As in `TrainPhase`.
    """

    def __init__(self, work: Work, nodes: Iterable[str], turn: int, aggregation: Aggregation, lent: Arrays) -> None:
        super().__init__(work, nodes, turn, aggregation)
        self._sizes = {name: array.size for name, array in lent.items()}
        self._architecture_losses: dict[str, tuple[float, int]] = {}

    def _take(self, node: str, result: Result) -> None:
        sizes = {name: array.size for name, array in result.arrays.items()}
        if sizes != self._sizes:
            raise ProtocolError(f"A bilevel result must carry arrays of {self._sizes} numbers", sizes)
        loss = result.metrics.get("architecture_loss")
        if loss is not None and not math.isfinite(loss):
            raise ProtocolError("An architecture loss must be finite", loss)
        super()._take(node, result)
        if loss is not None:
            self._architecture_losses[node] = loss, result.num_examples

    @property
    def architecture_loss(self) -> float | None:
        """Mean loss of the nodes on what the architecture learns from, weighted by training examples; None of none."""
        return weighted(self._architecture_losses) if self._architecture_losses else None
