"""The panel's accuracy, whatever the model costs."""

from __future__ import annotations

from server_app.objectives.base import Objective, Objectives


class Accuracy(Objectives):
    """Mean validation accuracy over the panel, in [0, 1]."""

    def terms(self) -> tuple[Objective, ...]:
        """Return the accuracy."""
        return (Objective("accuracy", "max"),)
