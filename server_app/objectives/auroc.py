"""The panel's AUROC, whatever the model costs."""

from __future__ import annotations

from typing import ClassVar

from server_app.objectives.base import Objective, Objectives


class Auroc(Objectives):
    """Mean AUROC, in [0, 1], over the nodes of the panel that hold an example of every class."""

    instead: ClassVar[str] = "balanced_accuracy"

    def terms(self) -> tuple[Objective, ...]:
        """Return the AUROC."""
        return (Objective("auroc", "max"),)
