"""Every trial starts from fresh random weights."""

from __future__ import annotations

from typing import TYPE_CHECKING

from common.architecture.initial import initial_weights
from common.seeding import generator
from server_app.weights.own import OwnWeights

if TYPE_CHECKING:
    from common.jobs import Arrays
    from server_app.trials import Trial


class Scratch(OwnWeights):
    """Initial weights of each trial's own, the same whenever the run is repeated."""

    def initial(self, trial: Trial) -> Arrays:
        """Return the weights that belong to the run's seed and the trial's number."""
        rng = generator(self.seed, "initial", trial.number)
        return {"weights": initial_weights(trial.spec.lower(self.task), rng)}
