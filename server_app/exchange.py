"""Messages out, replies in: the only place that waits."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Iterator, Sequence

from flwr.app import Error, Message
from flwr.common.constant import ErrorCode
from flwr.serverapp import Grid

from server_app.outcome import Counts
from server_app.post import Letter, Post
from server_app.pulls import Pulls

EXPIRED = (ErrorCode.MESSAGE_UNAVAILABLE, ErrorCode.REPLY_MESSAGE_UNAVAILABLE)
"""Codes of the errors that stand for a reply that did not come in time."""

NEVER_ANSWERED = (ErrorCode.NODE_UNAVAILABLE, *EXPIRED)
"""Codes of the errors that say nothing of what a node makes of a message."""

_GRACE = 5.0
"""Seconds past a message's TTL after which we no longer wait for Flower to say that it expired."""
_SETTLE = 0.5
"""Seconds in which no node comes, and after which nobody else is expected."""


class StopRequested(Exception):  # noqa: N818
    """Somebody asked the search to stop."""


class Exchange:
    """Sends messages and waits for replies.

    Parameters
    ----------
    grid : Grid
        Flower's way to the nodes.
    post : Post
        The letters under way: whoever sends a message has written it there, and who takes a reply tells it.
    counts : Counts
        Where messages are counted.
    poll : float
        Seconds between two looks for replies.
    deadline : float
        Seconds after which a reply that is there, but cannot be fetched, is given up.
    one_by_one : bool
        Pull each reply in a thread of its own; for a grid over HTTP, see `Pulls`.
    stop : callable
        Returns why the search should stop, or None.
    """

    def __init__(
        self,
        grid: Grid,
        post: Post,
        counts: Counts,
        *,
        poll: float,
        deadline: float = math.inf,
        one_by_one: bool = False,
        stop: Callable[[], str | None] = lambda: None,
    ) -> None:
        self._grid = grid
        self._post = post
        self._poll = poll
        self._deadline = deadline
        self._pulls = Pulls(self._pull_together, poll) if one_by_one else None
        self._counts = counts
        self._stop = stop

    def node_ids(self) -> list[int]:
        """Return the ids of the nodes that Flower holds to be there."""
        return sorted(self._grid.get_node_ids())

    def appear(self, nodes: int | None, least: int, until: float) -> list[int]:
        """Wait until enough nodes are connected; return the ids of those that are.

        Parameters
        ----------
        nodes : int, optional
            How many are enough; None for as many as there are once their number stands still.
        least : int
            Fewer are not enough then.
        until : float
            When to give up, on `time.monotonic`.
        """
        ids, since = self.node_ids(), time.monotonic()
        while time.monotonic() < until:
            enough = len(ids) >= (least if nodes is None else nodes)
            if enough and (nodes is not None or time.monotonic() - since >= _SETTLE):
                break
            self.pause()
            now = self.node_ids()
            if now != ids:
                ids, since = now, time.monotonic()
        return ids

    def send(self, messages: Iterable[Message]) -> list[Letter]:
        """Send messages; return the letters of those that were not accepted, which the post forgets."""
        refused = []
        for message in messages:
            if any(self._grid.push_messages([message])):
                self._post.sent(message)
                self._counts.messages += 1
            elif (letter := self._post.withdraw(message.metadata.dst_node_id)) is not None:
                refused.append(letter)
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
            Replies to letters of the post, known by their `reply_to_message_id` (the source of an error that the
            SuperLink made is not the node); empty once `until` has passed. Of a message that expired, or whose reply
            cannot be fetched, an error as Flower makes it.

        Raises
        ------
        StopRequested
            Where `stop` gave a reason.
        """
        while True:
            replies = {reply.metadata.reply_to_message_id: reply for reply in [*self._given_up(), *self._pull()]}
            answers = [reply for reply_to, reply in replies.items() if self._post.find(reply_to) is not None]
            if answers or time.monotonic() >= until:
                return answers
            self.pause()

    def heed(self) -> None:
        """Raise `StopRequested` where `stop` gives a reason."""
        reason = self._stop()
        if reason is not None:
            raise StopRequested(reason)

    def pause(self) -> None:
        """Wait for one poll interval; raises `StopRequested` where `stop` gives a reason."""
        self.heed()
        if self._pulls is None:
            time.sleep(self._poll)
        else:
            self._pulls.wait(self._poll)

    def close(self) -> None:
        """Give the threads back; a pull that hangs is left to itself."""
        if self._pulls is not None:
            self._pulls.close()

    def _pull(self) -> Sequence[Message]:
        outstanding = self._post.ids
        if self._pulls is not None:
            return self._pulls.look(outstanding)
        return self._pull_together(outstanding) if outstanding else []

    def _pull_together(self, message_ids: Sequence[str]) -> list[Message]:
        return list(self._grid.pull_messages(message_ids))

    def _given_up(self) -> Iterator[Message]:
        """Yield errors in place of the replies that will not come any more."""
        for letter in self._post.expired(_GRACE):
            yield self._error(letter, f"no reply within {letter.message.metadata.ttl:g} s")
        failures = {} if self._pulls is None else dict(self._pulls.failures)
        for message_id, failure in failures.items():
            unfetched = self._post.find(message_id)
            if unfetched is not None and time.monotonic() - unfetched.since > self._deadline:
                yield self._error(unfetched, f"for {self._deadline:g} s its reply could not be fetched: {failure}")

    def _error(self, letter: Letter, reason: str) -> Message:
        if self._pulls is not None:
            self._pulls.forget(letter.message.metadata.message_id)
        return Message(Error(ErrorCode.REPLY_MESSAGE_UNAVAILABLE, reason), reply_to=letter.message)
