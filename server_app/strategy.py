"""FedNASStrategy: a Flower strategy that searches an architecture.

    handshake -> search (rounds of exchanges) -> final training of winner and baseline -> test

Flower's hooks carry the search: `configure_train` hands out what is to be done next, one message
per node with many jobs, and `aggregate_train` takes the replies and decides. Scoring shares these
messages, so the evaluate hooks have nothing to do. `start` differs from Flower's in how it waits:
replies are folded in as they come, nobody is waited for beyond a deadline, and the search ends when
its controller does.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from logging import INFO
from typing import Literal

from flwr.app import Array, ArrayRecord, ConfigRecord, Message, MessageType, MetricRecord
from flwr.common.logger import log
from flwr.serverapp import Grid
from flwr.serverapp.strategy import Result, Strategy

from common.architecture.task import TaskShape
from common.digest import code_digest
from common.errors import FederationError, ProtocolError, SearchError
from common.jobs import Job, Order
from common.limits import Limits, tightest
from common.messages import check_header, decode_limits, decode_results, encode_order, refusal
from common.packing import num_bytes, pack
from common.precision import Precision
from common.settings import DatasetSettings, TrainingSettings
from server_app.exchange import EXPIRED, Exchange
from server_app.handshake import Handshake
from server_app.journal import Journal
from server_app.outcome import Counts, Outcome
from server_app.roster import Roster
from server_app.search import Search
from server_app.trials import Trial

SearchMaker = Callable[[TaskShape, Roster], Search]
FinalMaker = Callable[[TaskShape, Trial, Roster], Search]

_MOST_DOUBLINGS = 10


@dataclass(frozen=True)
class Federation:
    """How the strategy deals with the nodes.

    Parameters
    ----------
    nodes : int, optional
        Nodes to wait for at the start; None for those that are there.
    min_nodes : int
        Fewer nodes end the search.
    order : {"rounds", "arrival"}
        A round is a barrier (deterministic unless a deadline passes), or a finished trial's place is
        filled at once.
    budget : float
        Seconds of compute that a message may take.
    deadline : float
        Seconds after which nobody waits for a node's reply.
    ttl : float
        Seconds that a message lives. Its node is busy so long, unless it answers: a node that was killed and started
        again never does. The next message to a node that let one expire lives twice as long, for it may be slow.
    patience : float
        Seconds to wait for nodes at the start, and again where all of them have gone.
    poll : float
        Seconds between two looks for replies.
    one_by_one : bool
        Pull replies in threads; for a grid over HTTP.
    precision : {"float32", "float16"}
        In which type weights travel.
    """

    nodes: int | None = None
    min_nodes: int = 1
    order: Literal["rounds", "arrival"] = "rounds"
    budget: float = 480.0
    deadline: float = 600.0
    ttl: float = 1200.0
    patience: float = 60.0
    poll: float = 0.01
    one_by_one: bool = False
    precision: Precision = "float32"


@dataclass(frozen=True)
class _Sent:
    """An order that its node has not answered."""

    message: Message
    name: str
    jobs: tuple[Job, ...]


class FedNASStrategy(Strategy):
    """Searches an architecture on the nodes of a grid.

    Parameters
    ----------
    make_search : callable
        Builds the search once the handshake has told the task and the nodes.
    make_final : callable, optional
        Builds the final training from the task, the winning trial and the nodes; None ends with the search.
    seed : int
        The run's seed.
    dataset, training : DatasetSettings, TrainingSettings
        What the nodes load and how they train.
    federation : Federation
        How to deal with the nodes.
    journal : Journal
        Where events go.
    stop : callable
        Returns why the search should stop, or None; asked while waiting.

    Attributes
    ----------
    outcome : Outcome, optional
        What was found; filled as the search goes, and kept where it ends early.
    """

    def __init__(
        self,
        make_search: SearchMaker,
        make_final: FinalMaker | None = None,
        *,
        seed: int,
        dataset: DatasetSettings,
        training: TrainingSettings,
        federation: Federation,
        journal: Journal,
        stop: Callable[[], str | None] = lambda: None,
    ) -> None:
        self._make_search = make_search
        self._make_final = make_final
        self._seed = seed
        self._dataset = dataset
        self._training = training
        self._federation = federation
        self._journal = journal
        self._stop = stop
        self._digest = code_digest()
        self._roster = Roster()
        self._counts = Counts()
        self._handshake = Handshake(
            self._roster, journal, digest=self._digest, dataset=dataset, seed=seed, ttl=federation.ttl
        )
        self._expired: Counter[str] = Counter()
        self._sent: dict[int, _Sent] = {}
        self._search: Search | None = None
        self.outcome: Outcome | None = None

    # ------------------------------------------------------------ Flower's hooks

    def configure_train(
        self, server_round: int, arrays: ArrayRecord, config: ConfigRecord, grid: Grid
    ) -> Iterable[Message]:
        """Start what can be started; return a message for each free node that has something to do."""
        search, there = self._searching(), list(grid.get_node_ids())
        names = self._roster.names(there)
        search.refill(names, time.monotonic(), self._late(names))
        if search.done:
            return []
        orders = search.dispatch(set(names) - self._busy(names))
        weights = {job.trial: job.weights for jobs in orders.values() for job in jobs}
        packed = {trial: pack(array, self._federation.precision) for trial, array in weights.items()}
        messages = [self._order(server_round, name, jobs, packed) for name, jobs in orders.items()]
        return messages + self._handshake.questions(there)

    def aggregate_train(
        self, server_round: int, replies: Iterable[Message]
    ) -> tuple[ArrayRecord | None, MetricRecord | None]:
        """Fold the replies into their trials as they come, then close what is complete.

        Returns no arrays: a search has no one global model.
        """
        search, count = self._searching(), 0
        for count, reply in enumerate(replies, start=1):  # noqa: B007
            self._fold(reply)
        search.expire(time.monotonic(), everything=self._federation.order == "rounds")
        search.settle()
        best = [trial.score for trial in search.ranking[:1] if trial.score is not None]
        return None, MetricRecord({"replies": count, "trials": len(search.trials), "best-score": best})

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
        log(INFO, "\t├──> Data set: %s, partition %s", self._dataset.name, self._dataset.partition)
        log(INFO, "\t├──> Order: %s", self._federation.order)
        log(INFO, "\t└──> Seed: %d", self._seed)

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
        """Search, train the winner and the baseline, test them.

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
            poll=federation.poll,
            deadline=federation.deadline,
            one_by_one=federation.one_by_one,
            stop=self._stop,
        )
        try:
            return self._run(grid, exchange)
        finally:
            self._counts.messages = exchange.messages
            exchange.close()

    def _run(self, grid: Grid, exchange: Exchange) -> Result:
        federation = self._federation
        began = time.monotonic()
        task = self._handshake.gather(
            exchange, nodes=federation.nodes, min_nodes=federation.min_nodes, patience=federation.patience
        )
        nodes = sorted(self._roster.reports)
        limits = tightest(report.limits for report in self._roster.reports.values())
        search = self._make_search(task, self._roster)
        self.outcome = outcome = Outcome(task, nodes, search, self._counts, classes=self._roster.classes, limits=limits)
        outcome.seconds["handshake"] = time.monotonic() - began
        trials = search.controller.max_trials
        self._journal.write(
            "search", nodes=nodes, trials=trials, classes=list(self._roster.classes), limits=limits.to_dict()
        )
        outcome.seconds["search"] = self._drive(search, grid, exchange)
        winner = search.winner
        if winner is None:
            reason = search.trials[0].failure.rstrip(".") if search.trials else "no trial was proposed"
            raise SearchError(f"The search found nothing, since every trial failed ({reason})", fix="See journal.jsonl")
        best = search
        if self._make_final is not None:
            outcome.final = best = self._make_final(task, winner, self._roster)
            self._journal.write("final", winner=winner.spec.id, trials=best.controller.max_trials)
            outcome.seconds["final"] = self._drive(best, grid, exchange)
        weights = best.trained.get(0 if outcome.final else winner.number)
        return Result(arrays=ArrayRecord() if weights is None else ArrayRecord({"weights": pack(weights)}))

    def _drive(self, search: Search, grid: Grid, exchange: Exchange) -> float:
        """Exchange messages until `search` is done; return the seconds that it took."""
        began = time.monotonic()
        self._search = search
        search.begin(sorted(self._roster.reports))
        arrays, config = ArrayRecord(), ConfigRecord()
        while True:
            self._await_nodes(exchange)
            number = self._counts.exchanges + 1
            messages = self.configure_train(number, arrays, config, grid)
            if search.done:
                return time.monotonic() - began
            self._send(exchange, messages)
            if search.blocked and not search.pending:
                self._await_change(exchange, search)
            self._counts.exchanges = number
            self.aggregate_train(number, self._arriving(exchange, search))

    def _arriving(self, exchange: Exchange, search: Search) -> Iterator[Message]:
        """Yield replies as they come: all that are owed (a barrier), or those of the first moment."""
        while (deadline := search.next_deadline) is not None:
            replies = exchange.receive(deadline)
            yield from replies
            if not replies or self._federation.order == "arrival":
                return

    def _await_change(self, exchange: Exchange, search: Search) -> None:
        """Wait for a late reply, or for a node that joins, where nothing else is under way."""
        replies = exchange.receive(time.monotonic() + self._federation.patience)
        for reply in replies:
            self._fold(reply)
        if not replies:
            raise FederationError(
                f"For {self._federation.patience:g} s too few nodes were free ({search.blocked.rstrip('.')})",
                fix="Start nodes again, raise federation.deadline, or lower scoring.min_nodes",
            )

    def _await_nodes(self, exchange: Exchange) -> None:
        """Wait where too few nodes are left, or all of them are busy with what came too late."""
        deadline = time.monotonic() + self._federation.patience
        least = self._federation.min_nodes
        while True:
            names = self._roster.names(exchange.node_ids())
            all_late = bool(names) and self._late(names) == set(names)
            if len(names) >= least and not all_late:
                return
            if time.monotonic() > deadline:
                late = ", all of them busy with a message past its deadline" if all_late else ""
                raise FederationError(
                    f"The search needs {least} nodes, but for {self._federation.patience:g} s "
                    f"only {len(names)} were there{late}",
                    fix="Start nodes again, lower federation.min_nodes, or raise federation.deadline",
                )
            self._send(exchange, self._handshake.questions(exchange.node_ids()))
            for reply in exchange.receive(time.monotonic()):
                self._fold(reply)
            exchange.pause()

    # ------------------------------------------------------------ messages

    def _busy(self, names: Iterable[str]) -> set[str]:
        """Return those that have not answered yet."""
        return {name for name in names if self._roster.id_of(name) in self._sent}

    def _late(self, names: Iterable[str]) -> set[str]:
        """Return those that are busy with what nobody waits for any more."""
        return {name for name in self._busy(names) if not self._searching().owes(name)}

    def _send(self, exchange: Exchange, messages: Iterable[Message]) -> None:
        """Send orders and questions, and go on without those that Flower does not accept."""
        for message in exchange.send(messages):
            node_id = message.metadata.dst_node_id
            self._handshake.forget(node_id)
            if node_id in self._sent:
                self._lose(node_id, "Flower did not accept the message")

    def _order(self, server_round: int, name: str, jobs: list[Job], packed: dict[str, Array]) -> Message:
        task = self._handshake.task
        assert task is not None
        order = Order(
            self._seed,
            self._federation.budget,
            task,
            self._dataset,
            self._training,
            tuple(jobs),
            self._roster.classes,
            self._federation.precision,
        )
        content = encode_order(self._digest, order, packed)
        self._counts.bytes_down += num_bytes(content)
        kind = MessageType.TRAIN if any(job.action == "train" for job in jobs) else MessageType.EVALUATE
        node_id = self._roster.id_of(name)
        ttl = self._federation.ttl * 2 ** min(self._expired[name], _MOST_DOUBLINGS)
        message = Message(content, node_id, kind, ttl=ttl, group_id=str(server_round))
        self._sent[node_id] = _Sent(message, name, tuple(jobs))
        return message

    def _fold(self, reply: Message) -> None:
        """Take one reply; what makes no sense costs the node its part in this round, and nothing else."""
        if self._handshake.answer(reply):
            return
        reply_to = reply.metadata.reply_to_message_id
        node_id = next((i for i, sent in self._sent.items() if sent.message.metadata.message_id == reply_to), None)
        if node_id is None:
            self._journal.write("refused", reason=f"A reply must answer a message of ours, got {reply_to!r}.")
            return
        sent = self._sent[node_id]
        try:
            if reply.has_error():
                self._expired[sent.name] += reply.error.code in EXPIRED
                raise ProtocolError(f"The node failed: {reply.error.reason}")
            if (reason := refusal(reply.content)) is not None:
                raise ProtocolError(f"The node refused: {reason}")
            check_header(reply.content, self._digest, sent.name)
            self._learn(sent.name, decode_limits(reply.content))
            self._counts.bytes_up += num_bytes(reply.content)
            results = decode_results(reply.content, self._federation.precision)
            if len(results) > len(sent.jobs):
                raise ProtocolError(f"A reply has {len(sent.jobs)} results at most, one for each job", len(results))
            for result in results:
                self._searching().take(sent.name, result)
        except ProtocolError as error:
            self._lose(node_id, str(error))
        else:
            self._lose(node_id, "the reply lacks a result")

    def _learn(self, name: str, limits: Limits) -> None:
        """Take note of a node's limits: it may have started again with others."""
        if self._roster.learn(name, limits):
            self._journal.write("limits", node=name, limits=limits.to_dict())

    def _lose(self, node_id: int, reason: str) -> None:
        """Forget a message; where its node still owes results of it, go on without them."""
        sent = self._sent.pop(node_id)
        self._searching().leave_out(sent.name, sent.jobs, reason)

    def _searching(self) -> Search:
        if self._search is None:
            raise SearchError("The hooks belong to a search that was started", fix="Call strategy.start(grid=grid)")
        return self._search
