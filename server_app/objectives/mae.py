"""The panel's mean absolute error, whatever the model costs."""

from __future__ import annotations

from server_app.objectives.base import Objective, Objectives


class Mae(Objectives):
    """Mean absolute error over the panel, in the targets' units; of a regression."""

    def terms(self) -> tuple[Objective, ...]:
        """Return the mean absolute error."""
        return (Objective("mae", "min"),)
