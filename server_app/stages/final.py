"""The final training: given candidates train from scratch with the full budget, then the test split is opened once.

All train at the same time and on the same nodes; nobody is compared, and nothing is chosen. They are tested on the
nodes, or on a test set that the server holds, and then no node is asked.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

from common.errors import SearchError
from common.jobs import Weights
from common.metrics import Measured
from server_app.stages.base import Active
from server_app.stages.rounds import Rounds
from server_app.trials import Identity, Trial, TrialState

if TYPE_CHECKING:
    from common.architecture.cost import Cost
    from common.architecture.spec import ArchitectureSpec

ServerTest = Callable[[Trial, Weights], tuple[dict[str, float], Mapping[str, Measured]]]
"""Tests a trained model on data that the server holds: the table, and by person what it was made of."""


@dataclass(kw_only=True)
class Final(Rounds):
    """Candidates that train and are tested; trial 0 is the winner of the search.

    Parameters
    ----------
    candidates : mapping of str to Identity
        What is trained, by role, that of the winner first: specs with their recipes. Equal ones share one trial.
    rounds : int
        Rounds of each.
    cost : callable
        What a spec costs.
    server_test : callable, optional
        Tests on the server; None asks the nodes.
    others
        As in `Rounds`.
    """

    name: ClassVar[str] = "final"
    label: ClassVar[str] = "final"

    candidates: Mapping[str, Identity]
    rounds: int
    cost: Callable[[ArchitectureSpec], Cost]
    server_test: ServerTest | None = None

    def __post_init__(self) -> None:
        if self.server_test is not None:
            self.scoring = replace(self.scoring, min_nodes=0)
        super().__post_init__()

    @property
    def all_rounds(self) -> int:
        """Rounds of each candidate."""
        return self.rounds

    @property
    def done(self) -> bool:
        """Whether every candidate was tested, or failed."""
        return bool(self.trials) and not self._active

    @property
    def identities(self) -> tuple[Identity, ...]:
        """What each trial tries, by number."""
        return tuple(dict.fromkeys(self.candidates.values()))

    def trial_of(self, role: str) -> Trial | None:
        """Return the trial of a candidate; None where there is no such candidate, or it has not begun."""
        if role not in self.candidates or not self.trials:
            return None
        return self.trials[self.identities.index(self.candidates[role])]

    def weights_of(self, number: int) -> Weights | None:
        """Return the weights of a candidate that trained to its end, tested or not."""
        trained = number < len(self.trials) and self.trials[number].rounds >= self.rounds
        return self.weights.weights(number) if trained else None

    def check_trained(self) -> None:
        """Raise `SearchError` where the winner failed."""
        winner = self.trials[0]
        if winner.state is TrialState.FAILED:
            raise SearchError(
                f"The final training of the winner failed ({winner.failure.rstrip('.')})",
                fix="Once the nodes answer, resume the run" if winner.unheard else "See journal.jsonl",
            )

    def begin(self, nodes: Sequence[str], admitted: Sequence[str] | None = None) -> None:
        """Take note of who may test; see `Stage.begin`."""
        testers = nodes if admitted is None else admitted
        self._assigner.begin(nodes, testers, 1, self.weights.minimum)

    def refill(self, nodes: Sequence[str], unavailable: Collection[str] = ()) -> None:
        """Start the candidates, and the next phase of each."""
        free = set(nodes) - set(unavailable)
        self._leave_out_absent(free)
        if not self.trials:
            for number, (spec, recipe) in enumerate(self.identities):
                self._enter(Trial(number, spec, recipe), self.rounds).slot = number
        self._start_phases(nodes, free)

    def reopen(self) -> None:
        """Let candidates go on, from their last whole round, that failed because nodes were silent.

        Only where the winner is among them: else the run ends as it would have without the interruption.
        """
        if not self.trials or not self.trials[0].unheard:
            return
        for trial in self.trials:
            if trial.unheard:
                name = self._name(trial.number)
                self.journal.write("reopened", trial=name, rounds=trial.rounds, reason=trial.failure)
                trial.state, trial.failure, trial.unheard = TrialState.RUNNING, "", False
                self._active[trial.number] = Active(trial, name, self.rounds, slot=trial.number)

    def _cost(self, trial: Trial) -> Cost:
        return self.cost(trial.spec)

    def _trained(self, active: Active) -> None:
        if active.trial.rounds < self.rounds or self.server_test is None:
            return
        weights = self.weights.weights(active.trial.number)
        assert weights is not None
        self._complete(active, *self.server_test(active.trial, weights))

    def _scored(self, active: Active) -> None:
        self._end(active, TrialState.FINISHED)

    def _worth(self, table: Mapping[str, float], cost: Cost) -> tuple[float | None, dict[str, float]]:
        """Return what was reported: nobody is ranked by a test, so it does not fail for want of a metric."""
        value = self.objectives.ranking_value(table, cost) if self.objectives.ranks(table) else None
        return value, self.objectives.reported(table, cost)

    def _ended(self, trial: Trial) -> None:
        """Keep what it has: a test that failed does not undo the training."""
