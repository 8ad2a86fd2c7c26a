"""The contract of an objective: what is better?"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping

from common.architecture.cost import Cost


class Objective(ABC):
    """Turns the panel's metrics and the cost of a spec into a score; more is better."""

    @abstractmethod
    def score(self, metrics: Mapping[str, float], cost: Cost) -> float:
        """Return the score of one trial.

        Parameters
        ----------
        metrics : mapping of str to float
            Means over the panel, weighted by validation examples.
        cost : Cost
            What the spec costs.
        """
