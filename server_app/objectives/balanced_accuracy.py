"""The panel's balanced accuracy, whatever the model costs: each class of a node counts the same, however rare."""

from __future__ import annotations

from server_app.objectives.base import Objective, Objectives


class BalancedAccuracy(Objectives):
    """Mean over the panel of the mean recall over a node's classes, in [0, 1]."""

    def terms(self) -> tuple[Objective, ...]:
        """Return the balanced accuracy."""
        return (Objective("balanced_accuracy", "max"),)
