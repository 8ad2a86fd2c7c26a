"""The metric that the task's head names first: accuracy of a classifier, mean squared error of a regression."""

from __future__ import annotations

from server_app.objectives.base import Objective, Objectives


class Primary(Objectives):
    """The head's own metric, whatever the model costs."""

    def terms(self) -> tuple[Objective, ...]:
        """Return the head's primary metric."""
        return (Objective(*self.head.primary),)
