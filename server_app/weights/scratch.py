"""Every trial starts from fresh random weights."""

from __future__ import annotations

from typing import TYPE_CHECKING

from common.architecture.initial import initial_weights
from common.seeding import generator
from server_app.weights.base import WeightSource

if TYPE_CHECKING:
    from common.jobs import Weights
    from server_app.trials import Trial


class Scratch(WeightSource):
    """Initial weights of each trial's own, the same whenever the run is repeated."""

    def initial(self, trial: Trial) -> Weights:
        """Return the weights that belong to the run's seed and the trial's number."""
        return initial_weights(trial.spec, self.task, generator(self.seed, "initial", trial.number))
