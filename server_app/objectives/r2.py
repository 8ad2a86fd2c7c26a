"""The panel's R2, whatever the model costs."""

from __future__ import annotations

from typing import ClassVar

from server_app.objectives.base import Objective, Objectives


class R2(Objectives):
    """Part of the variance of the targets that is explained over the panel, at most 1; of a regression."""

    instead: ClassVar[str] = "mse"

    def terms(self) -> tuple[Objective, ...]:
        """Return R2."""
        return (Objective("r2", "max"),)
