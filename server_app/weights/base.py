"""The contract of the weights axis: what a trial starts from."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from common.architecture.task import TaskShape
    from common.jobs import Weights
    from server_app.trials import Trial


class WeightSource(ABC):
    """Gives each trial the weights that it starts from.

    Parameters
    ----------
    task : TaskShape
        Input shape and classes.
    seed : int
        The run's seed.
    options : Options
        What only this source knows.
    """

    @dataclass(frozen=True)
    class Options:
        """No options."""

    def __init__(self, task: TaskShape, seed: int, options: Any = None) -> None:
        self.task = task
        self.seed = seed
        self.options: Any = self.Options() if options is None else options

    @abstractmethod
    def initial(self, trial: Trial) -> Weights:
        """Return the packed state that `trial` starts from."""

    def keep(self, trial: Trial, weights: Weights) -> None:  # noqa: B027, a hook
        """Take in the weights of a trial that completed a rung, for those that may inherit them."""
