"""A stage of a run: trials under way, the jobs that go out for them, and the results that come in.

    refill    start what can be started         (the stage's own idea)
    dispatch  jobs for the nodes that are free
    take      one result of one node
    expire    go on without who is late
    settle    close what is complete            (the stage's own idea)

This base class knows who owes what; what trials there are, and what follows from a result, is a subclass's. There is no
Flower here: who sends the jobs, and when it waits, is the strategy's business. The clock is whatever the caller passes
as `now`, in seconds.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from common.errors import ProtocolError
from common.jobs import Action, Job, Result, Weights
from common.precision import Precision, wire_bytes
from server_app.assignment import Excess
from server_app.phases import NodeScore, Phase

if TYPE_CHECKING:
    from server_app.aggregation.base import Aggregation
    from server_app.journal import Journal
    from server_app.trials import Trial

_DIGITS = 9
"""Most that a trial's number has; Python raises where it is to read thousands of them."""


@dataclass
class Active:
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


@dataclass(kw_only=True)
class Stage(ABC):
    """Trials under way, and who owes what for them.

    Parameters
    ----------
    deadline : float
        Seconds that a node has for what was handed out to it.
    journal : Journal
        Where events go.
    label : str
        Prefix of the trials' names on the wire.
    excess : callable
        From a node's name and a spec: why the node cannot hold it, empty where it can.
    held : callable
        From a node's name and an action: on how many examples it can do such a job; a result that claims more is none.
    precision : {"float32", "float16"}
        In which type weights travel, for the ledgers.

    Attributes
    ----------
    blocked : str
        Why trials cannot go on for want of nodes; empty where all can.
    """

    deadline: float
    journal: Journal
    label: str
    excess: Excess = lambda node, spec: ""  # noqa: ARG005
    held: Callable[[str, Action], float] = lambda node, action: math.inf  # noqa: ARG005
    precision: Precision = "float32"
    blocked: str = field(default="", init=False)
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
    def settle(self) -> None:
        """Close every phase that nobody owes a result to, and decide what follows."""

    # ------------------------------------------------------------ what the strategy asks

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
    def next_deadline(self) -> float | None:
        """When the next node is late; None where nobody owes anything."""
        owed = (deadline for a in self._active.values() if a.phase for deadline in a.phase.sent.values())
        return min(owed, default=None)

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

    def leave_out(self, node: str, jobs: Sequence[Job], reason: str, *, undecided: bool = False) -> None:
        """Go on without what `node` was asked to do in `jobs`; `undecided` where it said nothing to them."""
        for job in jobs:
            active = self._active.get(self._number(job.trial))
            if active and self._matches(active, node, job.action, job.round):
                self._absent(active, node, reason, undecided=undecided)

    def unsent(self, node: str, jobs: Sequence[Job], reason: str) -> None:
        """Go on without what `node` was to be asked and never was."""
        for job in jobs:
            active = self._active.get(self._number(job.trial))
            if active is not None:
                active.trial.ledger.bytes_down -= wire_bytes(job.weights, self.precision)
        self.leave_out(node, jobs, reason, undecided=True)

    def expire(self, now: float) -> None:
        """Go on without the nodes that let their deadline pass, and no others."""
        for active in self._active.values():
            for node in active.phase.late(now) if active.phase else ():
                self._absent(active, node, f"no answer within {self.deadline:g} s", undecided=True)

    # ------------------------------------------------------------ who owes what

    def _leave_out_absent(self, free: Collection[str]) -> None:
        """Go on without the nodes that left or got stuck before their job was sent, or that now have limits."""
        for active in self._active.values():
            phase = active.phase
            if phase is None:
                continue
            for node in sorted(phase.waiting.difference(free)):
                self._absent(active, node, "not there, or busy with other messages", undecided=True)
            for node in sorted(phase.waiting):
                if reason := self.excess(node, active.trial.spec):
                    self._absent(active, node, reason, undecided=True)

    def _job(self, active: Active, node: str, deadline: float) -> Job:
        trial, phase = active.trial, active.phase
        assert phase is not None
        phase.hand_out(node, deadline)
        trial.ledger.bytes_down += wire_bytes(active.weights, self.precision)
        return Job(self._name(trial.number), phase.action, phase.round, trial.spec, active.weights)

    def _owed(self, node: str, result: Result) -> Active:
        active = self._active.get(self._number(result.trial))
        if active is None or not self._matches(active, node, result.action, result.round):
            raise ProtocolError(
                "A result must answer a job that its node still owes",
                f"{result.action} of {result.trial!r}, round {result.round}",
            )
        return active

    @staticmethod
    def _matches(active: Active, node: str, action: str, round: int) -> bool:
        phase = active.phase
        return phase is not None and node in phase.sent and (phase.action, phase.round) == (action, round)

    def _absent(self, active: Active, node: str, reason: str, *, undecided: bool = False) -> None:
        assert active.phase is not None
        active.phase.leave_out(node, reason, undecided=undecided)
        self.journal.write(
            "absent", node=node, trial=self._name(active.trial.number), round=active.phase.round, reason=reason
        )

    def _name(self, number: int) -> str:
        return f"{self.label}-{number:04d}"

    def _number(self, name: str) -> int:
        prefix, _, digits = name.rpartition("-")
        return int(digits) if prefix == self.label and digits.isdecimal() and len(digits) <= _DIGITS else -1
