"""A stage of a run: trials under way, the jobs that go out for them, and the results that come in.

    refill    start what can be started         (the stage's own idea)
    dispatch  jobs for the nodes that are free
    take      one result of one node
    expire    go on without who is late
    settle    close what is complete            (the stage's own idea)

A run is a plan of stages that share the exchange. This base class knows who owes what; what trials there are, and
what follows from a result, is a subclass's. There is no Flower here: who sends the jobs, and when it waits, is the
strategy's business. The clock is whatever the caller passes as `now`, in seconds.

Between `settle` and the next `refill` a stage can be saved: `state_dict` holds all but what is under way, which is
asked again.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, ClassVar

from common.errors import ProtocolError
from common.jobs import Job, Result, Split
from common.metrics import Measured
from common.precision import Precision, wire_bytes
from server_app.assignment import Excess, Lacks
from server_app.budget import mac_examples
from server_app.phases import Phase

if TYPE_CHECKING:
    from common.jobs import Arrays, WorkKind
    from server_app.journal import Journal
    from server_app.pace import Pace
    from server_app.trials import Trial
    from server_app.weights.base import WeightStore


@dataclass
class Active:
    """A trial that holds a place, or waits for one.

    `macs` are those of its spec, for one example. `turn`, `tries` and `scores` are of the phase that is being tried:
    when it began (0 for none), how often nodes were asked, and what they gave so far. After a resume the phase is asked
    again, in the turn in which it began. Where the trial trains several times, `members` are these trainings, each with
    a phase of its own.
    """

    trial: Trial
    name: str
    target: int
    macs: int
    slot: int | None = None
    phase: Phase | None = None
    turn: int = 0
    tries: int = 0
    scores: dict[str, Measured] = field(default_factory=dict)
    members: list[Active] = field(default_factory=list)

    def state_dict(self) -> dict[str, Any]:
        """Return it as JSON; its phase is asked again."""
        return {
            "number": self.trial.number,
            "target": self.target,
            "slot": self.slot,
            "turn": self.turn,
            "tries": self.tries,
            "scores": {name: list(pair) for name, pair in self.scores.items()},
        }


@dataclass(kw_only=True)
class Stage(ABC):
    """Trials under way, and who owes what for them.

    Parameters
    ----------
    deadline : float
        Seconds that a node has for what was handed out to it.
    journal : Journal
        Where events go.
    weights : WeightStore
        Who owns the trials' weights.
    excess : callable
        From a node's name and a trial: why the node cannot hold it, empty where it can.
    held : callable
        From a node's name and a split: how many such examples it has; a result that claims more is none.
    lacks : callable
        From a node's name and a split: whether it said that it has no such examples.
    precision : {"float32", "float16"}
        In which type weights travel, for the ledgers.
    pace : Pace, optional
        Foresees how long nodes compute, and learns it; None where nodes are not told apart.

    Attributes
    ----------
    blocked : str
        Why trials cannot go on for want of nodes; empty where all can.
    retries : int
        Phases that were tried again so far.
    """

    name: ClassVar[str]
    """What it is called where its time is counted."""
    label: ClassVar[str]
    """Prefix of the trials' names in the journal and on the wire."""

    deadline: float
    journal: Journal
    weights: WeightStore
    excess: Excess = lambda node, trial: ""  # noqa: ARG005
    held: Callable[[str, Split], float] = lambda node, split: math.inf  # noqa: ARG005
    lacks: Lacks = lambda node, split: False  # noqa: ARG005
    precision: Precision = "float32"
    pace: Pace | None = None
    blocked: str = field(default="", init=False)
    retries: int = field(default=0, init=False)
    _active: dict[int, Active] = field(default_factory=dict, init=False)

    # ------------------------------------------------------------ what a subclass provides

    @property
    @abstractmethod
    def done(self) -> bool:
        """Whether nothing is under way and nothing will be."""

    @abstractmethod
    def begin(self, nodes: Sequence[str], admitted: Sequence[str] | None = None) -> None:
        """Take note of who is there; raise `ConfigError` where they are too few for what was chosen.

        Parameters
        ----------
        nodes : sequence of str
            Names of the nodes that are there.
        admitted : sequence of str, optional
            Those among them that said what they have; None for all.
        """

    @abstractmethod
    def refill(self, nodes: Sequence[str], unavailable: Collection[str] = ()) -> None:
        """Start what can be started on `nodes`, going on without those of them that are `unavailable`."""

    @abstractmethod
    def settle(self) -> bool:
        """Close every phase that nobody owes a result to, and decide what follows; return whether there was any."""

    @abstractmethod
    def figures(self) -> dict[str, int | list[float]]:
        """Return what Flower's log shows of an exchange."""

    @abstractmethod
    def state_dict(self) -> dict[str, Any]:
        """Return all state as JSON, but for what is under way."""

    @abstractmethod
    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take back what `state_dict` returned."""

    # ------------------------------------------------------------ what the strategy asks

    @property
    def idle(self) -> bool:
        """Whether nobody owes a result and nothing is complete: there is nothing to wait for."""
        return not any(a.phase and (a.phase.sent or a.phase.complete) for a in self._asking())

    @property
    def waiting(self) -> set[str]:
        """Nodes that have a job to come."""
        return {node for active in self._asking() if active.phase for node in active.phase.waiting}

    @property
    def owing(self) -> set[str]:
        """Nodes that still owe a result that they were asked for."""
        return {node for active in self._asking() if active.phase for node in active.phase.sent}

    @property
    def next_deadline(self) -> float | None:
        """When the next node is late; None where nobody owes anything."""
        owed = (deadline for a in self._asking() if a.phase for deadline in a.phase.sent.values())
        return min(owed, default=None)

    def dispatch(self, free: Collection[str], now: float) -> dict[str, list[Job]]:
        """Return the jobs that wait for the nodes in `free`, by node; each has a whole deadline from `now` on.

        The oldest phases come first: where a node's time does not suffice for all, each trial has its turn.
        """
        orders: dict[str, list[Job]] = {}
        free, phases = set(free), [(active, active.phase) for active in self._asking() if active.phase]
        for active, phase in sorted(phases, key=lambda pair: pair[1].turn):
            for node in sorted(phase.waiting & free):
                orders.setdefault(node, []).append(self._job(active, node, now + self.deadline))
        return orders

    # ------------------------------------------------------------ results

    def take(self, node: str, job: Job, result: Result) -> None:
        """Take the result of one job of one node; what makes no sense is refused with its reason in the journal."""
        if self.pace is not None:
            self.pace.learn(node, job, result)
        try:
            active = self._owed(node, job)
            ledger = active.trial.ledger
            ledger.node_seconds += result.seconds
            ledger.bytes_up += wire_bytes(result.arrays, self.precision)
            assert active.phase is not None
            if result.num_examples > self.held(node, job.work.split):
                reason = f"A node must not claim more examples than it said it holds, got {result.num_examples}"
                result = replace(result, status="failed", reason=reason)
            if result.status == "done":
                ledger.mac_examples += self._mac_examples(active, node, job, result)
            if result.status == "unfinished":
                active.phase.hand_back(node)
                self.journal.write("unfinished", node=node, trial=job.trial, round=job.work.round)
            else:
                active.phase.take(node, result)
        except ProtocolError as error:
            self._refused(node, job, str(error))

    def leave_out(self, node: str, jobs: Sequence[Job], reason: str, *, undecided: bool = False) -> None:
        """Go on without what `node` was asked to do in `jobs`; `undecided` where it said nothing to them."""
        for job in jobs:
            active = self._asked(node, job)
            if active is not None:
                self._absent(active, node, reason, undecided=undecided)

    def unsent(self, node: str, jobs: Sequence[Job], reason: str) -> None:
        """Go on without what `node` was to be asked and never was."""
        for job in jobs:
            active = self._asked(node, job)
            if active is not None:
                active.trial.ledger.bytes_down -= wire_bytes(job.arrays, self.precision)
        self.leave_out(node, jobs, reason, undecided=True)

    def expire(self, now: float) -> None:
        """Go on without the nodes that let their deadline pass, and no others."""
        for active in self._asking():
            for node in active.phase.late(now) if active.phase else ():
                self._absent(active, node, f"no answer within {self.deadline:g} s", undecided=True)

    # ------------------------------------------------------------ who owes what

    def _under_way(self) -> Iterator[Active]:
        """Yield the trials under way by number, each before its members, but what has ended by then."""
        for number in sorted(self._active):
            for active in [self._active[number], *self._active[number].members] if number in self._active else ():
                if number in self._active:
                    yield active

    def _asking(self) -> Iterator[Active]:
        """Yield all that nodes may be asked for: the trials under way, and what a subclass has beside them."""
        return self._under_way()

    def _lend(self, trial: Trial, kind: WorkKind) -> Arrays:
        """Return the arrays with which a node begins."""
        return self.weights.lend(trial, kind)

    def _mac_examples(self, active: Active, node: str, job: Job, result: Result) -> int:
        """Return the MACs x examples of a job that is done."""
        return mac_examples(active.macs, job.work, result.num_examples, self.held(node, "train"))

    def _whose(self, active: Active, node: str) -> Active:  # noqa: ARG002
        """Return whose model `node` works on in the phase of `active`: a trial's own, or that of a member."""
        return active

    def _leave_out_absent(self, free: Collection[str]) -> None:
        """Go on without the nodes that left or got stuck before their job was sent, or that now have limits."""
        for active in self._asking():
            phase = active.phase
            if phase is None:
                continue
            for node in sorted(phase.waiting.difference(free)):
                self._absent(active, node, "not there, or busy with other messages", undecided=True)
            for node in sorted(phase.waiting):
                if reason := self.excess(node, active.trial):
                    self._absent(active, node, reason, undecided=True)

    def _job(self, active: Active, node: str, deadline: float) -> Job:
        whose, phase = self._whose(active, node), active.phase
        trial = whose.trial
        assert phase is not None
        phase.hand_out(node, deadline)
        arrays = self._lend(trial, phase.work.kind)
        trial.ledger.bytes_down += wire_bytes(arrays, self.precision)
        work = phase.work
        return Job(f"{whose.name}/{work.kind}-{work.split}-{work.round}", whose.name, trial.spec, arrays, work)

    def _owed(self, node: str, job: Job) -> Active:
        active = self._asked(node, job)
        if active is None:
            raise ProtocolError("A result must answer a job that its node still owes", job.id)
        return active

    def _asked(self, node: str, job: Job) -> Active | None:
        """Return the trial for which `node` owes this job; None where it does not, or not any more."""
        owed = (a for a in self._asking() if a.phase and node in a.phase.sent and a.phase.work == job.work)
        return next((active for active in owed if self._whose(active, node).name == job.trial), None)

    def _absent(self, active: Active, node: str, reason: str, *, undecided: bool = False) -> None:
        assert active.phase is not None
        active.phase.leave_out(node, reason, undecided=undecided)
        name = self._whose(active, node).name
        self.journal.write("absent", node=node, trial=name, round=active.phase.work.round, reason=reason)

    def _refused(self, node: str, job: Job, reason: str) -> None:
        self.journal.write("refused", node=node, trial=job.trial, round=job.work.round, reason=reason)

    def _name(self, number: int) -> str:
        return f"{self.label}-{number:04d}"
