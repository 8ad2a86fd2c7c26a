"""The panel's macro F1, whatever the model costs."""

from __future__ import annotations

from server_app.objectives.base import Objective, Objectives


class MacroF1(Objectives):
    """Mean over the panel of the mean F1 over the classes, in [0, 1]."""

    def terms(self) -> tuple[Objective, ...]:
        """Return the macro F1."""
        return (Objective("macro_f1", "max"),)
