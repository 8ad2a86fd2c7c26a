"""The panel's root mean squared error, whatever the model costs."""

from __future__ import annotations

from server_app.objectives.base import Objective, Objectives


class Rmse(Objectives):
    """Root of the mean squared error over the panel, in the targets' units; of a regression."""

    def terms(self) -> tuple[Objective, ...]:
        """Return the root mean squared error."""
        return (Objective("rmse", "min"),)
