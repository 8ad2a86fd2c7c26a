"""The life of trials: proposed, trained round by round, scored at rungs, promoted or ended.

    refill    start trials in free places        (controller, fidelity, placement)
    settle    close what is complete             (aggregation, objective, fidelity, controller)

Where nodes are silent, or turn out to be too small, the spec is not to blame: a phase that came to nothing because of
them is tried again, `TRIES` times in all, before its trial fails.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from common.errors import FlwrNasError, SearchError
from common.jobs import Weights
from server_app.assignment import BUSY, Assigner, TooFewFree
from server_app.phases import Phase, ScorePhase, TrainPhase
from server_app.placement.base import Request
from server_app.scoring import Scoring
from server_app.stages.base import Active, Stage
from server_app.trials import Trial, TrialState, ranked

if TYPE_CHECKING:
    from server_app.aggregation.base import Aggregation
    from server_app.controllers.base import Controller
    from server_app.fidelity.base import Decision, Fidelity
    from server_app.objectives.base import Objective
    from server_app.placement.base import Placement
    from server_app.weights.base import WeightSource


TRIES = 3
"""How often nodes are asked before their silence fails a trial."""

_SPARE = 4
"""Weights that are kept beside those of the best: where nodes are missing, a later score may compare trials anew."""

_NAMED = 20
"""Most nodes that a line of the journal names; with thousands of them it would hold little else."""


@dataclass(kw_only=True)
class Search(Stage):
    """Trials under way and ended.

    Parameters
    ----------
    seed : int
        The run's seed; the panel is drawn from it.
    concurrency : int
        Trials that train at the same time.
    keep : int
        Of so many of the best trials the weights are kept, in `trained`.
    retries : int
        Phases that were tried again so far.
    others
        One choice of each axis, `make_aggregation` making one instance per trial; the rest as in `Stage`.
    """

    seed: int
    concurrency: int
    controller: Controller
    fidelity: Fidelity
    placement: Placement
    weights: WeightSource
    objective: Objective
    make_aggregation: Callable[[], Aggregation]
    scoring: Scoring
    label: str = "trial"
    keep: int = 1
    trained: dict[int, Weights] = field(default_factory=dict)
    trials: list[Trial] = field(default_factory=list)
    retries: int = 0
    _ranking: list[Trial] | None = None
    _best: int | None = None
    _promoted: list[int] = field(default_factory=list)
    _assigner: Assigner = field(init=False)
    _closed: bool = False
    _over: bool = False
    _turn: int = 0

    def __post_init__(self) -> None:
        self._assigner = Assigner(self.placement, self.scoring, self.excess, self.seed)

    # ------------------------------------------------------------ what the strategy asks

    @property
    def done(self) -> bool:
        """Whether every trial has ended and there will be no other."""
        return not self._active and (self._over or self.controller.done)

    @property
    def panel(self) -> tuple[str, ...]:
        """The nodes that score, sorted."""
        return self._assigner.panel

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

    def begin(self, nodes: Sequence[str], admitted: Sequence[str] | None = None) -> None:
        """Draw the panel from the nodes that were admitted; see `Stage.begin`."""
        panel_from = nodes if admitted is None else admitted
        self._assigner.begin(nodes, panel_from, self.concurrency, self.make_aggregation().minimum)

    # ------------------------------------------------------------ refill and dispatch

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
        SearchError
            All trials wait for a decision that nobody makes.
        """
        free = set(nodes) - set(unavailable)
        self._leave_out_absent(free)
        for slot in self._free_slots():
            active = self._next_active()
            if active is None:
                break
            active.slot = slot
        if (self.controller.done and not self._closed) or self._stalled():
            self._closed = self.controller.done
            self._apply(self.fidelity.close())
            if self._stalled():
                raise SearchError(
                    f"All trials wait for a decision, and {type(self.fidelity).__name__} makes none",
                    fix="Report a bug of this fidelity, or choose another",
                )
        self._over = not self._active
        self.blocked, turn = "", self._turn + 1
        for number in sorted(self._active):
            active = self._active.get(number)  # it may have been stopped by the failure of another
            if active is not None and active.slot is not None and active.phase is None:
                self._start_phase(active, nodes, free, turn)

    def settle(self) -> None:
        """Close every phase that nobody owes a result to, by trial number, and decide what follows."""
        for number in sorted(self._active):
            active = self._active.get(number)
            if active is None or active.phase is None or not active.phase.complete:
                continue
            phase, active.phase = active.phase, None
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
            except FlwrNasError as error:
                self._fail(active, str(error), unheard=phase.short and bool(phase.undecided))
            active.tries, active.scores = 0, {}

    # ------------------------------------------------------------ starting

    def _free_slots(self) -> list[int]:
        taken = {active.slot for active in self._active.values()}
        return [slot for slot in range(self.concurrency) if slot not in taken]

    def _next_active(self) -> Active | None:
        if self._promoted:
            return self._active[self._promoted.pop(0)]
        proposals = self.controller.propose(1)
        if not proposals:
            return None
        (proposal,) = proposals
        trial = Trial(proposal.number, proposal.spec, proposal.origin, proposal.parent)
        self.trials.append(trial)
        self._ranking = None
        cost = self.controller.space.cost(trial.spec)
        self.journal.write(
            "proposed",
            trial=self._name(trial.number),
            spec_id=trial.spec.id,
            spec=trial.spec.to_dict(),
            origin=trial.origin,
            parent=trial.parent,
            parameters=cost.parameters,
            macs=cost.macs,
        )
        target = self.fidelity.start(trial)
        active = Active(trial, self.weights.initial(trial), target, self.make_aggregation())
        self._active[trial.number] = active
        return active

    def _stalled(self) -> bool:
        """Tell whether all wait for each other: the controller for a result, a bracket for more trials."""
        return bool(self._active) and not self._promoted and all(a.slot is None for a in self._active.values())

    def _start_phase(self, active: Active, nodes: Sequence[str], free: Collection[str], turn: int) -> None:
        """Start a trial's next phase; it stays where it is while too few of its nodes are free."""
        trial, spec = active.trial, active.trial.spec
        try:
            if trial.rounds < active.target:
                assert active.slot is not None
                request = Request(trial.number, active.slot, trial.rounds + 1, turn)
                chosen = self._assigner.trainers(spec, request, nodes, free, active.aggregation.minimum)
                active.phase = TrainPhase(request.round, chosen.nodes, turn, active.aggregation, active.weights)
            else:
                action, least = self.scoring.action, self._assigner.min_scores
                chosen = self._assigner.scorers(spec, nodes, free, active.scores)
                active.phase = ScorePhase(action, trial.rounds, chosen.nodes, turn, least, active.scores)
        except TooFewFree as shortage:
            self.blocked = str(shortage)
            return
        except SearchError as error:
            self._fail(active, str(error))
            return
        self._turn = turn  # looking around in vain is no turn
        for node, reason in sorted(chosen.left_out.items()):
            self._absent(active, node, reason, undecided=reason == BUSY)

    def _try_again(self, active: Active, phase: Phase) -> None:
        """Let a phase that too few answered begin anew, with what they gave."""
        self.retries += 1
        active.scores = phase.scores if isinstance(phase, ScorePhase) else {}
        self.journal.write(
            "retried", trial=self._name(active.trial.number), round=phase.round, action=phase.action, tries=active.tries
        )

    # ------------------------------------------------------------ closing

    def _close_training(self, active: Active, phase: TrainPhase) -> None:
        trial = active.trial
        active.weights = phase.outcome()
        trial.rounds = phase.round
        trained = [node for node in phase.nodes if node not in phase.left_out]
        self.journal.write(
            "round",
            trial=self._name(trial.number),
            round=phase.round,
            num_nodes=len(trained),
            nodes=trained[:_NAMED],
            left_out=sorted(phase.left_out)[:_NAMED],
            loss=phase.loss,
            bytes_down=trial.ledger.bytes_down,
            bytes_up=trial.ledger.bytes_up,
        )
        if trial.rounds >= active.target:
            self.trained[trial.number] = active.weights  # kept whatever becomes of its score
            if self.scoring.central is not None:
                self._score(active, self.scoring.central(trial, active.weights))

    def _close_scoring(self, active: Active, phase: ScorePhase) -> None:
        metrics = phase.outcome()
        cost = self.controller.space.cost(active.trial.spec)
        by_node = {node: (self.objective.score(table, cost), size) for node, (table, size) in phase.scores.items()}
        self._score(active, metrics, by_node)

    def _score(
        self, active: Active, metrics: dict[str, float], by_node: dict[str, tuple[float, int]] | None = None
    ) -> None:
        trial = active.trial
        score = self.objective.score(metrics, self.controller.space.cost(trial.spec))
        if not all(math.isfinite(one) for one in (score, *(one for one, _ in (by_node or {}).values()))):
            raise SearchError("A score must be a finite number", score, fix="Check the objective")
        trial.metrics, trial.score, trial.by_node = metrics, score, by_node or {}
        trial.rung += 1
        self._ranking = None
        self.weights.keep(trial, active.weights)
        name = self._name(trial.number)
        self.journal.write(
            "scored", trial=name, rung=trial.rung, rounds=trial.rounds, score=trial.score, metrics=metrics
        )
        self.trained[trial.number] = active.weights
        self._crown(trial)
        trial.state, active.slot = TrialState.WAITING, None
        self._apply(self.fidelity.report(trial))

    def _crown(self, scored: Trial) -> None:
        """Keep the weights of the best, and say who is the best now: perhaps one that was compared anew."""
        ranking = self.ranking
        same_nodes = len({frozenset(trial.by_node) for trial in self.trials if trial.ranks}) == 1
        for other in ranking[self.keep + (0 if same_nodes else _SPARE) :]:
            self.trained.pop(other.number, None)
        best = ranking[0]
        if self.scoring.action != "test" and (best is scored or best.number != self._best):  # a test is for no choice
            self.journal.write("best", trial=self._name(best.number), score=best.score, rung=best.rung)
        self._best = best.number

    def _apply(self, decisions: Sequence[Decision]) -> None:
        for decision in sorted(decisions, key=lambda d: d.trial):
            active = self._active[decision.trial]
            if decision.action == "promote":
                active.target = decision.rounds
                active.trial.state = TrialState.RUNNING
                self._promoted.append(decision.trial)
                self.journal.write("promoted", trial=self._name(decision.trial), rounds=decision.rounds)
            elif decision.action == "finish":
                self._end(active, TrialState.FINISHED)
            else:
                self._end(active, TrialState.STOPPED)

    def _fail(self, active: Active, reason: str, *, unheard: bool = False) -> None:
        active.trial.unheard = unheard
        self._end(active, TrialState.FAILED, reason)
        self._apply(self.fidelity.report(active.trial))

    def _end(self, active: Active, state: TrialState, reason: str = "") -> None:
        trial = active.trial
        trial.state, trial.failure, self._ranking = state, reason, None
        del self._active[trial.number]
        reason_field = {"reason": reason} if reason else {}
        self.journal.write(
            str(state), trial=self._name(trial.number), rung=trial.rung, score=trial.score, **reason_field
        )
        self.controller.observe(trial)
