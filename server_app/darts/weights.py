"""The two arrays of a mixed network: its weights, and the architecture weights.

Both are averaged over the nodes of a round, weighted by their training examples, as C. He, M. Annavaram & S.
Avestimehr, "FedNAS", 2020, do. Architecture weights begin at 0, where all options are alike; DARTS draws them from
N(0, 1e-6).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from common.architecture.initial import initial_weights
from common.architecture.kinds.mixed import MixedSpec
from common.architecture.layout import layout, state_size, views_of
from common.seeding import generator
from server_app.weights.own import OwnWeights

if TYPE_CHECKING:
    from common.jobs import Arrays, Weights
    from server_app.trials import Trial

WEIGHTS, ALPHAS = "weights", "alphas"
"""Names of the arrays."""


class MixedWeights(OwnWeights):
    """Weights and architecture weights of one mixed network after the other."""

    def initial(self, trial: Trial) -> Arrays:
        """Return random weights that belong to the run's seed and the trial's number, and no preference at all."""
        assert isinstance(trial.spec, MixedSpec)
        weights = initial_weights(trial.spec.lower(self.task), generator(self.seed, "initial", trial.number))
        return {WEIGHTS: weights, ALPHAS: np.zeros(trial.spec.num_alphas, np.float32)}

    def alphas(self, trial: Trial) -> Weights:
        """Return the architecture weights of a trial, not to be written into."""
        return self.lend(trial)[ALPHAS]

    def hand_over(self, before: Trial, after: Trial) -> None:
        """Let a network begin with what an earlier one, which has all of its options, came to."""
        old, arrays = before.spec, self.lend(before)
        assert isinstance(old, MixedSpec)
        assert isinstance(after.spec, MixedSpec)
        tensors = layout(after.spec.lower(self.task))
        weights: Weights = np.empty(state_size(tensors), np.float32)
        known = views_of(arrays[WEIGHTS], layout(old.lower(self.task)))
        for name, view in views_of(weights, tensors).items():
            view[...] = known[name]
        alphas = {
            (choice.place, option): value
            for choice, span in zip(old.choices, old.spans, strict=True)
            for option, value in zip(choice.options, arrays[ALPHAS][span], strict=False)
        }
        kept = [alphas[choice.place, option] for choice in after.spec.choices for option in _mixed(choice.options)]
        self._arrays[after.number] = {WEIGHTS: weights, ALPHAS: np.array(kept, np.float32)}


def _mixed(options: tuple[object, ...]) -> tuple[object, ...]:
    """Return the options that have an architecture weight: one alone has none."""
    return options if len(options) > 1 else ()
