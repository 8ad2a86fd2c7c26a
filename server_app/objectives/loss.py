"""The panel's cross entropy, whatever the model costs: it also says how sure of its answers a model is."""

from __future__ import annotations

from server_app.objectives.base import Objective, Objectives


class Loss(Objectives):
    """Mean cross entropy over the panel, in nats; of a classifier."""

    def terms(self) -> tuple[Objective, ...]:
        """Return the loss."""
        return (Objective("loss", "min"),)
