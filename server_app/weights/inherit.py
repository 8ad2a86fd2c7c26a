"""A child starts from its parent's trained weights.

As in large-scale evolution (E. Real et al., "Large-Scale Evolution of Image Classifiers", ICML 2017) and in searches by
network transformation (H. Cai et al., "Efficient Architecture Search by Network Transformation", AAAI 2018; T. Elsken,
J. H. Metzen & F. Hutter, 2017), but for any graph; `server_app.transfer.net2net` says how, and which changes keep the
function.

A child has had its parent's training too, and that of the parents before, yet counts the rounds of its own alone. Its
scores are compared with those of other trials at the same rung all the same, as in those papers: they rank trials
within the search, and what it found is trained from scratch before it is compared with anything else. What its parent
was scored as is what a child starts from: the mean over the last rounds, where the recipe asks for one. Its own mean
over rounds, and what an aggregation remembers, begin anew.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from common.architecture.initial import initial_weights
from common.architecture.spec import ArchitectureSpec
from common.seeding import generator
from server_app.transfer.net2net import transfer
from server_app.weights.base import Heritage
from server_app.weights.own import OwnWeights

if TYPE_CHECKING:
    from common.jobs import Arrays, Weights, WorkKind
    from server_app.trials import Trial


class Inherit(OwnWeights):
    """Weights of each trial's own, that begin as its parent's ended; fresh ones where it has none, or they are gone."""

    inherits = True

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._specs: dict[int, ArchitectureSpec] = {}
        self._begun: dict[int, Heritage] = {}

    def initial(self, trial: Trial) -> Arrays:
        """Return what the parent's weights become in the trial's network, or what `Scratch` returns."""
        graph = trial.spec.lower(self.task)
        fresh = initial_weights(graph, generator(self.seed, "initial", trial.number))
        if trial.parent is None or (trained := self.weights(trial.parent)) is None:
            return {"weights": fresh}
        self._averages.rest(trial.parent)  # it was read, and is no longer wanted in memory
        parent = self._specs[trial.parent].lower(self.task)
        begun = transfer(parent, trained, graph, fresh, generator(self.seed, "inherit", trial.number))
        self._begun[trial.number] = Heritage(trial.parent, begun.preserved)
        return {"weights": begun.weights}

    def lend(self, trial: Trial, kind: WorkKind = "train") -> Arrays:
        """Return the trial's weights, or what it starts from; see `WeightStore.lend`."""
        self._specs[trial.number] = trial.spec
        return super().lend(trial, kind)

    def adopt(self, trial: Trial, weights: Weights) -> None:
        """Take weights that were trained elsewhere."""
        self._specs[trial.number] = trial.spec
        super().adopt(trial, weights)

    def heritage(self, trial: Trial) -> Heritage | None:
        """Return, once, what a trial took over when it began."""
        return self._begun.pop(trial.number, None)

    def retain(self, numbers: Collection[int]) -> None:
        """Forget all but these."""
        super().retain(numbers)
        for number in self._specs.keys() - set(numbers):
            del self._specs[number]

    def state_dict(self) -> dict[str, Any]:
        """Return the keys of the trials' arrays, and the specs that they belong to."""
        specs = [[number, spec.to_dict()] for number, spec in sorted(self._specs.items())]
        return {**super().state_dict(), "specs": specs}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take back what `state_dict` returned."""
        super().load_state_dict(state)
        self._specs = {number: ArchitectureSpec.from_dict(spec) for number, spec in state["specs"]}
        self._begun = {}
