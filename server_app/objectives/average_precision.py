"""The panel's average precision, whatever the model costs."""

from __future__ import annotations

from typing import ClassVar

from server_app.objectives.base import Objective, Objectives


class AveragePrecision(Objectives):
    """Mean average precision, in [0, 1], over the nodes of the panel; of two classes, or of several labels."""

    instead: ClassVar[str] = "loss"

    def terms(self) -> tuple[Objective, ...]:
        """Return the average precision."""
        return (Objective("average_precision", "max"),)
