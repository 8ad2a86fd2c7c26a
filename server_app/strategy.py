"""FedNASStrategy: a Flower strategy that searches an architecture.

    handshake -> search (rounds of exchanges) -> final training of winner and baseline -> test

Flower's hooks carry the search: `configure_train` hands out what is to be done next, one message
per node with many jobs, and `aggregate_train` takes the replies and decides. Scoring shares these
messages, so the evaluate hooks have nothing to do. `start` differs from Flower's in how it waits:
replies are folded in as they come, nobody is waited for beyond a deadline, and the search ends when
its controller does.
"""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from logging import INFO
from typing import Literal, TypeGuard

from flwr.app import ArrayRecord, ConfigRecord, Message, MessageType, MetricRecord, RecordDict
from flwr.common.logger import log
from flwr.serverapp import Grid
from flwr.serverapp.strategy import Result, Strategy

from common.architecture.task import TaskShape
from common.digest import code_digest
from common.errors import FederationError, ProtocolError, SearchError
from common.jobs import Job, Order, Weights
from common.limits import Limits, tightest
from common.messages import check_header, decode_limits, decode_results, encode_order, refusal
from common.packing import num_bytes, pack
from common.precision import Precision
from common.settings import DatasetSettings, TrainingSettings
from server_app.exchange import EXPIRED, NEVER_ANSWERED, Exchange
from server_app.handshake import Handshake
from server_app.journal import Journal
from server_app.outcome import Counts, Outcome
from server_app.post import Letter, Post
from server_app.roster import Roster
from server_app.stages.search import Search
from server_app.trials import Trial, TrialState

SearchMaker = Callable[[TaskShape, Roster], Search]
FinalMaker = Callable[[TaskShape, Trial, Roster], Search]

_MOST_DOUBLINGS = 2
_LOOK = 1.0
"""Seconds between two looks for nodes that join while results are waited for."""


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
        again never does. The next message to a node that let one expire lives twice as long, for it may be slow, and so
        once more; whoever answers is back at once.
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
        self._post = Post()
        self._counts = Counts()
        self._handshake = Handshake(
            self._roster, self._post, journal, digest=self._digest, dataset=dataset, seed=seed, ttl=federation.ttl
        )
        self._expired: Counter[str] = Counter()
        self._search: Search | None = None
        self.outcome: Outcome | None = None

    # ------------------------------------------------------------ Flower's hooks

    def configure_train(
        self, server_round: int, arrays: ArrayRecord, config: ConfigRecord, grid: Grid
    ) -> Iterable[Message]:
        """Start what can be started; return a message for each free node that has something to do."""
        search, there = self._searching(), list(grid.get_node_ids())
        names = self._roster.names(there)
        search.refill(names, self._late(names))
        if search.done:
            return []
        questions = [*self._handshake.questions(there), *self._handshake.ask(search.waiting)]
        free = {name for name in names if name in self._roster.reports and self._letter(name) is None}
        return [*self._orders(server_round, search.dispatch(free, time.monotonic())), *questions]

    def aggregate_train(
        self, server_round: int, replies: Iterable[Message]
    ) -> tuple[ArrayRecord | None, MetricRecord | None]:
        """Fold the replies into their trials as they come, then close what is complete.

        Returns no arrays: a search has no one global model.
        """
        search, count = self._searching(), 0
        for count, reply in enumerate(replies, start=1):  # noqa: B007
            self._fold(reply)
        # whoever waits for replies himself, as Flower's own loop does, ends the round with them
        search.expire(math.inf if self._federation.order == "rounds" else time.monotonic())
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
            self._post,
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
        if self._make_final is None:
            return _result(search.trained.get(winner.number))
        outcome.final = final = self._make_final(task, winner, self._roster)
        self._journal.write("final", winner=winner.spec.id, trials=final.controller.max_trials)
        outcome.seconds["final"] = self._drive(final, grid, exchange)
        if (failed := final.trials[0]).state is TrialState.FAILED:
            raise SearchError(
                f"The final training of the winner failed ({failed.failure.rstrip('.')})",
                fix="See journal.jsonl",
            )
        return _result(final.trained.get(0))

    def _drive(self, search: Search, grid: Grid, exchange: Exchange) -> float:
        """Exchange messages until `search` is done; return the seconds that it took."""
        began = time.monotonic()
        self._search = search
        search.begin(sorted(self._roster.reports))
        arrays, config = ArrayRecord(), ConfigRecord()
        while True:
            self._await_nodes(exchange)
            number = self._counts.exchanges + 1
            messages = list(self.configure_train(number, arrays, config, grid))
            if search.done:
                return time.monotonic() - began
            self._send(exchange, messages)
            if search.idle and self._next_deadline(search) is None:
                self._await_change(exchange, search)
                continue
            self._counts.exchanges += any(message.metadata.message_type != MessageType.QUERY for message in messages)
            self.aggregate_train(number, self._arriving(exchange, search))

    def _arriving(self, exchange: Exchange, search: Search) -> Iterator[Message]:
        """Yield replies as they come: all that are owed (a barrier), or those of the first moment."""
        exchange.heed()  # nodes that answer at once leave no pause to hear it in
        barrier = self._federation.order == "rounds"
        while (deadline := self._next_deadline(search)) is not None:
            replies = exchange.receive(deadline if barrier else min(deadline, time.monotonic() + _LOOK))
            yield from replies
            search.expire(time.monotonic())
            if not barrier:
                return

    def _next_deadline(self, search: Search) -> float | None:
        """Return when the next node is late that owes a result, or the answer to what it has for its next job."""
        questions = [self._letter(name) for name in search.waiting]
        deadlines = [letter.since + self._federation.patience for letter in questions if _is_question(letter)]
        deadlines = [deadline for deadline in deadlines if deadline > time.monotonic()]
        owed = search.next_deadline
        return min([*deadlines, *([] if owed is None else [owed])], default=None)

    # ------------------------------------------------------------ waiting where nothing is under way

    def _await_change(self, exchange: Exchange, search: Search) -> None:
        """Wait for a node that joins, comes back, or gets free, where nothing else is under way."""
        before = self._free(exchange)
        why = search.blocked.rstrip(".") or "nobody has anything to do"
        self._look_for_nodes(
            exchange,
            lambda: self._free(exchange) != before,
            lambda: FederationError(
                f"For {self._federation.patience:g} s too few nodes were free ({why})",
                fix="Start nodes again, raise federation.deadline, or lower scoring.min_nodes",
            ),
        )

    def _await_nodes(self, exchange: Exchange) -> None:
        """Wait where too few nodes are left, or all of them are busy with what came too late."""
        least, patience = self._federation.min_nodes, self._federation.patience

        def enough() -> bool:
            names = self._roster.names(exchange.node_ids())
            return len(names) >= least and not (names and self._late(names) == set(names))

        def too_few() -> FederationError:
            names = self._roster.names(exchange.node_ids())
            late = ", all of them busy with a message past its deadline" if len(names) >= least else ""
            return FederationError(
                f"The search needs {least} nodes, but for {patience:g} s only {len(names)} were there{late}",
                fix="Start nodes again, lower federation.min_nodes, or raise federation.deadline",
            )

        self._look_for_nodes(exchange, enough, too_few)

    def _look_for_nodes(
        self, exchange: Exchange, enough: Callable[[], bool], error: Callable[[], FederationError]
    ) -> None:
        """Take what comes, and ask whoever joins, until there is `enough`; raise `error` once patience ends."""
        deadline = time.monotonic() + self._federation.patience
        while not enough():
            if time.monotonic() > deadline:
                raise error()
            self._send(exchange, self._handshake.questions(exchange.node_ids()))
            for reply in exchange.receive(time.monotonic()):
                self._fold(reply)
            exchange.pause()

    def _free(self, exchange: Exchange) -> set[str]:
        """Return the nodes that are there and not busy."""
        return {name for name in self._roster.names(exchange.node_ids()) if self._letter(name) is None}

    def _letter(self, name: str) -> Letter | None:
        """Return what a node has not answered yet."""
        return self._post.to(self._roster.id_of(name)) if self._roster.knows(name) else None

    def _late(self, names: Iterable[str]) -> set[str]:
        """Return those that are busy with what nobody waits for any more."""
        owing, patient_since = self._searching().owing, time.monotonic() - self._federation.patience
        busy = {name: letter for name in names if (letter := self._letter(name)) is not None and name not in owing}
        return {name for name, letter in busy.items() if not _is_question(letter) or letter.since < patient_since}

    # ------------------------------------------------------------ messages

    def _send(self, exchange: Exchange, messages: Iterable[Message]) -> None:
        """Send orders and questions, and go on without those that Flower does not accept."""
        messages = list(messages)
        refused = exchange.send(messages)
        for letter in refused:
            self._searching().unsent(letter.name, letter.jobs, "Flower did not accept the message")
        unsent = {letter.node_id for letter in refused}
        sent = (message.content for message in messages if message.metadata.dst_node_id not in unsent)
        self._counts.bytes_down += sum(num_bytes(content) for content in sent)

    def _orders(self, server_round: int, jobs_of: Mapping[str, Sequence[Job]]) -> list[Message]:
        """Return one message for each node; nodes that do the same jobs share its content."""
        federation, task = self._federation, self._roster.task
        assert task is not None
        weights = {job.trial: job.weights for jobs in jobs_of.values() for job in jobs}
        packed = {trial: pack(array, federation.precision) for trial, array in weights.items()}
        contents: dict[tuple[str, ...], RecordDict] = {}
        messages = []
        for name, jobs in jobs_of.items():
            trials = tuple(job.trial for job in jobs)
            if trials not in contents:
                order = Order(
                    self._seed,
                    federation.budget,
                    task,
                    self._dataset,
                    self._training,
                    tuple(jobs),
                    self._roster.classes,
                    federation.precision,
                )
                contents[trials] = encode_order(self._digest, order, packed)
            kind = MessageType.TRAIN if any(job.action == "train" for job in jobs) else MessageType.EVALUATE
            ttl = federation.ttl * 2 ** min(self._expired[name], _MOST_DOUBLINGS)
            message = Message(contents[trials], self._roster.id_of(name), kind, ttl=ttl, group_id=str(server_round))
            messages.append(self._post.write(Letter(message, "order", name, tuple(jobs))))
        return messages

    def _fold(self, reply: Message) -> None:
        """Take one reply; what makes no sense costs the node its part in this round, and nothing else."""
        reply_to = reply.metadata.reply_to_message_id
        letter = self._post.answered(reply_to)
        if letter is None:
            self._journal.write("refused", reason=f"A reply must answer a message of ours, got {reply_to!r}.")
        elif letter.kind != "order":
            self._handshake.take(letter, reply)
        elif reply.has_error() and reply.error.code in NEVER_ANSWERED:
            self._expired[letter.name] += reply.error.code in EXPIRED
            self._lose(letter, f"The node failed: {reply.error.reason}", silent=True)
        else:
            self._expired.pop(letter.name, None)  # it is there, and in time
            try:
                self._take(letter, reply)
            except ProtocolError as error:
                self._lose(letter, str(error))
            else:
                self._lose(letter, "the reply lacks a result")

    def _take(self, letter: Letter, reply: Message) -> None:
        if reply.has_error():
            raise ProtocolError(f"The node failed: {reply.error.reason}")
        if (reason := refusal(reply.content)) is not None:
            raise ProtocolError(f"The node refused: {reason}")
        check_header(reply.content, self._digest, letter.name)
        self._learn(letter.name, decode_limits(reply.content))
        self._counts.bytes_up += num_bytes(reply.content)
        results = decode_results(reply.content, self._federation.precision)
        if len(results) > len(letter.jobs):
            raise ProtocolError(f"A reply has {len(letter.jobs)} results at most, one for each job", len(results))
        for result in results:
            self._searching().take(letter.name, result)

    def _learn(self, name: str, limits: Limits) -> None:
        """Take note of a node's limits: it may have started again with others."""
        if self._roster.learn(name, limits):
            self._journal.write("limits", node=name, limits=limits.to_dict())

    def _lose(self, letter: Letter, reason: str, *, silent: bool = False) -> None:
        """Where a node still owes results of a letter, go on without them."""
        self._searching().leave_out(letter.name, letter.jobs, reason, silent=silent)

    def _searching(self) -> Search:
        if self._search is None:
            raise SearchError("The hooks belong to a search that was started", fix="Call strategy.start(grid=grid)")
        return self._search


def _is_question(letter: Letter | None) -> TypeGuard[Letter]:
    return letter is not None and letter.kind == "question"


def _result(weights: Weights | None) -> Result:
    return Result(arrays=ArrayRecord() if weights is None else ArrayRecord({"weights": pack(weights)}))
