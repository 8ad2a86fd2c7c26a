"""Weights of a stage that has none: what its nodes are asked for starts from nothing, and comes to nothing to keep."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from common.errors import SearchError
from common.jobs import NO_ARRAYS
from server_app.weights.base import WeightStore

if TYPE_CHECKING:
    from common.jobs import Arrays, Weights, WorkKind
    from server_app.aggregation.base import Aggregation
    from server_app.trials import Trial


class NoWeights(WeightStore):
    """Lends nothing, so it is no choice of an axis: nothing can be trained with it."""

    def __init__(self) -> None:
        """Need nothing."""

    def another(self) -> NoWeights:
        """Return another one."""
        return NoWeights()

    def lend(self, trial: Trial, kind: WorkKind = "proxy") -> Arrays:  # noqa: ARG002
        """Return no arrays."""
        return NO_ARRAYS

    def open(self, trial: Trial) -> Aggregation:  # noqa: ARG002
        """Raise `SearchError`: there is nothing to train."""
        raise SearchError("A stage without weights trains nothing", fix="Give it a store of weights")

    def fold(self, trial: Trial) -> None:
        """Raise `SearchError`, as `open`."""
        self.open(trial)

    def rest(self, trial: Trial) -> None:
        """Do nothing."""

    def adopt(self, trial: Trial, weights: Weights) -> None:  # noqa: ARG002
        """Raise `SearchError`, as `open`."""
        self.open(trial)

    def retain(self, numbers: Collection[int]) -> None:
        """Do nothing."""

    def weights(self, number: int) -> Weights | None:  # noqa: ARG002
        """Return None."""
        return None

    def state_dict(self) -> dict[str, Any]:
        """Return nothing."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take nothing back."""
