"""The panel's accuracy, whatever the model costs."""

from __future__ import annotations

from collections.abc import Mapping

from common.architecture.cost import Cost
from server_app.objectives.base import Objective


class Accuracy(Objective):
    """Mean validation accuracy over the panel, in [0, 1]."""

    def score(self, metrics: Mapping[str, float], cost: Cost) -> float:  # noqa: ARG002
        """Return the accuracy."""
        return self.metric(metrics, "accuracy")
