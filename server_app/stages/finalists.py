"""The finalists: the best of the search train again, with the full budget and several seeds, and one of them is chosen.

One score of a short training is a noisy one, and the best of many noisy ones is too good to be true. Here each finalist
is scored as often as there are seeds, by the panel of the search, which judges what it has judged before.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

from common.errors import SearchError
from server_app.selection import Choice, Contender, choose
from server_app.stages.base import Active
from server_app.stages.replicated import Replicated, best_scored
from server_app.trials import Identity, Trial, TrialState

if TYPE_CHECKING:
    from server_app.scores import Score


@dataclass(kw_only=True)
class Finalists(Replicated):
    """Contenders that train and are scored; see `share_panel` for who scores.

    Parameters
    ----------
    contenders : tuple of Identity
        What is trained, in the order of the search's ranking.
    others
        As in `Replicated`.
    """

    name: ClassVar[str] = "finalists"
    label: ClassVar[str] = "finalist"

    contenders: tuple[Identity, ...]
    _choice: Choice | None = field(default=None, init=False)

    @property
    def identities(self) -> tuple[Identity, ...]:
        """The contenders."""
        return self.contenders

    @property
    def lost(self) -> bool:
        """Whether every run failed."""
        return bool(self.trials) and all(trial.state is TrialState.FAILED for trial in self.trials)

    @property
    def choice(self) -> Choice | None:
        """What was chosen, and why; None while runs are under way, and where all failed."""
        if self._choice is None and self.done and not self.lost:
            self._choice = choose([self._contender(identity) for identity in self.contenders])
        return self._choice

    @property
    def winner(self) -> Identity | None:
        """What was chosen, once it is."""
        return None if self.choice is None else self.contenders[self.choice.chosen]

    def found(self) -> Choice:
        """Return the choice; raises `SearchError` where every run failed."""
        if (choice := self.choice) is not None:
            return choice
        first = self.trials[0]
        raise SearchError(
            f"The training of all finalists failed ({first.failure.rstrip('.')})",
            fix="Once the nodes answer, resume the run" if first.unheard else "See journal.jsonl",
        )

    def shown(self) -> Trial | None:
        """Return the best run of what was chosen; None before that."""
        if self.winner is None:
            return None
        found = {run.number: self.validation_of(run) for run in self.runs_of(self.winner) if run.ranks}
        return self.trials[best_scored({number: score for number, score in found.items() if score is not None})]

    def validations(self, trial: Trial) -> list[Score]:
        """Return all its scores."""
        return trial.scores

    def _contender(self, identity: Identity) -> Contender:
        found = [self.validation_of(trial) for trial in self.runs_of(identity) if trial.ranks]
        scores = [score for score in found if score is not None]
        return Contender(
            tuple(score.comparable for score in scores),
            all(score.feasible for score in scores),
            self.cost(identity[0]).macs,
        )

    def _trained(self, active: Active) -> None:
        """Go on to the next round, or to the score."""

    def _judged(self, active: Active) -> None:
        self._end(active, TrialState.FINISHED)

    def _ended(self, trial: Trial) -> None:
        """Let what it has wait on disk: it may be taken over."""
        if trial.rounds:
            self.weights.rest(trial)
