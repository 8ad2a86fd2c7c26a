"""Stages whose trials are known when they begin: identities that train from scratch, once with each seed.

All train at the same time and on the same nodes. A trial's number stands for its seed.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from common.jobs import Split, Weights
from server_app.comparison import over_common_nodes
from server_app.scores import Score
from server_app.stages.base import Active
from server_app.stages.rounds import Rounds
from server_app.trials import Identity, Trial, TrialState

if TYPE_CHECKING:
    from common.architecture.cost import Cost
    from common.architecture.spec import ArchitectureSpec


@dataclass(kw_only=True)
class Replicated(Rounds):
    """Runs of given identities, which neither a controller nor a fidelity has a say in.

    Parameters
    ----------
    rounds : int
        Rounds of each run.
    seeds : int
        Runs of each identity.
    cost : callable
        What a spec costs.
    others
        As in `Rounds`.
    """

    rounds: int
    seeds: int = 1
    cost: Callable[[ArchitectureSpec], Cost]

    @property
    @abstractmethod
    def identities(self) -> tuple[Identity, ...]:
        """What is trained, each once, in the order of its first run."""

    @property
    @abstractmethod
    def lost(self) -> bool:
        """Whether all failed that the run cannot do without."""

    def replicates(self, identity: Identity) -> int:  # noqa: ARG002 - a subclass may tell them apart
        """Return how many runs an identity has."""
        return self.seeds

    @property
    def plan(self) -> tuple[Identity, ...]:
        """What each trial tries, by number: all with the first seed, then all with the second, and so on."""
        return tuple(
            identity for seed in range(self.seeds) for identity in self.identities if seed < self.replicates(identity)
        )

    @property
    def all_rounds(self) -> int:
        """Rounds of each run."""
        return self.rounds

    @property
    def done(self) -> bool:
        """Whether every run came to its end, or failed."""
        return bool(self.trials) and not self._active

    def runs_of(self, identity: Identity) -> list[Trial]:
        """Return the runs of an identity, by seed; none before they have begun."""
        return [trial for trial in self.trials if trial.identity == identity]

    def weights_of(self, number: int) -> Weights | None:
        """Return the weights of a run that trained to its end, whatever came then."""
        trained = number < len(self.trials) and self.trials[number].rounds >= self.rounds
        return self.weights.weights(number) if trained else None

    def state_dict(self) -> dict[str, Any]:
        """Return all state as JSON; see `Rounds.state_dict`."""
        return {**super().state_dict(), "rounds": self.rounds}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take back what `state_dict` returned; its rounds are what they were, whoever joined since."""
        self.rounds = state["rounds"]
        super().load_state_dict(state)

    @abstractmethod
    def shown(self) -> Trial | None:
        """Return the run of the winner whose model stands for it; None where there is none yet."""

    def begin(self, nodes: Sequence[str], admitted: Sequence[str] | None = None) -> None:
        """Take note of who may score; see `Stage.begin`."""
        self._assigner.begin(nodes, nodes if admitted is None else admitted, 1, self.weights.minimum)

    def refill(self, nodes: Sequence[str], unavailable: Collection[str] = ()) -> None:
        """Start all runs, and the next phase of each."""
        free = set(nodes) - set(unavailable)
        self._leave_out_absent(free)
        if not self.trials:
            plan = self.plan
            for number, (spec, recipe) in enumerate(plan):
                first = plan.index((spec, recipe))
                self._start(Trial(number, spec, recipe, repeats=None if first == number else first))
        self._start_phases(nodes, free)

    def reopen(self) -> None:
        """Let runs go on, from their last whole round, that failed because nodes were silent.

        Only where all is lost for want of them: else the run ends as it would have without the interruption.
        """
        if not self.lost:
            return
        for trial in self.trials:
            if trial.unheard:
                name = self._name(trial.number)
                self.journal.write("reopened", trial=name, rounds=trial.rounds, reason=trial.failure)
                trial.state, trial.failure, trial.unheard = TrialState.RUNNING, "", False
                self._active[trial.number] = Active(trial, name, self.rounds, self._cost(trial).macs, slot=trial.number)

    def _start(self, trial: Trial) -> Active:
        active = self._enter(trial, self.rounds)
        active.slot = trial.number
        return active

    def _cost(self, trial: Trial) -> Cost:
        return self.cost(trial.spec)

    def _scored(self, active: Active, split: Split) -> None:  # noqa: ARG002 - a subclass may have two
        self._end(active, TrialState.FINISHED)


def best_scored(scores: Mapping[int, Score]) -> int:
    """Return the number with the best score over common nodes, the first of equals; there is one at least."""
    values = over_common_nodes([score.comparable for score in scores.values()])
    return max(zip(scores, values, strict=True), key=lambda pair: (pair[1], -pair[0]))[0]
