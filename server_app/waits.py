"""Waiting: for replies, and where nothing is under way for nodes that come back, get free, or that a stage needs."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence

from flwr.app import Message

from common.errors import ConfigError, FederationError
from server_app.desk import Desk
from server_app.exchange import Exchange
from server_app.federation import Federation
from server_app.reporting.words import counted

LOOK = 1.0
"""Seconds between two looks for nodes that join while results are waited for."""
_MOMENT = 0.1
"""Seconds in which further replies count as of the same moment."""

Enough = Callable[[Sequence[str]], object]
"""Tells from the names of the nodes that are there whether they will do."""


class Waits:
    """Waits for nodes, within the federation's patience.

    Parameters
    ----------
    desk, exchange : Desk, Exchange
        Who is there, and the way to them.
    federation : Federation
        How the nodes are dealt with.
    """

    def __init__(self, desk: Desk, exchange: Exchange, federation: Federation) -> None:
        self._desk = desk
        self._exchange = exchange
        self._federation = federation

    def for_stage(self) -> None:
        """Begin a stage once the nodes are there that its choices need, and more than half of all that are known.

        After a while those that are there have to do.
        """
        lacking: list[ConfigError] = []
        reports = self._desk.roster.reports

        def enough(names: Sequence[str]) -> bool:
            admitted = [name for name in names if name in reports]
            lacking.clear()
            try:
                self._desk.stage.begin(names, admitted)
            except ConfigError as error:
                lacking.append(error)
            return not lacking and 2 * len(admitted) > len(reports)

        self.for_nodes()
        if not self._look(enough) and lacking:
            raise lacking[0]

    def for_change(self, free: set[str]) -> None:
        """Wait for a node that joins, comes back, or gets free since those in `free` were."""
        if not self._look(lambda names: self._desk.free(names) != free):
            raise FederationError(
                f"For {self._federation.patience:g} s too few nodes were free ({self._desk.stage.blocked.rstrip('.')})",
                fix="Start nodes again, raise federation.deadline, or lower scoring.min_nodes",
            )

    def for_nodes(self) -> None:
        """Wait where too few nodes are left, or all of them are busy with what came too late."""
        least, patience = self._federation.min_nodes, self._federation.patience

        def enough(names: Sequence[str]) -> bool:
            return len(names) >= least and not (names and self._desk.late(names) == set(names))

        if not self._look(enough):
            number = len(self._desk.roster.names(self._exchange.node_ids()))
            late = ", all of them busy with a message past its deadline" if number >= least else ""
            raise FederationError(
                f"The search needs {counted(least, 'node')}, but for {patience:g} s only {number} were there{late}",
                fix="Start nodes again, lower federation.min_nodes, or raise federation.deadline",
            )

    def for_replies(self, *, barrier: bool) -> Iterator[Message]:
        """Yield replies as they come: all that are owed (a barrier), or those of the first moment."""
        self._exchange.heed()  # nodes that answer at once leave no pause to hear it in
        while (deadline := self._desk.next_deadline()) is not None:
            yield from self._exchange.receive(deadline if barrier else min(deadline, time.monotonic() + LOOK))
            self._desk.stage.expire(time.monotonic())
            if not barrier:
                yield from self._crowd()
                return

    def _crowd(self) -> Iterator[Message]:
        """Yield what else is there: what follows is work for each node, so it is not done for each reply of many."""
        until = time.monotonic() + _MOMENT
        while time.monotonic() < until and (replies := self._exchange.receive(time.monotonic())):
            yield from replies

    def _look(self, enough: Enough) -> bool:
        """Take what comes, and ask whoever joins, until there are `enough`; return False once patience ends.

        Patience begins when the nodes that are there, and busy with what nobody waits for, are free again: a node that
        was started again under its id never answers, and its message lives for a while.
        """
        names = self._names()
        expiries = [letter.expiry for name in names if (letter := self._desk.letter(name)) is not None]
        began = max([time.monotonic(), *(expiries if len(names) >= self._federation.min_nodes else [])])
        while not enough(names):
            if time.monotonic() > began + self._federation.patience:
                return False
            self._desk.send(self._exchange, self._desk.handshake.questions(self._exchange.node_ids()))
            for reply in self._exchange.receive(time.monotonic()):
                self._desk.fold(reply)
            self._exchange.pause()
            names = self._names()
        return True

    def _names(self) -> list[str]:
        return self._desk.roster.names(self._exchange.node_ids())
