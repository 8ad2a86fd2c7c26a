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
from collections.abc import Callable, Iterable, Iterator, Sequence
from logging import INFO
from typing import TypeGuard

from flwr.app import ArrayRecord, ConfigRecord, Message, MessageType, MetricRecord
from flwr.common.logger import log
from flwr.serverapp import Grid
from flwr.serverapp.strategy import Result, Strategy

from common.architecture.task import TaskShape
from common.digest import code_digest
from common.errors import ConfigError, FederationError, SearchError
from common.jobs import Weights
from common.limits import tightest
from common.settings import DatasetSettings, TrainingSettings
from common.wire.packing import num_bytes, pack
from server_app.exchange import Exchange
from server_app.federation import Federation
from server_app.handshake import Handshake
from server_app.journal import Journal
from server_app.orders import Orders
from server_app.outcome import Counts, Outcome
from server_app.post import Letter, Post
from server_app.roster import Roster
from server_app.stages.search import Search
from server_app.trials import Trial, TrialState

SearchMaker = Callable[[TaskShape, Roster], Search]
FinalMaker = Callable[[TaskShape, Trial, Roster], Search]

_LOOK = 1.0
"""Seconds between two looks for nodes that join while results are waited for."""
_MOMENT = 0.1
"""Seconds in which further replies count as of the same moment."""


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
        self._federation = federation
        self._journal = journal
        self._stop = stop
        self._roster = roster = Roster()
        self._post = post = Post()
        self._counts = counts = Counts()
        digest = code_digest()
        self._handshake = Handshake(
            roster,
            post,
            journal,
            digest=digest,
            dataset=dataset,
            seed=seed,
            patience=federation.patience,
            ttl=federation.ttl,
        )
        self._orders = Orders(
            roster,
            post,
            journal,
            counts,
            digest=digest,
            seed=seed,
            dataset=dataset,
            training=training,
            federation=federation,
        )
        self._search: Search | None = None
        self._free: set[str] = set()
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
        self._free = {name for name in names if self._letter(name) is None}
        jobs_of = search.dispatch(self._free & self._roster.reports.keys(), time.monotonic())
        return [*self._orders.write(server_round, jobs_of), *questions]

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
            exchange, nodes=federation.nodes, min_nodes=federation.min_nodes, wanted=federation.wanted
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
        self._begin(exchange, search)
        arrays, config = ArrayRecord(), ConfigRecord()
        while not search.done:
            self._await_nodes(exchange)
            number = self._counts.exchanges + 1
            messages = list(self.configure_train(number, arrays, config, grid))
            self._send(exchange, messages)
            under_way = not search.idle or self._next_deadline(search) is not None
            if not under_way and search.waiting:
                exchange.pause()  # for who is going to be asked what it has
            elif not under_way and search.blocked:
                self._await_change(exchange, search)
            self._counts.exchanges += any(message.metadata.message_type != MessageType.QUERY for message in messages)
            looked, retries = time.monotonic(), search.retries
            self.aggregate_train(number, self._arriving(exchange, search))
            while search.retries > retries and time.monotonic() < looked + _LOOK:
                exchange.pause()  # what was lost at once would be lost again at once
        return time.monotonic() - began

    def _arriving(self, exchange: Exchange, search: Search) -> Iterator[Message]:
        """Yield replies as they come: all that are owed (a barrier), or those of the first moment."""
        exchange.heed()  # nodes that answer at once leave no pause to hear it in
        barrier = self._federation.order == "rounds"
        while (deadline := self._next_deadline(search)) is not None:
            replies = exchange.receive(deadline if barrier else min(deadline, time.monotonic() + _LOOK))
            yield from replies
            search.expire(time.monotonic())
            if not barrier:
                yield from self._crowd(exchange)
                return

    @staticmethod
    def _crowd(exchange: Exchange) -> Iterator[Message]:
        """Yield what else is there: what follows is work for each node, so it is not done for each reply of many."""
        until = time.monotonic() + _MOMENT
        while time.monotonic() < until and (replies := exchange.receive(time.monotonic())):
            yield from replies

    def _next_deadline(self, search: Search) -> float | None:
        """Return when the next node is late that owes a result, or the answer to what it has for its next job."""
        questions = [letter for name in search.waiting if _is_question(letter := self._letter(name))]
        deadlines = [letter.until for letter in questions if letter.until > time.monotonic()]
        owed = search.next_deadline
        return min([*deadlines, *([] if owed is None else [owed])], default=None)

    # ------------------------------------------------------------ waiting where nothing is under way

    def _begin(self, exchange: Exchange, search: Search) -> None:
        """Begin a stage once the nodes are there that its choices need, and more than half of all that are known.

        After a while those that are there have to do.
        """
        lacking: list[ConfigError] = []

        def enough(names: Sequence[str]) -> bool:
            admitted = [name for name in names if name in self._roster.reports]
            lacking.clear()
            try:
                search.begin(names, admitted)
            except ConfigError as error:
                lacking.append(error)
            return not lacking and 2 * len(admitted) > len(self._roster.reports)

        self._await_nodes(exchange)
        if not self._look_for_nodes(exchange, enough) and lacking:
            raise lacking[0]

    def _await_change(self, exchange: Exchange, search: Search) -> None:
        """Wait for a node that joins, comes back, or gets free since nodes were last chosen."""
        before = self._free
        if not self._look_for_nodes(exchange, lambda names: {n for n in names if self._letter(n) is None} != before):
            raise FederationError(
                f"For {self._federation.patience:g} s too few nodes were free ({search.blocked.rstrip('.')})",
                fix="Start nodes again, raise federation.deadline, or lower scoring.min_nodes",
            )

    def _await_nodes(self, exchange: Exchange) -> None:
        """Wait where too few nodes are left, or all of them are busy with what came too late."""
        least, patience = self._federation.min_nodes, self._federation.patience

        def enough(names: Sequence[str]) -> bool:
            return len(names) >= least and not (names and self._late(names) == set(names))

        if not self._look_for_nodes(exchange, enough):
            number = len(self._roster.names(exchange.node_ids()))
            late = ", all of them busy with a message past its deadline" if number >= least else ""
            raise FederationError(
                f"The search needs {least} nodes, but for {patience:g} s only {number} were there{late}",
                fix="Start nodes again, lower federation.min_nodes, or raise federation.deadline",
            )

    def _look_for_nodes(self, exchange: Exchange, enough: Callable[[Sequence[str]], bool]) -> bool:
        """Take what comes, and ask whoever joins, until there are `enough`; return False once patience ends.

        Patience begins when the nodes that are there, and busy with what nobody waits for, are free again: a node that
        was started again under its id never answers, and its message lives for a while.
        """
        names = self._roster.names(exchange.node_ids())
        expiries = [letter.expiry for name in names if (letter := self._letter(name)) is not None]
        began = max([time.monotonic(), *(expiries if len(names) >= self._federation.min_nodes else [])])
        while not enough(names):
            if time.monotonic() > began + self._federation.patience:
                return False
            self._send(exchange, self._handshake.questions(exchange.node_ids()))
            for reply in exchange.receive(time.monotonic()):
                self._fold(reply)
            exchange.pause()
            names = self._roster.names(exchange.node_ids())
        return True

    def _letter(self, name: str) -> Letter | None:
        """Return what a node has not answered yet."""
        return self._post.to(self._roster.id_of(name)) if self._roster.knows(name) else None

    def _late(self, names: Iterable[str]) -> set[str]:
        """Return those that are busy with what nobody waits for any more."""
        owing, now = self._searching().owing, time.monotonic()
        busy = {name: letter for name in names if (letter := self._letter(name)) is not None and name not in owing}
        late = {name for name, letter in busy.items() if not _is_question(letter) or letter.until < now}
        unknown = (name for name in names if name not in self._roster.reports and name not in busy)
        return late | {name for name in unknown if self._handshake.overdue(name)}

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

    def _fold(self, reply: Message) -> None:
        """Take one reply, whatever it answers."""
        reply_to = reply.metadata.reply_to_message_id
        letter = self._post.answered(reply_to)
        if letter is None:
            self._journal.write("refused", reason=f"A reply must answer a message of ours, got {reply_to!r}.")
        elif letter.kind == "order":
            self._orders.take(letter, reply, self._searching())
        else:
            self._handshake.take(letter, reply)

    def _searching(self) -> Search:
        if self._search is None:
            raise SearchError("The hooks belong to a search that was started", fix="Call strategy.start(grid=grid)")
        return self._search


def _is_question(letter: Letter | None) -> TypeGuard[Letter]:
    return letter is not None and letter.kind == "question"


def _result(weights: Weights | None) -> Result:
    return Result(arrays=ArrayRecord() if weights is None else ArrayRecord({"weights": pack(weights)}))
