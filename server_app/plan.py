"""Plan: a Flower strategy that runs stages, one after the other, which share the exchange with the nodes.

Flower's hooks carry them: `configure_train` hands out what is to be done next, one message per node with many jobs, and
`aggregate_train` takes the replies and decides. Scoring shares these messages, so the evaluate hooks have nothing to
do. `start` differs from Flower's in how it waits: replies are folded in as they come, nobody is waited for beyond a
deadline, and a stage ends when it says so.
"""

from __future__ import annotations

import math
import time
from abc import abstractmethod
from collections.abc import Callable, Iterable
from logging import INFO

from flwr.app import ArrayRecord, ConfigRecord, Message, MessageType, MetricRecord
from flwr.common.logger import log
from flwr.serverapp import Grid
from flwr.serverapp.strategy import Result, Strategy

from common.limits import Limits
from server_app.balance import agree_on_metric
from server_app.class_weights import agree_on_weights
from server_app.desk import Desk
from server_app.exchange import Exchange
from server_app.federation import Facts
from server_app.journal import Journal
from server_app.outcome import Counts
from server_app.roster import Roster
from server_app.scaling import agree_on_scaling
from server_app.stages.base import Stage
from server_app.waits import LOOK, Waits


class Plan(Strategy):
    """Base of what runs on the nodes of a grid; a subclass says which stages there are.

    Parameters
    ----------
    facts : Facts
        What all messages of the run have in common.
    journal : Journal
        Where events go.
    counts : Counts
        Where messages and bytes are counted.
    stop : callable
        Returns why the run should stop, or None; asked while waiting.
    """

    def __init__(
        self, facts: Facts, journal: Journal, counts: Counts, stop: Callable[[], str | None] = lambda: None
    ) -> None:
        self._facts = facts
        self._federation = facts.federation
        self._journal = journal
        self._counts = counts
        self._stop = stop
        self._desk = Desk(journal, counts, facts)
        self._free: set[str] = set()
        self._unasked: set[str] = set()

    # ------------------------------------------------------------ what a subclass provides

    @abstractmethod
    def _run(self, grid: Grid, exchange: Exchange) -> Result:
        """Meet the nodes, and drive the stages."""

    def _enter(self, stage: Stage, waits: Waits) -> None:
        """Begin a stage, once the nodes are there that it needs."""
        waits.for_stage()

    def _decided(self) -> None:
        """Take note that something was decided."""

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
        """Fold the replies into their trials as they come, then close what is complete.

        A barrier is not passed before a job of the round was sent that had to wait for what its node has. Returns no
        arrays: there is no one global model.
        """
        stage, count = self._desk.stage, 0
        for count, reply in enumerate(replies, start=1):  # noqa: B007
            self._desk.fold(reply)
        # whoever waits for replies himself, as Flower's own loop does, ends the round with them
        stage.expire(math.inf if self._federation.order == "rounds" else time.monotonic())
        if not self._held_up and stage.settle():
            self._decided()
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
        """Run all stages.

        Parameters
        ----------
        grid : Grid
            The nodes. The other parameters of Flower's `start` have no meaning here: weights, rounds
            and deadlines belong to the trials.

        Returns
        -------
        Result
            Flower's.
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

    def _meet(self, exchange: Exchange) -> dict[str, Limits]:
        """Meet the nodes, and agree on the task, which the roster has then; return the limits of each node, by name."""
        roster, federation = self._desk.roster, self._federation
        least, wanted = federation.min_nodes, federation.wanted
        self._desk.handshake.gather(exchange, nodes=federation.nodes, min_nodes=least, wanted=wanted)
        self._agree(roster)
        return {name: roster.reports[name].limits for name in sorted(roster.reports)}

    def _agree(self, roster: Roster) -> None:
        """Let the nodes that were met agree on what they have not said by then."""
        agree_on_metric(roster, self._facts, self._journal)
        agree_on_weights(roster, self._facts, self._journal)
        agree_on_scaling(roster, self._facts.preprocessing, self._journal)

    @property
    def _held_up(self) -> bool:
        """Whether a round is not over since nodes did not get their jobs: they had to say first what they have."""
        return self._federation.order == "rounds" and not self._unasked.isdisjoint(self._desk.stage.waiting)

    def _drive(self, stage: Stage, grid: Grid, exchange: Exchange, seconds: dict[str, float]) -> None:
        """Exchange messages until `stage` is done; `seconds` has the time of each stage, by its name."""
        name = stage.name
        began = time.monotonic() - seconds.get(name, 0.0)
        self._desk.stage = stage
        waits = Waits(self._desk, exchange, self._federation)
        self._enter(stage, waits)
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
