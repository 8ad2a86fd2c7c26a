"""Messages out, replies in: the only place that waits.

A node works serially and nothing can be cancelled, so at most one message per node is outstanding,
even past its deadline.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from logging import WARNING

from flwr.app import Error, Message
from flwr.common.constant import ErrorCode
from flwr.common.logger import log
from flwr.serverapp import Grid

EXPIRED = (ErrorCode.MESSAGE_UNAVAILABLE, ErrorCode.REPLY_MESSAGE_UNAVAILABLE)
"""Codes of the errors that stand for a reply that did not come in time."""

_PULLERS = 16
_GRACE = 5.0
"""Seconds past a message's TTL after which we no longer wait for Flower to say that it expired."""


class StopRequested(Exception):  # noqa: N818
    """Somebody asked the search to stop."""


@dataclass(frozen=True)
class _Outstanding:
    """A message without a reply, and when it was sent."""

    message: Message
    since: float


class Exchange:
    """Sends messages and waits for replies.

    Parameters
    ----------
    grid : Grid
        Flower's way to the nodes.
    poll : float
        Seconds between two looks for replies.
    deadline : float
        Seconds after which a reply that is there, but cannot be fetched, is given up.
    one_by_one : bool
        Pull each reply in a thread of its own. Over HTTP a reply is announced before its arrays are
        there, and a pull then waits for them inside: one slow uplink would hold up all others.
    stop : callable
        Returns why the search should stop, or None.
    """

    def __init__(
        self,
        grid: Grid,
        *,
        poll: float,
        deadline: float = math.inf,
        one_by_one: bool = False,
        stop: Callable[[], str | None] = lambda: None,
    ) -> None:
        self._grid = grid
        self._poll = poll
        self._stop = stop
        self._deadline = deadline
        self._outstanding: dict[str, _Outstanding] = {}
        self._failures: dict[str, str] = {}
        self._threads = ThreadPoolExecutor(_PULLERS, "pull") if one_by_one else None
        self._pulls: dict[str, Future[list[Message]]] = {}
        self.messages = 0

    def node_ids(self) -> list[int]:
        """Return the ids of the nodes that Flower holds to be there."""
        return sorted(self._grid.get_node_ids())

    def send(self, messages: Iterable[Message]) -> list[Message]:
        """Send messages; return those that were not accepted."""
        refused = []
        for message in messages:
            accepted = [message_id for message_id in self._grid.push_messages([message]) if message_id]
            if accepted:
                self._outstanding |= dict.fromkeys(accepted, _Outstanding(message, time.monotonic()))
                self.messages += 1
            else:
                refused.append(message)
        return refused

    def receive(self, until: float) -> list[Message]:
        """Wait for at least one reply.

        Parameters
        ----------
        until : float
            When to give up, on `time.monotonic`.

        Returns
        -------
        list of Message
            Replies, known by their `reply_to_message_id` (the source of an error that the SuperLink
            made is not the node); empty once `until` has passed. Of a message that expired, or whose reply cannot be
            fetched, an error as Flower makes it.

        Raises
        ------
        StopRequested
            Where `stop` gave a reason.
        """
        while True:
            replies = [r for r in self._pull() if r.metadata.reply_to_message_id in self._outstanding]
            replies += self._given_up({r.metadata.reply_to_message_id for r in replies})
            for reply in replies:
                self._outstanding.pop(reply.metadata.reply_to_message_id, None)
            if replies or time.monotonic() >= until:
                return replies
            self.pause()

    def pause(self) -> None:
        """Wait for one poll interval; raises `StopRequested` where `stop` gives a reason."""
        reason = self._stop()
        if reason is not None:
            raise StopRequested(reason)
        time.sleep(self._poll)

    def close(self) -> None:
        """Give the threads back; a pull that hangs is left to itself."""
        if self._threads is not None:
            self._threads.shutdown(wait=False, cancel_futures=True)

    def _given_up(self, answered: Collection[str]) -> list[Message]:
        """Return errors in place of the replies that will not come any more."""
        errors, now = [], time.monotonic()
        for message_id, sent in self._outstanding.items():
            age, ttl = now - sent.since, sent.message.metadata.ttl
            failure = self._failures.get(message_id)
            if message_id in answered:
                continue
            if age > ttl + _GRACE:
                reason = f"no reply within {ttl:g} s"
            elif failure is not None and age > self._deadline:
                reason = f"for {self._deadline:g} s its reply could not be fetched: {failure}"
            else:
                continue
            self._pulls.pop(message_id, None)
            errors.append(Message(Error(ErrorCode.REPLY_MESSAGE_UNAVAILABLE, reason), reply_to=sent.message))
        return errors

    def _pull(self) -> Sequence[Message]:
        if not self._outstanding:
            return []
        if self._threads is None:
            return list(self._grid.pull_messages(list(self._outstanding)))
        for message_id in self._outstanding:
            if message_id not in self._pulls:
                self._pulls[message_id] = self._threads.submit(self._pull_one, message_id)
        finished = [message_id for message_id, pull in self._pulls.items() if pull.done()]
        return [reply for message_id in finished for reply in self._pulls.pop(message_id).result()]

    def _pull_one(self, message_id: str) -> list[Message]:
        try:
            replies = list(self._grid.pull_messages([message_id]))
            self._failures.pop(message_id, None)  # one that comes and goes is no reason to give up
            return replies
        except Exception as error:  # whatever the transport raises: the next look tries again
            if message_id not in self._failures:
                log(WARNING, "A reply could not be fetched, trying again: %s", error)
            self._failures[message_id] = str(error)
            return []
