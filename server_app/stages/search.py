"""The search: trials proposed, trained up to a rung, scored, promoted or ended.

refill    give free places to promoted trials, then to new ones     (fidelity, controller, screening, placement)
settle    close what is complete                                    (weights, objectives, fidelity, controller)
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from common.errors import SearchError
from server_app.placement.base import Request
from server_app.stages.base import Active
from server_app.stages.proposing import Proposing
from server_app.suited import best_for_any
from server_app.trials import Identity, Trial, TrialState, front_of, ranked

if TYPE_CHECKING:
    from common.jobs import Split
    from server_app.fidelity.base import Ending
    from server_app.phases import ScorePhase
    from server_app.scores import Score

_SPARE = 4
"""Weights that are kept beside those of the best: where nodes are missing, a later score may compare trials anew."""


@dataclass(kw_only=True)
class Search(Proposing):
    """Trials that a controller proposes and a fidelity carries on or ends.

    Parameters
    ----------
    concurrency : int
        Trials that train at the same time.
    left_out : mapping of str to str
        By name, entries of the portfolio that are not tried, and why.
    keep : int
        Of so many of the best trials the weights are kept.
    others
        As in `Proposing`.
    """

    name: ClassVar[str] = "search"
    label: ClassVar[str] = "trial"

    concurrency: int
    left_out: Mapping[str, str] = field(default_factory=dict)
    keep: int = 1
    _ranking: list[Trial] | None = field(default=None, init=False)
    _best: int | None = field(default=None, init=False)
    _closed: bool = field(default=False, init=False)
    _over: bool = field(default=False, init=False)
    _there: tuple[str, ...] = field(default=(), init=False)

    # ------------------------------------------------------------ what the strategy asks

    @property
    def all_rounds(self) -> int:
        """Rounds of a trial that reaches the top rung."""
        return self.fidelity.max_rounds

    @property
    def done(self) -> bool:
        """Whether every trial has ended and there will be no other."""
        return not self._active and not self._screens and (self._over or self._all_proposed)

    @property
    def under_way(self) -> list[tuple[Trial, int]]:
        """The trials that hold a place, and for how many rounds in all."""
        return [(active.trial, active.target) for active in self._active.values() if active.slot is not None]

    @property
    def split(self) -> Split:
        """On which examples the panel scores."""
        return self._assigner.split

    @property
    def held_out(self) -> tuple[str, ...]:
        """The nodes that never train, sorted: the panel, or nobody."""
        return self._assigner.held_out

    @property
    def ranking(self) -> list[Trial]:
        """All trials, best first."""
        if self._ranking is None:
            self._ranking = ranked(self.trials)
        return list(self._ranking)

    @property
    def winner(self) -> Trial | None:
        """The best trial, if one has a score to show."""
        best = self.ranking[0] if self.trials else None
        return best if best is not None and best.ranks else None

    @property
    def front(self) -> list[Trial]:
        """Those that nobody is better than, each identity once, the winner first; with one objective it is alone.

        They are of the highest rung that any has reached, and empty where none has a score to show.
        """
        if not self.objectives.several:
            return [] if self.winner is None else [self.winner]
        found: dict[Identity, Trial] = {}
        for trial in front_of(self.trials):
            found.setdefault(trial.identity, trial)
        return list(found.values())

    def found(self) -> Trial:
        """Return the winner; raises `SearchError` where there is none."""
        if (winner := self.winner) is not None:
            return winner
        reason = self.trials[0].failure.rstrip(".") if self.trials else "no trial was proposed"
        silent = bool(self.trials) and all(trial.unheard for trial in self.trials)
        raise SearchError(
            f"The search found nothing, since every trial failed ({reason})",
            fix="Once the nodes answer, begin the run anew in another run.dir" if silent else "See journal.jsonl",
        )

    def begin(self, nodes: Sequence[str], admitted: Sequence[str] | None = None) -> None:
        """Draw the panel from the nodes that were admitted; see `Stage.begin`."""
        panel_from = nodes if admitted is None else admitted
        self._assigner.begin(nodes, panel_from, self.concurrency, self.weights.minimum)

    def refill(self, nodes: Sequence[str], unavailable: Collection[str] = ()) -> None:
        """Give the free places to promoted trials, then to new ones, and start their next phase.

        Parameters
        ----------
        nodes : sequence of str
            Names of the nodes that are there.
        unavailable : collection of str
            Those among them that are busy with what nobody waits for any more; they are left out at once.

        Raises
        ------
        ConfigError
            The budget does not pay for the first rung of a first trial and for the final training.
        SearchError
            All trials wait for a decision that nobody makes.
        """
        free, self._there = set(nodes) - set(unavailable), tuple(nodes)
        self._leave_out_absent(free)
        self._reconsider()
        self._fill()
        if (self._all_proposed and not self._closed) or self._stalled:
            self._closed = self._all_proposed
            self._apply(self.fidelity.close())
            self._fill()
            if self._stalled:
                raise SearchError(
                    f"All trials wait for a decision, and {type(self.fidelity).__name__} makes none",
                    fix="Report a bug of this fidelity, or choose another",
                )
        self._over = not self._active and not self._screens
        self._start_phases(nodes, free)
        self._start_screening(free)

    def figures(self) -> dict[str, int | list[float]]:
        """Return how many trials there are, and the best score, if there is one."""
        return {**super().figures(), "best-score": [t.score for t in self.ranking[:1] if t.score is not None]}

    def state_dict(self) -> dict[str, Any]:
        """Return all state as JSON, but for what is under way; it is asked again."""
        return {
            **super().state_dict(),
            "fidelity": self.fidelity.state_dict(),
            "best": self._best,
            "closed": self._closed,
            "over": self._over,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take back what `state_dict` returned."""
        super().load_state_dict(state)
        self.fidelity.load_state_dict(state["fidelity"])
        self._best, self._closed, self._over = state["best"], state["closed"], state["over"]
        self._ranking = None

    # ------------------------------------------------------------ starting

    def _fill(self) -> None:
        while (places := self._give_places()) and self._screen(places):
            pass

    def _give_places(self) -> int:
        """Give the free places away; return how many are left for want of a trial."""
        free = sorted(set(range(self.concurrency)) - {active.slot for active in self._active.values()})
        for place, slot in enumerate(free):
            if (active := self._promoted() or self._proposed()) is None:
                return len(free) - place  # nor would there be anything for the next one
            active.slot, active.trial.state = slot, TrialState.RUNNING
        return 0

    def _enter(self, trial: Trial, target: int) -> Active:
        self._ranking = None
        return super()._enter(trial, target)

    def _promoted(self) -> Active | None:
        """Let the next promoted trial that can be paid train on; those before it stop."""
        promotion = self.fidelity.next()
        while promotion and (shortage := self.shortage(self, self.trials[promotion.trial], promotion.rounds)):
            name = self._name(promotion.trial)
            self.journal.write("unpaid", trial=name, rounds=promotion.rounds, **asdict(shortage))
            self._apply(self.fidelity.decline(promotion))
            promotion = self.fidelity.next()
        if promotion is None:
            return None
        active = self._active[promotion.trial]
        active.target = promotion.rounds
        if promotion.doubtful:
            names = [self._name(number) for number in promotion.doubtful]
            self.journal.write("undecided", doubtful=names, rung=active.trial.rung)
        self.journal.write("promoted", trial=active.name, rounds=promotion.rounds)
        return active

    @property
    def _stalled(self) -> bool:
        """Whether all wait for each other: the controller for a result, a bracket for more trials."""
        return bool(self._active) and not self._screens and all(a.slot is None for a in self._active.values())

    # ------------------------------------------------------------ what follows

    def _asks(self, active: Active) -> Request | None:
        trial = active.trial
        assert active.slot is not None
        return Request(trial.number, active.slot, max(1, trial.rounds), active.turn or self._turn + 1)

    def _close_scoring(self, active: Active, phase: ScorePhase) -> None:
        unasked = self.pace is not None and len(phase.scores) < len(self.panel)
        if not (phase.left_out or unasked):  # who is missing might have reported it
            self.objectives.check_ranks([metrics for metrics, _ in phase.scores.values()])
        super()._close_scoring(active, phase)

    def _scored(self, active: Active, split: Split) -> None:  # noqa: ARG002 - it is the panel's
        trial = active.trial
        self._ranking = None
        self._crown(trial)
        trial.state, active.slot = TrialState.WAITING, None
        self.weights.rest(trial)
        self.controller.observe(trial, final=False)
        self._apply(self.fidelity.report(trial))

    def _crown(self, scored: Trial | None = None) -> None:
        """Say who is the best now: perhaps one that was compared anew, or is left where a better one failed."""
        best = self.winner
        if best is not None and (best is scored or best.number != self._best):
            self.journal.write("best", **self._standing(best, best.scores[-1]), **self._before(best))
        self._best = None if best is None else best.number

    def _before(self, best: Trial) -> dict[str, Any]:
        """Return what is told of the best of until now, with the score that it had then."""
        if self._best is None:
            return {}
        before = self.trials[self._best]
        score = before.scores[-2 if before is best else -1]
        return {"before": {**self._standing(before, score), "failed": before.state is TrialState.FAILED}}

    def _standing(self, trial: Trial, score: Score) -> dict[str, Any]:
        return {
            "trial": self._name(trial.number),
            "score": score.value,
            "values": dict(score.values),
            "rung": score.rung,
            "feasible": score.feasible,
            **({"front": len(self.front)} if self.objectives.several else {}),
        }

    def _apply(self, endings: Sequence[Ending]) -> None:
        for ending in sorted(endings, key=lambda ending: ending.trial):
            state = TrialState.FINISHED if ending.action == "finish" else TrialState.STOPPED
            self._end(self._active[ending.trial], state)

    def _ended(self, trial: Trial) -> None:
        if trial.state is TrialState.FAILED:
            self._ranking = None
            if trial.number == self._best:
                self._crown()
        self.controller.observe(trial, final=True)
        self._retain()
        if trial.state is TrialState.FAILED:
            self._apply(self.fidelity.report(trial))

    def _retain(self) -> None:
        """Keep the weights of the best, also for some nodes, of who may train on, and of who may have children."""
        best = [trial for trial in self.ranking if trial.ranks]
        same_nodes = len({frozenset(trial.scores[-1].comparable) for trial in best}) <= 1
        kept = best[: self.keep + (0 if same_nodes else _SPARE)]
        numbers = {trial.number for trial in [*kept, *self.front]}
        self.weights.retain({*self._active, *numbers, *self._parents(), *best_for_any(self, self._there)})

    def _parents(self) -> set[int]:
        """Return the trials of which weights may yet be inherited."""
        if not self.weights.inherits:
            return set()
        begin = [active.trial.parent for active in self._active.values() if not active.trial.rounds]
        picked = set() if self.screening is None else self.screening.parents
        return {*self.controller.parents(), *(parent for parent in begin if parent is not None), *picked}
