"""The contract of the weights axis: what does a trial start from?"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from common.architecture.task import TaskShape
    from common.messages import Weights
    from server_app.trials import Trial


class WeightSource(ABC):
    """Gives each trial the weights that it starts from.

    Parameters
    ----------
    task : TaskShape
        Input shape and classes.
    seed : int
        The run's seed.
    """

    def __init__(self, task: TaskShape, seed: int) -> None:
        self.task = task
        self.seed = seed

    @abstractmethod
    def initial(self, trial: Trial) -> Weights:
        """Return the packed state that `trial` starts from."""

    def keep(self, trial: Trial, weights: Weights) -> None:
        """Take in the weights of a trial that completed a rung, for those that may inherit them."""
