"""The final training: given candidates train from scratch with the full budget, then the test split is opened once.

All train at the same time and on the same nodes, each with every seed; nobody is compared, and nothing is chosen but
which run of the winner is shown: the one with the best score on validation. They are tested on the nodes, or on a test
set that the server holds, and then no node is asked.

What the finalists' stage trained as it is trained here is not trained again.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, ClassVar

from common.errors import FlwrNasError, SearchError
from common.jobs import Split, Weights
from common.metrics import Measured
from common.tasks.binary_metrics import HALF
from server_app.score_interval import MANY
from server_app.scores import Score, Worth
from server_app.stages.base import Active
from server_app.stages.finalists import Finalists
from server_app.stages.replicated import Replicated, best_scored
from server_app.trials import Identity, Trial, TrialState

if TYPE_CHECKING:
    from common.architecture.cost import Cost

ServerTest = Callable[[Trial, Weights, float], tuple[dict[str, float], Mapping[str, Measured]]]
"""Tests a trained model, by a threshold, on data that the server holds: the table, and by person what it is made of."""


@dataclass(kw_only=True)
class Final(Replicated):
    """Candidates that train and are tested; trial 0 is the winner's first run.

    Parameters
    ----------
    candidates : mapping of str to Identity
        What is trained, by role, that of the winner first: specs with their recipes. Equal ones share their runs.
    once : collection of str
        Roles that one run is enough for, since no seed changes it.
    exported : collection of str
        Roles beside the winner of which a model is shown, too.
    earlier : Finalists, optional
        Runs of candidates that trained on the same nodes: these are taken over.
    server_test : callable, optional
        Tests on the server; None asks the nodes.
    bootstrap : int
        How often each node draws from its test examples, where they are too few for an interval over nodes.
    others
        As in `Replicated`.

    Attributes
    ----------
    adopted : dict of int to int
        By number of a trial, the run of `earlier` that it is.
    """

    name: ClassVar[str] = "final"
    label: ClassVar[str] = "final"

    candidates: Mapping[str, Identity]
    once: Collection[str] = ()
    exported: Collection[str] = ()
    earlier: Finalists | None = None
    server_test: ServerTest | None = None
    bootstrap: int = 0
    adopted: dict[int, int] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        if self.server_test is not None:
            self.scoring = replace(self.scoring, min_nodes=0)
        super().__post_init__()

    @property
    def identities(self) -> tuple[Identity, ...]:
        """What is trained, each once, in the order of the roles."""
        return tuple(dict.fromkeys(self.candidates.values()))

    @property
    def lost(self) -> bool:
        """Whether every run of the winner failed."""
        runs = self.runs_of(self._winner)
        return bool(runs) and all(trial.state is TrialState.FAILED for trial in runs)

    def replicates(self, identity: Identity) -> int:
        """Return how many runs an identity has: one where no role wants more."""
        wanted = any(candidate == identity and role not in self.once for role, candidate in self.candidates.items())
        return self.seeds if wanted else 1

    def runs(self, role: str) -> list[Trial]:
        """Return the runs of a candidate, by seed; none where there is no such candidate, or it has not begun."""
        return self.runs_of(self.candidates[role]) if role in self.candidates else []

    def shown(self, role: str | None = None) -> Trial | None:
        """Return the run of the winner whose model is the result; None where none has trained to its end.

        Of those that were tested it is the one with the best score on validation; where nobody gave one, the first.

        Parameters
        ----------
        role : str, optional
            One of `exported`, to be shown in place of the winner.
        """
        identity = self._winner if role is None else self.candidates[role]
        trained = [run for run in self.runs_of(identity) if self.weights_of(run.number) is not None]
        runs = [run for run in trained if test_of(run)] or trained
        scores = {run.number: score for run in runs if (score := self.validation_of(run)) is not None}
        if not scores:
            return runs[0] if runs else None
        return self.trials[best_scored(scores)]

    def validations(self, trial: Trial) -> list[Score]:
        """Return all its scores but the test."""
        return trial.scores[:-1] if trial.state is TrialState.FINISHED else trial.scores

    def threshold_of(self, trial: Trial) -> float:
        """Return the threshold that was fitted on validation to the weights that a run keeps; a half where none was."""
        score = self.validation_of(trial)
        return HALF if score is None else score.metrics.get("threshold", HALF)

    def check_trained(self) -> None:
        """Raise `SearchError` where every run of the winner failed."""
        if self.lost:
            winner = self.trials[0]
            raise SearchError(
                f"The final training of the winner failed ({winner.failure.rstrip('.')})",
                fix="Once the nodes answer, resume the run" if winner.unheard else "See journal.jsonl",
            )

    def state_dict(self) -> dict[str, Any]:
        """Return all state as JSON; see `Rounds.state_dict`."""
        return {**super().state_dict(), "adopted": [list(pair) for pair in sorted(self.adopted.items())]}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take back what `state_dict` returned."""
        super().load_state_dict(state)
        self.adopted = dict(state["adopted"])

    @property
    def _winner(self) -> Identity:
        return next(iter(self.candidates.values()))

    def _start(self, trial: Trial) -> Active:
        active = super()._start(trial)
        if self.earlier is not None and (run := self._run_before(trial)) is not None:
            self._adopt(active, self.earlier, run)
        return active

    def _run_before(self, trial: Trial) -> Trial | None:
        """Return the finalist's run in the place of `trial` among those of its identity, if it came to its end."""
        assert self.earlier is not None
        runs, place = self.earlier.runs_of(trial.identity), self.plan[: trial.number].count(trial.identity)
        return runs[place] if place < len(runs) and runs[place].state is TrialState.FINISHED else None

    def _adopt(self, active: Active, earlier: Finalists, run: Trial) -> None:
        """Take a run over with its weights and its score; what is left is the test."""
        weights = earlier.weights_of(run.number)
        assert weights is not None
        trial = active.trial
        self.weights.adopt(trial, weights)
        score = earlier.validation_of(run)
        assert score is not None
        trial.rounds, trial.scores, self.adopted[trial.number] = run.rounds, [score], run.number
        active.target = run.rounds
        self.journal.write("adopted", trial=active.name, run=earlier.name_of(run), rounds=run.rounds)
        try:
            self._trained(active)
        except FlwrNasError as error:
            self._fail(active, str(error))

    def _unjudged(self, trial: Trial) -> bool:
        """Whether a run needs a score on validation: of its weights, or of several runs, the best are to be kept."""
        if trial.number in self.adopted or any(score.rounds == self.rounds for score in trial.scores):
            return False
        shown = [self._winner, *(self.candidates[role] for role in self.exported)]
        return self.checkpoints > 1 or (self.replicates(trial.identity) > 1 and trial.identity in shown)

    def _split(self, trial: Trial) -> Split:
        return "validation" if self._unjudged(trial) else super()._split(trial)

    def _threshold(self, trial: Trial, split: Split) -> float | None:
        return self.threshold_of(trial) if split == "test" else None

    def _bootstrap(self, split: Split) -> int:
        return self.bootstrap if split == "test" and len(self.panel) < MANY else 0

    def _trained(self, active: Active) -> None:
        if active.trial.rounds < self.rounds or self.server_test is None or self._unjudged(active.trial):
            return
        weights = self.weights.weights(active.trial.number)
        assert weights is not None
        threshold = self.threshold_of(active.trial)
        self._complete(active, *self.server_test(active.trial, weights, threshold), "test")

    def _scored(self, active: Active, split: Split) -> None:
        if split == "test":
            self._end(active, TrialState.FINISHED)
        else:
            super()._scored(active, split)

    def _judged(self, active: Active) -> None:
        self._trained(active)

    def _worth(self, table: Mapping[str, float], cost: Cost) -> Worth:
        """Return what was reported: nobody is ranked by a test, so it does not fail for want of a metric."""
        value = self.objectives.ranking_value(table, cost) if self.objectives.ranks(table) else None
        return Worth(value, self.objectives.reported(table, cost), ())

    def _ended(self, trial: Trial) -> None:
        """Keep what it has: a test that failed does not undo the training."""


def test_of(trial: Trial) -> Score | None:
    """Return the test of a run of the final training; None where it has none."""
    return trial.scores[-1] if trial.state is TrialState.FINISHED else None
