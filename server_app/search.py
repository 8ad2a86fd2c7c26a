"""The life of trials: proposed, trained round by round, scored at rungs, promoted or ended.

This is the search without Flower: it hands out jobs for named nodes and takes their results. Who
sends them, and when it waits, is the strategy's business. The clock is whatever the caller passes
as `now`, in seconds.

    refill    start trials in free places        (controller, fidelity)
    dispatch  jobs for the nodes that are free   (placement)
    take      one result of one node             (aggregation)
    settle    close what is complete             (objective, fidelity, controller)

Where nodes are silent nobody's spec is to blame: a phase that came to nothing because of them is tried again, `TRIES`
times in all, before its trial fails.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from common.errors import FlwrNasError, ProtocolError, SearchError
from common.jobs import Action, Job, Result, Weights
from common.precision import Precision, wire_bytes
from server_app.assignment import BUSY, Assigner, Excess, TooFewFree
from server_app.phases import NodeScore, Phase, ScorePhase, TrainPhase
from server_app.placement.base import Request
from server_app.scoring import Scoring
from server_app.trials import Trial, TrialState, ranked

if TYPE_CHECKING:
    from server_app.aggregation.base import Aggregation
    from server_app.controllers.base import Controller
    from server_app.fidelity.base import Decision, Fidelity
    from server_app.journal import Journal
    from server_app.objectives.base import Objective
    from server_app.placement.base import Placement
    from server_app.weights.base import WeightSource


TRIES = 3
"""How often nodes are asked before their silence fails a trial."""

_DIGITS = 9
"""Most that a trial's number has; Python raises where it is to read thousands of them."""


@dataclass
class _Active:
    """A trial that holds a place, or waits for one, with its weights.

    `tries` and `scores` are of the phase that is being tried: how often nodes were asked, and what they gave so far.
    """

    trial: Trial
    weights: Weights
    target: int
    aggregation: Aggregation
    slot: int | None = None
    phase: Phase | None = None
    tries: int = 0
    scores: dict[str, NodeScore] = field(default_factory=dict)


@dataclass
class Search:
    """Trials under way and ended.

    Parameters
    ----------
    seed : int
        The run's seed; the panel is drawn from it.
    concurrency : int
        Trials that train at the same time.
    deadline : float
        Seconds that a node has for what was handed out to it.
    label : str
        Prefix of the trials' names on the wire.
    keep : int
        Of so many of the best trials the weights are kept, in `trained`.
    excess : callable
        From a node's name and a spec: why the node cannot hold it, empty where it can.
    held : callable
        From a node's name and an action: on how many examples it can do such a job; a result that claims more is none.
    precision : {"float32", "float16"}
        In which type weights travel, for the ledgers.
    blocked : str
        Why trials that hold a place cannot go on for want of nodes; empty where all can.
    others
        One choice of each axis, `make_aggregation` making one instance per trial.
    """

    seed: int
    concurrency: int
    deadline: float
    controller: Controller
    fidelity: Fidelity
    placement: Placement
    weights: WeightSource
    objective: Objective
    make_aggregation: Callable[[], Aggregation]
    scoring: Scoring
    journal: Journal
    label: str = "trial"
    keep: int = 1
    excess: Excess = lambda node, spec: ""  # noqa: ARG005
    held: Callable[[str, Action], float] = lambda node, action: math.inf  # noqa: ARG005
    precision: Precision = "float32"
    trained: dict[int, Weights] = field(default_factory=dict)
    trials: list[Trial] = field(default_factory=list)
    blocked: str = ""
    _active: dict[int, _Active] = field(default_factory=dict)
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
        """Whether every trial has ended and `refill` found no other."""
        return self._over

    @property
    def pending(self) -> bool:
        """Whether some node still owes a result that it was asked for."""
        return any(active.phase and active.phase.sent for active in self._active.values())

    @property
    def idle(self) -> bool:
        """Whether nobody owes a result and nothing is complete: there is nothing to wait for."""
        return not any(a.phase and (a.phase.sent or a.phase.complete) for a in self._active.values())

    @property
    def waiting(self) -> set[str]:
        """Nodes that have a job to come."""
        return {node for active in self._active.values() if active.phase for node in active.phase.waiting}

    @property
    def owing(self) -> set[str]:
        """Nodes that still owe a result that they were asked for."""
        return {node for active in self._active.values() if active.phase for node in active.phase.sent}

    @property
    def panel(self) -> tuple[str, ...]:
        """The nodes that score, sorted."""
        return self._assigner.panel

    @property
    def ranking(self) -> list[Trial]:
        """All trials, best first."""
        return ranked(self.trials)

    @property
    def next_deadline(self) -> float | None:
        """When the next node is late; None where nobody owes anything."""
        owed = (deadline for a in self._active.values() if a.phase for deadline in a.phase.sent.values())
        return min(owed, default=None)

    @property
    def winner(self) -> Trial | None:
        """The best trial, if one has a score to show."""
        best = self.ranking[0] if self.trials else None
        return best if best is not None and best.ranks else None

    def begin(self, nodes: Sequence[str]) -> None:
        """Draw the panel from the names of the nodes that are there; raise `ConfigError` where they are too few."""
        self._assigner.begin(nodes, self.concurrency, self.make_aggregation().minimum)

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
        self._turn += 1
        self.blocked = ""
        for number in sorted(self._active):
            active = self._active.get(number)  # it may have been stopped by the failure of another
            if active is not None and active.slot is not None and active.phase is None:
                self._start_phase(active, nodes, free)

    def dispatch(self, free: Collection[str], now: float) -> dict[str, list[Job]]:
        """Return the jobs that wait for the nodes in `free`, by node; each has a whole deadline from `now` on.

        The oldest phases come first: where a node's time does not suffice for all, each trial has its turn.
        """
        orders: dict[str, list[Job]] = {}
        free, phases = set(free), [(a.phase.turn, number) for number, a in self._active.items() if a.phase]
        for _, number in sorted(phases):
            active = self._active[number]
            for node in sorted(active.phase.waiting & free) if active.phase else ():
                orders.setdefault(node, []).append(self._job(active, node, now + self.deadline))
        return orders

    # ------------------------------------------------------------ results

    def take(self, node: str, result: Result) -> None:
        """Take one result of one node; what makes no sense is refused with its reason in the journal."""
        try:
            active = self._owed(node, result)
            ledger = active.trial.ledger
            ledger.node_seconds += result.seconds
            if result.update is not None:
                ledger.bytes_up += wire_bytes(result.update, self.precision)
            assert active.phase is not None
            if result.num_examples > self.held(node, active.phase.action):
                reason = f"A node must not claim more examples than it said it holds, got {result.num_examples}"
                result = replace(result, status="failed", reason=reason)
            if result.status == "unfinished":
                active.phase.hand_back(node)
                self.journal.write("unfinished", node=node, trial=result.trial, round=result.round)
            else:
                active.phase.take(node, result)
        except ProtocolError as error:
            self.journal.write("refused", node=node, trial=result.trial, round=result.round, reason=str(error))

    def leave_out(self, node: str, jobs: Sequence[Job], reason: str, *, silent: bool = False) -> None:
        """Go on without what `node` was asked to do in `jobs`; `silent` where it said nothing to them."""
        for job in jobs:
            active = self._active.get(self._number(job.trial))
            if active and self._matches(active, node, job.action, job.round):
                self._absent(active, node, reason, silent=silent)

    def unsent(self, node: str, jobs: Sequence[Job], reason: str) -> None:
        """Go on without what `node` was to be asked and never was."""
        for job in jobs:
            active = self._active.get(self._number(job.trial))
            if active is not None:
                active.trial.ledger.bytes_down -= wire_bytes(job.weights, self.precision)
        self.leave_out(node, jobs, reason, silent=True)

    def expire(self, now: float) -> None:
        """Go on without the nodes that let their deadline pass, and no others."""
        for active in self._active.values():
            for node in active.phase.late(now) if active.phase else ():
                self._absent(active, node, f"no answer within {self.deadline:g} s", silent=True)

    def settle(self) -> None:
        """Close every phase that nobody owes a result to, by trial number, and decide what follows."""
        for number in sorted(self._active):
            active = self._active.get(number)
            if active is None or active.phase is None or not active.phase.complete:
                continue
            phase, active.phase = active.phase, None
            active.tries += phase.asked
            if phase.short and phase.silent and active.tries < TRIES:
                self._try_again(active, phase)
                continue
            try:
                if isinstance(phase, TrainPhase):
                    self._close_training(active, phase)
                else:
                    assert isinstance(phase, ScorePhase)
                    self._close_scoring(active, phase)
            except FlwrNasError as error:
                self._fail(active, str(error), unheard=phase.short and bool(phase.silent))
            active.tries, active.scores = 0, {}

    # ------------------------------------------------------------ starting

    def _free_slots(self) -> list[int]:
        taken = {active.slot for active in self._active.values()}
        return [slot for slot in range(self.concurrency) if slot not in taken]

    def _next_active(self) -> _Active | None:
        if self._promoted:
            return self._active[self._promoted.pop(0)]
        proposals = self.controller.propose(1)
        if not proposals:
            return None
        (proposal,) = proposals
        trial = Trial(proposal.number, proposal.spec, proposal.origin, proposal.parent)
        self.trials.append(trial)
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
        active = _Active(trial, self.weights.initial(trial), target, self.make_aggregation())
        self._active[trial.number] = active
        return active

    def _stalled(self) -> bool:
        """Tell whether all wait for each other: the controller for a result, a bracket for more trials."""
        return bool(self._active) and not self._promoted and all(a.slot is None for a in self._active.values())

    def _start_phase(self, active: _Active, nodes: Sequence[str], free: Collection[str]) -> None:
        """Start a trial's next phase; it stays where it is while too few of its nodes are free."""
        trial, spec, turn = active.trial, active.trial.spec, self._turn
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
        for node, reason in sorted(chosen.left_out.items()):
            self._absent(active, node, reason, silent=reason == BUSY)

    def _try_again(self, active: _Active, phase: Phase) -> None:
        """Let a phase that too few answered begin anew, with what they gave."""
        active.scores = phase.scores if isinstance(phase, ScorePhase) else {}
        self.journal.write(
            "retried", trial=self._name(active.trial.number), round=phase.round, action=phase.action, tries=active.tries
        )

    def _leave_out_absent(self, free: Collection[str]) -> None:
        """Go on without the nodes that left or got stuck before their job was sent, or that now have limits."""
        for active in self._active.values():
            phase = active.phase
            if phase is None:
                continue
            for node in sorted(phase.waiting.difference(free)):
                self._absent(active, node, "not there, or busy with other messages", silent=True)
            for node in sorted(phase.waiting):
                if reason := self._assigner.excess(node, active.trial.spec):
                    self._absent(active, node, reason)

    def _job(self, active: _Active, node: str, deadline: float) -> Job:
        trial, phase = active.trial, active.phase
        assert phase is not None
        phase.hand_out(node, deadline)
        trial.ledger.bytes_down += wire_bytes(active.weights, self.precision)
        return Job(self._name(trial.number), phase.action, phase.round, trial.spec, active.weights)

    # ------------------------------------------------------------ closing

    def _close_training(self, active: _Active, phase: TrainPhase) -> None:
        trial = active.trial
        active.weights = phase.outcome()
        trial.rounds = phase.round
        self.journal.write(
            "round",
            trial=self._name(trial.number),
            round=phase.round,
            nodes=len(phase.nodes) - len(phase.left_out),
            left_out=len(phase.left_out),
            loss=phase.loss,
            bytes_down=trial.ledger.bytes_down,
            bytes_up=trial.ledger.bytes_up,
        )
        if trial.rounds >= active.target:
            self.trained[trial.number] = active.weights  # kept whatever becomes of its score
            if self.scoring.central is not None:
                self._score(active, self.scoring.central(trial, active.weights))

    def _close_scoring(self, active: _Active, phase: ScorePhase) -> None:
        metrics = phase.outcome()
        cost = self.controller.space.cost(active.trial.spec)
        by_node = {node: (self.objective.score(table, cost), size) for node, (table, size) in phase.scores.items()}
        self._score(active, metrics, by_node)

    def _score(
        self, active: _Active, metrics: dict[str, float], by_node: dict[str, tuple[float, int]] | None = None
    ) -> None:
        trial = active.trial
        score = self.objective.score(metrics, self.controller.space.cost(trial.spec))
        if not all(math.isfinite(one) for one in (score, *(one for one, _ in (by_node or {}).values()))):
            raise SearchError("A score must be a finite number", score, fix="Check the objective")
        trial.metrics, trial.score, trial.by_node = metrics, score, by_node or {}
        trial.rung += 1
        self.weights.keep(trial, active.weights)
        name = self._name(trial.number)
        self.journal.write(
            "scored", trial=name, rung=trial.rung, rounds=trial.rounds, score=trial.score, metrics=metrics
        )
        self.trained[trial.number] = active.weights
        ranking = self.ranking
        for other in ranking[self.keep :]:
            self.trained.pop(other.number, None)
        if ranking[0] is trial and self.scoring.action != "test":  # a test is no ground for a choice
            self.journal.write("best", trial=name, score=trial.score, rung=trial.rung)
        trial.state, active.slot = TrialState.WAITING, None
        self._apply(self.fidelity.report(trial))

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

    def _fail(self, active: _Active, reason: str, *, unheard: bool = False) -> None:
        active.trial.unheard = unheard
        self._end(active, TrialState.FAILED, reason)
        self._apply(self.fidelity.report(active.trial))

    def _end(self, active: _Active, state: TrialState, reason: str = "") -> None:
        trial = active.trial
        trial.state, trial.failure = state, reason
        del self._active[trial.number]
        reason_field = {"reason": reason} if reason else {}
        self.journal.write(
            str(state), trial=self._name(trial.number), rung=trial.rung, score=trial.score, **reason_field
        )
        self.controller.observe(trial)

    # ------------------------------------------------------------ who owes what

    def _owed(self, node: str, result: Result) -> _Active:
        active = self._active.get(self._number(result.trial))
        if active is None or not self._matches(active, node, result.action, result.round):
            raise ProtocolError(
                "A result must answer a job that its node still owes",
                f"{result.action} of {result.trial!r}, round {result.round}",
            )
        return active

    @staticmethod
    def _matches(active: _Active, node: str, action: str, round: int) -> bool:
        phase = active.phase
        return phase is not None and node in phase.sent and (phase.action, phase.round) == (action, round)

    def _absent(self, active: _Active, node: str, reason: str, *, silent: bool = False) -> None:
        assert active.phase is not None
        active.phase.leave_out(node, reason, silent=silent)
        self.journal.write(
            "absent", node=node, trial=self._name(active.trial.number), round=active.phase.round, reason=reason
        )

    def _name(self, number: int) -> str:
        return f"{self.label}-{number:04d}"

    def _number(self, name: str) -> int:
        prefix, _, digits = name.rpartition("-")
        return int(digits) if prefix == self.label and digits.isdecimal() and len(digits) <= _DIGITS else -1
