"""The contract of an objective: what is better."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from common.architecture.cost import Cost
from common.errors import ProtocolError


class Objective(ABC):
    """Turns the panel's metrics and the cost of a spec into a score; more is better.

    Parameters
    ----------
    options : Options
        What only this objective knows.
    """

    @dataclass(frozen=True)
    class Options:
        """No options."""

    def __init__(self, options: Any = None) -> None:
        self.options: Any = self.Options() if options is None else options

    @abstractmethod
    def score(self, metrics: Mapping[str, float], cost: Cost) -> float:
        """Return the score of one trial.

        Parameters
        ----------
        metrics : mapping of str to float
            Means over the panel, weighted by validation examples.
        cost : Cost
            What the spec costs.

        Raises
        ------
        ProtocolError
            Where the panel did not report a finite value of a metric that is needed.
        """

    @staticmethod
    def metric(metrics: Mapping[str, float], name: str) -> float:
        """Return one of the panel's metrics; raises `ProtocolError` where it is missing or not finite."""
        value = metrics.get(name)
        if value is None or not math.isfinite(value):
            raise ProtocolError(
                f"The panel must report a finite {name!r}",
                value,
                fix="Run the same version on every node; a model that diverges has no score",
            )
        return float(value)
