"""FedNASStrategy: a Flower strategy that searches an architecture.

    handshake -> search (rounds of exchanges) -> finalists -> final training of the winner and others -> test

Flower's hooks carry the search: `configure_train` hands out what is to be done next, one message
per node with many jobs, and `aggregate_train` takes the replies and decides. Scoring shares these
messages, so the evaluate hooks have nothing to do. `start` differs from Flower's in how it waits:
replies are folded in as they come, nobody is waited for beyond a deadline, and the search ends when
its controller does.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Mapping
from logging import INFO
from typing import Any

from flwr.app import ArrayRecord, ConfigRecord, Message, MessageType, MetricRecord
from flwr.common.logger import log
from flwr.serverapp import Grid
from flwr.serverapp.strategy import Result, Strategy

from common.jobs import Weights
from common.limits import Limits
from common.tasks import Task
from common.wire.arrays import pack
from server_app.balance import agree_on_metric
from server_app.closing import Closing
from server_app.desk import Desk
from server_app.exchange import Exchange
from server_app.federation import Facts
from server_app.journal import Journal
from server_app.outcome import Counts, Outcome
from server_app.roster import Roster
from server_app.scaling import agree_on_scaling
from server_app.stages.base import Stage
from server_app.stages.search import Search
from server_app.waits import LOOK, Waits

State = Mapping[str, Any]
SearchMaker = Callable[[Task, Mapping[str, Limits], Roster], Search]


class FedNASStrategy(Strategy):
    """Searches an architecture on the nodes of a grid.

    Parameters
    ----------
    make_search : callable
        Builds the search once the handshake has told the task and the nodes with their limits.
    closing : Closing, optional
        What follows the search; None ends with it.
    facts : Facts
        What all messages of the run have in common.
    journal : Journal
        Where events go.
    stop : callable
        Returns why the search should stop, or None; asked while waiting.
    save : callable
        Takes what returns the state of the run, each time that something was decided, and may ask for it then.
    state : mapping, optional
        What `save` took last in a run that was interrupted, and that goes on from there.
    start_up : float
        Seconds that passed before, since the command was called.

    Attributes
    ----------
    outcome : Outcome, optional
        What was found; filled as the search goes, and kept where it ends early.
    """

    def __init__(
        self,
        make_search: SearchMaker,
        closing: Closing | None = None,
        *,
        facts: Facts,
        journal: Journal,
        stop: Callable[[], str | None] = lambda: None,
        save: Callable[[Callable[[], dict[str, Any]]], None] = lambda _: None,
        state: State | None = None,
        start_up: float = 0.0,
    ) -> None:
        self._make_search = make_search
        self._closing = closing
        self._facts = facts
        self._federation = facts.federation
        self._journal = journal
        self._stop = stop
        self._save = save
        self._state = state
        self._start_up = start_up
        self._counts = Counts() if state is None else Counts(**state["counts"])
        self._desk = Desk(journal, self._counts, facts)
        self._free: set[str] = set()
        self._unasked: set[str] = set()
        self.outcome: Outcome | None = None

    # ------------------------------------------------------------ Flower's hooks

    def configure_train(
        self, server_round: int, arrays: ArrayRecord, config: ConfigRecord, grid: Grid
    ) -> Iterable[Message]:
        """Start what can be started; return a message for each free node that has something to do."""
        stage, there = self._desk.stage, list(grid.get_node_ids())
        names = self._desk.roster.names(there)
        stage.refill(names, self._desk.late(names))
        if stage.done:
            return []
        handshake = self._desk.handshake
        questions = [*handshake.questions(there), *handshake.ask(stage.waiting)]
        self._free = self._desk.free(names)
        jobs_of = stage.dispatch(self._free & self._desk.roster.reports.keys(), time.monotonic())
        self._unasked = stage.waiting
        return [*self._desk.orders.write(server_round, jobs_of), *questions]

    def aggregate_train(
        self, server_round: int, replies: Iterable[Message]
    ) -> tuple[ArrayRecord | None, MetricRecord | None]:
        """Fold the replies into their trials as they come, then close what is complete, and save the run.

        A barrier is not passed before a job of the round was sent that had to wait for what its node has. Returns no
        arrays: a search has no one global model.
        """
        stage, count = self._desk.stage, 0
        for count, reply in enumerate(replies, start=1):  # noqa: B007
            self._desk.fold(reply)
        # whoever waits for replies himself, as Flower's own loop does, ends the round with them
        stage.expire(math.inf if self._federation.order == "rounds" else time.monotonic())
        if not self._held_up and stage.settle() and self.outcome is not None:
            self._save(self._state_dict)
        return None, MetricRecord({"replies": count, **stage.figures()})

    def configure_evaluate(
        self, server_round: int, arrays: ArrayRecord, config: ConfigRecord, grid: Grid
    ) -> Iterable[Message]:
        """Return nothing: scoring shares the messages of training."""
        return []

    def aggregate_evaluate(self, server_round: int, replies: Iterable[Message]) -> MetricRecord | None:
        """Return nothing: scoring shares the messages of training."""
        return None

    def summary(self) -> None:
        """Log what is going to happen."""
        log(INFO, "\t├──> Data set: %s, partition %s", self._facts.dataset.name, self._facts.dataset.partition)
        log(INFO, "\t├──> Order: %s", self._federation.order)
        log(INFO, "\t└──> Seed: %d", self._facts.seed)

    # ------------------------------------------------------------ the run

    def start(
        self,
        grid: Grid,
        initial_arrays: ArrayRecord | None = None,
        num_rounds: int = 0,
        timeout: float = 3600,
        train_config: ConfigRecord | None = None,
        evaluate_config: ConfigRecord | None = None,
        evaluate_fn: Callable[[int, ArrayRecord], MetricRecord | None] | None = None,
    ) -> Result:
        """Search, choose among the finalists, train the winner and what it is compared with, test them.

        Parameters
        ----------
        grid : Grid
            The nodes. The other parameters of Flower's `start` have no meaning here: weights, rounds
            and deadlines belong to the trials.

        Returns
        -------
        Result
            Flower's result, holding the packed weights of the architecture found; all else is in `outcome`.
        """
        self.summary()
        federation = self._federation
        exchange = Exchange(
            grid,
            self._desk.post,
            self._counts,
            poll=federation.poll,
            deadline=federation.deadline,
            one_by_one=federation.one_by_one,
            stop=self._stop,
        )
        try:
            return self._run(grid, exchange)
        finally:
            exchange.close()

    def _run(self, grid: Grid, exchange: Exchange) -> Result:
        outcome = self.outcome = self._begin(exchange)
        outcome.seconds["start_up"] = outcome.seconds.get("start_up", 0.0) + self._start_up
        search = outcome.search
        self._drive(search, grid, exchange)
        winner = search.found()
        if self._closing is None:
            return _result(search.weights.weights(winner.number))
        for stage in self._closing.stages(outcome, self._desk.roster, self._journal):
            self._drive(stage, grid, exchange)
        assert outcome.final is not None
        shown = outcome.final.shown()
        return _result(None if shown is None else outcome.final.weights_of(shown.number))

    # ------------------------------------------------------------ how a run begins, or goes on

    def _begin(self, exchange: Exchange) -> Outcome:
        """Meet the nodes, agree on the task, and build what the run consists of, as far as that is known."""
        began, federation, state = time.monotonic(), self._federation, self._state
        handshake, roster = self._desk.handshake, self._desk.roster
        if state is not None:
            roster.task = Task.from_dict(state["task"])
            task = handshake.gather_again(exchange, state["met"], min_nodes=federation.min_nodes)
            return self._go_on(state, task, time.monotonic() - began)
        handshake.gather(exchange, nodes=federation.nodes, min_nodes=federation.min_nodes, wanted=federation.wanted)
        agree_on_metric(roster, self._facts, self._journal)
        task = agree_on_scaling(roster, self._facts.preprocessing, self._journal)
        nodes = {name: roster.reports[name].limits for name in sorted(roster.reports)}
        search = self._make_search(task, nodes, roster)
        outcome = Outcome(task, nodes, search, self._counts)
        outcome.seconds["handshake"] = time.monotonic() - began
        return outcome

    def _go_on(self, state: State, task: Task, seconds: float) -> Outcome:
        """Build what an interrupted run consisted of, and say which nodes are others now."""
        roster, nodes = self._desk.roster, {name: Limits.from_dict(row) for name, row in state["nodes"].items()}
        search = self._make_search(task, nodes, roster)
        search.load_state_dict(state["search"])
        outcome = Outcome(task, nodes, search, self._counts, seconds=dict(state["seconds"]))
        outcome.seconds["handshake"] = outcome.seconds.get("handshake", 0.0) + seconds
        if self._closing is not None:
            self._closing.restore(outcome, state, roster)
        met = state["met"]
        missing = sorted(name for name in {*nodes, *met["admitted"]} if not roster.knows(name))
        new = sorted(roster.reports.keys() - met["register"]["admitted"])
        self._journal.write("resumed", trials=len(search.trials), missing=missing, new=new)
        if (last := outcome.final or outcome.finalists) is not None:
            last.reopen()
        return outcome

    def _state_dict(self) -> dict[str, Any]:
        assert self.outcome is not None
        return {**self.outcome.state_dict(), "met": self._desk.handshake.state_dict()}

    # ------------------------------------------------------------ one stage

    def _begin_search(self, waits: Waits) -> None:
        """Begin the search and tell of what and of whom it is, also where it lacks nodes: more may come at a resume."""
        try:
            waits.for_stage()
        finally:
            assert self.outcome is not None
            rounds = self._closing and {"final_rounds": self._closing.rounds(self.outcome.task, self._desk.roster)}
            self._journal.write("search", **self.outcome.facts(), **(rounds or {}))

    @property
    def _held_up(self) -> bool:
        """Whether a round is not over since nodes did not get their jobs: they had to say first what they have."""
        return self._federation.order == "rounds" and not self._unasked.isdisjoint(self._desk.stage.waiting)

    def _drive(self, stage: Stage, grid: Grid, exchange: Exchange) -> None:
        """Exchange messages until `stage` is done."""
        assert self.outcome is not None
        seconds, name = self.outcome.seconds, stage.name
        began = time.monotonic() - seconds.get(name, 0.0)
        self._desk.stage = stage
        waits = Waits(self._desk, exchange, self._federation)
        if stage is self.outcome.search and self._state is None:
            self._begin_search(waits)
        elif not stage.done:
            waits.for_stage()
            if stage is not self.outcome.search:
                self._save(self._state_dict)  # its panel stays, whoever comes
        while not stage.done:
            waits.for_nodes()
            seconds[name] = time.monotonic() - began
            number = self._counts.exchanges + 1
            messages = list(self.configure_train(number, ArrayRecord(), ConfigRecord(), grid))
            self._desk.send(exchange, messages)
            under_way = not (stage.idle or self._held_up) or self._desk.next_deadline() is not None
            if not under_way and stage.waiting:
                exchange.pause()  # for who is going to be asked what it has
            elif not under_way and stage.blocked:
                waits.for_change(self._free)
            self._counts.exchanges += any(message.metadata.message_type != MessageType.QUERY for message in messages)
            looked, retries = time.monotonic(), stage.retries
            seconds[name] = looked - began
            self.aggregate_train(number, waits.for_replies(barrier=self._federation.order == "rounds"))
            while stage.retries > retries and time.monotonic() < looked + LOOK:
                exchange.pause()  # what was lost at once would be lost again at once
        seconds[name] = time.monotonic() - began


def _result(weights: Weights | None) -> Result:
    return Result(arrays=ArrayRecord() if weights is None else ArrayRecord({"weights": pack(weights)}))
