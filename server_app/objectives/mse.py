"""The panel's mean squared error, whatever the model costs."""

from __future__ import annotations

from server_app.objectives.base import Objective, Objectives


class Mse(Objectives):
    """Mean squared error over the panel, in squares of the targets' units; of a regression."""

    def terms(self) -> tuple[Objective, ...]:
        """Return the mean squared error."""
        return (Objective("mse", "min"),)
