"""Stages whose trials train round by round and are then scored; what starts and what follows is theirs to say.

Where nodes are silent, or turn out to be too small, the spec is not to blame: a phase that came to nothing because of
them is tried again, `TRIES` times in all, before its trial fails.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from common.architecture.operations.norms import WINDOW
from common.errors import ConfigError, FlwrNasError, SearchError
from common.jobs import Split, Work
from common.metrics import Measured
from server_app import trial_events
from server_app.assignment import BUSY, Assigner, Assignment, TooFewFree
from server_app.phases import Phase, ScorePhase, TrainPhase
from server_app.placement.base import Request
from server_app.scores import Worth, score_of
from server_app.scoring import Scoring
from server_app.stages.base import Active, Stage
from server_app.trials import Trial, TrialState

if TYPE_CHECKING:
    from common.architecture.cost import Cost
    from server_app.objectives.base import Objectives
    from server_app.placement.base import Placement

TRIES = 3
"""How often nodes are asked before their silence fails a trial."""


@dataclass(kw_only=True)
class Rounds(Stage):
    """Trials under way and ended.

    Parameters
    ----------
    seed : int
        The stage's seed; the panel is drawn from it.
    placement, objectives, scoring : Placement, Objectives, Scoring
        Who trains, what a score is, and who gives it.
    others
        As in `Stage`.

    Attributes
    ----------
    trials : list of Trial
        All that were started, by number.
    """

    seed: int
    placement: Placement
    objectives: Objectives
    scoring: Scoring
    trials: list[Trial] = field(default_factory=list, init=False)
    _assigner: Assigner = field(init=False)
    _turn: int = field(default=0, init=False)
    _open: set[int] = field(default_factory=set, init=False)

    def __post_init__(self) -> None:
        self._assigner = Assigner(
            self.placement, self.scoring, self.excess, self.seed, self.pace, lambda: self.trials, self.lacks
        )

    # ------------------------------------------------------------ what a subclass provides

    @property
    @abstractmethod
    def all_rounds(self) -> int:
        """Rounds of a trial that goes all the way."""

    @abstractmethod
    def _cost(self, trial: Trial) -> Cost:
        """Return what a trial's spec costs."""

    @abstractmethod
    def _trained(self, active: Active) -> None:
        """Go on after a round of training has ended."""

    @abstractmethod
    def _scored(self, active: Active, split: Split) -> None:
        """Go on after a trial was scored on a split, which completed a rung."""

    @abstractmethod
    def _ended(self, trial: Trial) -> None:
        """Go on after a trial has ended."""

    # ------------------------------------------------------------ what the strategy asks

    @property
    def panel(self) -> tuple[str, ...]:
        """The nodes that score, sorted."""
        return self._assigner.panel

    def share_panel(self, other: Rounds) -> None:
        """Be scored by the panel of another stage, with whom it holds out, whoever is there."""
        self._assigner.load_state_dict(other._assigner.state_dict())

    def name_of(self, trial: Trial) -> str:
        """Return what a trial is called in the journal."""
        return self._name(trial.number)

    def settle(self) -> bool:
        """Close every phase that nobody owes a result to, by trial number, and decide what follows."""
        settled = False
        for active in self._under_way():
            if active.phase is None or not active.phase.complete:
                continue
            settled, phase, active.phase, active.turn = True, active.phase, None, 0
            active.tries += phase.asked
            if phase.short and phase.undecided and active.tries < TRIES:
                self._try_again(active, phase)
                continue
            try:
                if isinstance(phase, TrainPhase):
                    self._close_training(active, phase)
                else:
                    assert isinstance(phase, ScorePhase)
                    self._close_scoring(active, phase)
            except ConfigError:
                raise  # what was asked for cannot be had, whatever is tried
            except FlwrNasError as error:
                self._fail(active, str(error), unheard=phase.short and bool(phase.undecided))
            active.tries, active.scores = 0, {}
        self._close_turns()
        return settled

    def figures(self) -> dict[str, int | list[float]]:
        """Return how many trials there are."""
        return {"trials": len(self.trials)}

    def state_dict(self) -> dict[str, Any]:
        """Return all state as JSON, but for what is under way; it is asked again."""
        return {
            "trials": [trial.state_dict() for trial in self.trials],
            "active": [active.state_dict() for active in self._active.values()],
            "assigner": self._assigner.state_dict(),
            "weights": self.weights.state_dict(),
            "retries": self.retries,
            "turn": self._turn,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take back what `state_dict` returned."""
        self.trials = [Trial.from_state(row) for row in state["trials"]]
        self._active = {row["number"]: self._active_of(row) for row in state["active"]}
        self._assigner.load_state_dict(state["assigner"])
        self.weights.load_state_dict(state["weights"])
        self.retries, self._turn = state["retries"], state["turn"]
        self._open = {active.turn for active in self._active.values() if active.turn}

    # ------------------------------------------------------------ starting

    def _enter(self, trial: Trial, target: int) -> Active:
        """Take in a new trial that trains up to `target` rounds."""
        cost = self._cost(trial)
        self.journal.write("proposed", trial=self._name(trial.number), **trial_events.proposed(trial, cost))
        self.trials.append(trial)
        active = self._active[trial.number] = Active(trial, self._name(trial.number), target, cost.macs)
        return active

    def _start_phases(self, nodes: Sequence[str], free: Collection[str]) -> None:
        """Start the next phase of every trial that holds a place."""
        self.blocked, turn = "", self._turn + 1
        for active in self._under_way():
            if self._ready(active):
                self._start_phase(active, nodes, free, active.turn or turn)
        self._close_turns()  # one that was under way at an interruption may not begin again

    def _ready(self, active: Active) -> bool:
        """Return whether a next phase may start."""
        return active.slot is not None and active.phase is None

    def _scorers(self, active: Active, nodes: Sequence[str], free: Collection[str]) -> Assignment:
        """Return who scores; errors as in `Assigner.scorers`."""
        split = self._split(active.trial)
        return self._assigner.scorers(active.trial, nodes, free, active.scores, self._asks(active), split)

    def _asks(self, active: Active) -> Request | None:  # noqa: ARG002 - a subclass may leave some out
        """Return by what it goes who of the panel is asked for a score; None asks all."""
        return None

    def _start_phase(self, active: Active, nodes: Sequence[str], free: Collection[str], turn: int) -> None:
        """Start a trial's next phase; it stays where it is while too few of its nodes are free."""
        trial = active.trial
        try:
            if trial.rounds < active.target:
                assert active.slot is not None
                request = Request(trial.number, active.slot, trial.rounds + 1, turn)
                chosen = self._assigner.trainers(trial, request, nodes, free, self.weights.minimum)
                active.phase = self._training(trial, request.round, chosen.nodes, turn)
                self._tell_heritage(active)
            else:
                chosen = self._scorers(active, nodes, free)
                work = self._scoring(trial)
                least = max(1, self._assigner.least(work.split))
                equally = self.scoring.equally
                active.phase = ScorePhase(work, chosen.nodes, turn, self.objectives.head, least, active.scores, equally)
        except TooFewFree as shortage:
            self.blocked = str(shortage)
            return
        except SearchError as error:
            self._fail(active, str(error))
            return
        active.turn, self._turn = turn, max(turn, self._turn)  # looking around in vain is no turn
        self._open.add(turn)
        for node, reason in sorted(chosen.left_out.items()):
            self._absent(active, node, reason, undecided=reason == BUSY)

    def _training(self, trial: Trial, number: int, nodes: Sequence[str], turn: int) -> TrainPhase:
        """Return the phase that is a round of training."""
        work = Work("train", "train", number, trial.recipe, self.all_rounds, teacher=self._teacher(trial))
        return TrainPhase(work, nodes, turn, self.weights.open(trial))

    def _scoring(self, trial: Trial) -> Work:
        """Return the work that is a score."""
        split = self._split(trial)
        return Work(
            "score",
            split,
            trial.rounds,
            trial.recipe,
            self.all_rounds,
            self._calibration(trial),
            threshold=self._threshold(trial, split),
            bootstrap=self._bootstrap(split),
        )

    def _tell_heritage(self, active: Active) -> None:
        if (begun := self.weights.heritage(active.trial)) is not None:
            parent = self._name(begun.parent)
            self.journal.write("inherits", trial=active.name, parent=parent, preserved=begun.preserved)

    def _try_again(self, active: Active, phase: Phase) -> None:
        """Let a phase that too few answered begin anew, with what they gave."""
        self.retries += 1
        active.scores = phase.scores if isinstance(phase, ScorePhase) else {}
        self.journal.write(
            "retried", trial=active.name, round=phase.work.round, action=phase.work.kind, tries=active.tries
        )

    # ------------------------------------------------------------ closing

    def _close_turns(self) -> None:
        under_way = {active.turn for active in self._under_way()}
        for turn in sorted(self._open - under_way):
            self.weights.close(turn)
        self._open &= under_way

    def _close_training(self, active: Active, phase: TrainPhase) -> None:
        trial = active.trial
        phase.check()
        self.weights.fold(trial)
        trial.rounds = phase.work.round
        self.journal.write("round", trial=active.name, **trial_events.trained(trial, phase))
        self._trained(active)

    def _close_scoring(self, active: Active, phase: ScorePhase) -> None:
        self._complete(active, phase.table(), phase.scores, phase.work.split)

    def _split(self, trial: Trial) -> Split:  # noqa: ARG002 - a subclass may tell them apart
        """Return on which examples a trial is scored next."""
        return self._assigner.split

    def _threshold(self, trial: Trial, split: Split) -> float | None:  # noqa: ARG002 - a subclass may know one
        """Return by which threshold answers are scored besides; None where it is to be fitted."""
        return None

    def _bootstrap(self, split: Split) -> int:  # noqa: ARG002 - a subclass may want some
        """Return how often examples are drawn for the standard error of a score; 0: it is not asked for."""
        return 0

    def _calibration(self, trial: Trial) -> int:
        """Return by how many batches statistics are counted anew that are those of many networks."""
        return WINDOW if self.weights.shares and self._cost(trial).buffers else 0

    def _teacher(self, trial: Trial) -> str:  # noqa: ARG002 - a subclass may have some
        """Return the name of the trial from whose outputs another one learns; empty for none."""
        return ""

    def _complete(self, active: Active, table: dict[str, float], by_node: Mapping[str, Measured], split: Split) -> None:
        """Note what a trial was worth at the rung that it completed."""
        trial = active.trial
        cost = self.objectives.cost(self._cost(trial), trial.spec, trial.recipe)
        score = score_of(
            self.objectives,
            self._worth(table, cost),
            table,
            by_node,
            cost,
            rung=self._rung(trial),
            rounds=trial.rounds,
            equally=self.scoring.equally,
        )
        trial.scores.append(score)
        self.journal.write("scored", trial=active.name, **trial_events.scored(trial, score, split))
        self._scored(active, split)

    def _rung(self, trial: Trial) -> int:
        """Return the rung that a trial has completed with the score that is taken now, from 1."""
        return len(trial.scores) + 1

    def _worth(self, table: Mapping[str, float], cost: Cost) -> Worth:
        """Return what a trial is worth; raises `ProtocolError` where something of it was not reported."""
        objectives = self.objectives
        return Worth(
            objectives.ranking_value(table, cost), objectives.values(table, cost), objectives.further(table, cost)
        )

    def _fail(self, active: Active, reason: str, *, unheard: bool = False) -> None:
        active.trial.unheard = unheard
        self._end(active, TrialState.FAILED, reason)

    def _end(self, active: Active, state: TrialState, reason: str = "") -> None:
        trial = active.trial
        trial.state, trial.failure = state, reason
        del self._active[trial.number]
        self.journal.write(str(state), trial=active.name, **trial_events.ended(trial))
        self._ended(trial)

    def _active_of(self, row: dict[str, Any]) -> Active:
        trial = self.trials[row["number"]]
        name = self._name(trial.number)
        scores = {name: (metrics, examples) for name, (metrics, examples) in row["scores"].items()}
        macs = self._cost(trial).macs
        return Active(trial, name, row["target"], macs, row["slot"], None, row["turn"], row["tries"], scores)
