"""The metric that suits the task.

Of a regression that is the mean squared error, of several labels the macro average precision, and of a classifier the
accuracy or balanced accuracy: which of the two, the balance of classes over the federation decides; see
`server_app.balance`.
"""

from __future__ import annotations

from typing import ClassVar

from server_app.objectives.base import Objective, Objectives


class Primary(Objectives):
    """The head's own metric, whatever the model costs."""

    by_balance: ClassVar[bool] = True

    def terms(self) -> tuple[Objective, ...]:
        """Return the head's primary metric."""
        return (Objective(*self.head.primary),)
