"""Stages whose trials are known when they begin: identities that train from scratch, once with each seed.

All train at the same time and on the same nodes. A trial's number stands for its seed. A run is scored on validation at
a few checkpoints, and keeps the weights of the best: early stopping, as in L. Prechelt, "Early Stopping - But When?",
1998, but that it trains to its end, for nobody knows before whether it will become better again.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from common.jobs import Split, Weights
from server_app.comparison import standings
from server_app.final_rounds import checkpoints
from server_app.scores import Score
from server_app.stages.base import Active
from server_app.stages.rounds import Rounds
from server_app.trials import Identity, Trial, TrialState

if TYPE_CHECKING:
    from common.architecture.cost import Cost
    from common.architecture.spec import ArchitectureSpec
    from server_app.weights.base import WeightStore


@dataclass(kw_only=True)
class Replicated(Rounds):
    """Runs of given identities, which neither a controller nor a fidelity has a say in.

    Parameters
    ----------
    rounds : int
        Rounds of each run.
    seeds : int
        Runs of each identity.
    checkpoints : int
        How often a run is scored on validation, see `server_app.final_rounds.checkpoints`.
    cost : callable
        What a spec costs.
    others
        As in `Rounds`.
    """

    rounds: int
    seeds: int = 1
    checkpoints: int = 1
    cost: Callable[[ArchitectureSpec], Cost]
    _best: WeightStore = field(init=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        self._best = self.weights.another()

    @property
    @abstractmethod
    def identities(self) -> tuple[Identity, ...]:
        """What is trained, each once, in the order of its first run."""

    @property
    @abstractmethod
    def lost(self) -> bool:
        """Whether all failed that the run cannot do without."""

    @abstractmethod
    def validations(self, trial: Trial) -> list[Score]:
        """Return the scores of a run on validation, in the order of its checkpoints."""

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
        return {**super().state_dict(), "rounds": self.rounds, "best": self._best.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take back what `state_dict` returned; its rounds are what they were, whoever joined since."""
        self.rounds = state["rounds"]
        super().load_state_dict(state)
        self._best.load_state_dict(state["best"])

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
                target = self.rounds if trial.rounds >= self.rounds else self._next_checkpoint(trial)
                self._active[trial.number] = Active(trial, name, target, self._cost(trial).macs, slot=trial.number)

    def _start(self, trial: Trial) -> Active:
        active = self._enter(trial, self._next_checkpoint(trial))
        active.slot = trial.number
        return active

    def _next_checkpoint(self, trial: Trial) -> int:
        return next(rounds for rounds in checkpoints(self.rounds, self.checkpoints) if rounds > trial.rounds)

    def _cost(self, trial: Trial) -> Cost:
        return self.cost(trial.spec)

    def _scored(self, active: Active, split: Split) -> None:  # noqa: ARG002 - a subclass may have two
        trial = active.trial
        self._keep_best(trial)
        if trial.rounds < self.rounds:
            active.target = self._next_checkpoint(trial)
        else:
            self._judged(active)

    @abstractmethod
    def _judged(self, active: Active) -> None:
        """Go on after the last checkpoint; the trial has its best weights."""

    def _keep_best(self, trial: Trial) -> None:
        """Take note of the weights that were scored, where they are the best so far, and in the end go back to these.

        Its score comes last, then, as that of what the run came to. With one checkpoint, and where the last one is the
        best, there is nothing to go back to.
        """
        best, last = self.validation_of(trial), trial.rounds == self.rounds
        if best is trial.scores[-1]:
            weights = self.weights.weights(trial.number)
            if not last and weights is not None:
                self._best.adopt(trial, weights)
                self._best.rest(trial)
        elif last and (weights := self._best.weights(trial.number)) is not None:
            assert best is not None
            self.weights.adopt(trial, weights)
            trial.scores.append(best)
            name, values = self._name(trial.number), dict(best.values)
            self.journal.write("reverted", trial=name, rounds=best.rounds, score=best.value, values=values)
        if last:
            self._best.retain({run.number for run in self.trials} - {trial.number})

    def validation_of(self, trial: Trial) -> Score | None:
        """Return the best score of a run on validation, the first of equals; None where nobody gave one."""
        scores = dict(enumerate(score for score in self.validations(trial) if score.value is not None))
        return scores[best_scored(scores)] if scores else None


def best_scored(scores: Mapping[int, Score]) -> int:
    """Return the number with the best score over common nodes, of equals that with the better tie, then the first."""
    found = standings([score.comparable for score in scores.values()], [score.ties for score in scores.values()])
    return max(zip(scores, found, strict=True), key=lambda pair: (pair[1], -pair[0]))[0]
