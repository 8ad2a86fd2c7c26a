"""Replies pulled one by one, in threads.

Over HTTP a reply is announced before its arrays are there, and a pull then waits for them inside: one slow uplink
would hold up all others. So each pull has a thread, some at a time; one that hangs leaves its place to another.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from logging import WARNING

from flwr.app import Message
from flwr.common.logger import log

_AT_A_TIME = 16
"""Pulls at a time, not counting those that hang."""
_HANGING = 1.0
"""Seconds after which a pull counts as one that hangs."""
_MOST_THREADS = 1024


@dataclass(frozen=True)
class _Pull:
    """A pull under way, and when it began."""

    future: Future[list[Message]]
    since: float


class Pulls:
    """Looks for the replies to some messages, each in its turn.

    Parameters
    ----------
    pull : callable
        Returns the replies to messages of these ids that are there.
    interval : float
        Seconds between two looks for the same reply.

    Attributes
    ----------
    failures : dict of str to str
        By id of a message, why its reply could not be fetched when it was last tried.
    """

    def __init__(self, pull: Callable[[Sequence[str]], Sequence[Message]], interval: float) -> None:
        self._pull = pull
        self._interval = interval
        self._threads = ThreadPoolExecutor(_MOST_THREADS, "pull")
        self._under_way: dict[str, _Pull] = {}
        self._turns: Iterator[str] = iter(())
        self._began = 0.0
        self.failures: dict[str, str] = {}

    def look(self, message_ids: Sequence[str]) -> list[Message]:
        """Begin pulls for whoever's turn it is, and return the replies that came; waits for nothing."""
        ended = [message_id for message_id, pull in self._under_way.items() if pull.future.done()]
        futures = {message_id: self._under_way.pop(message_id).future for message_id in ended}
        came = {message_id: future.result() for message_id, future in futures.items() if not future.cancelled()}
        now, wanted = time.monotonic(), {i for i in message_ids if i not in self._under_way and not came.get(i)}
        room = _AT_A_TIME - sum(now - pull.since < _HANGING for pull in self._under_way.values())
        while room > 0 and (message_id := self._next_turn(message_ids, now)) is not None:
            if message_id in wanted:
                self._under_way[message_id] = _Pull(self._threads.submit(self._try, message_id), now)
                wanted.remove(message_id)
                room -= 1
        return [reply for replies in came.values() for reply in replies]

    def wait(self, seconds: float) -> None:
        """Wait until a pull ends, or for so long."""
        futures = [pull.future for pull in self._under_way.values()]
        if futures:
            wait(futures, seconds, FIRST_COMPLETED)
        else:
            time.sleep(seconds)

    def forget(self, message_id: str) -> None:
        """Give a message up; a pull for it that hangs is left to itself."""
        self._under_way.pop(message_id, None)
        self.failures.pop(message_id, None)

    def close(self) -> None:
        """Give the threads back."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _next_turn(self, message_ids: Sequence[str], now: float) -> str | None:
        """Return whose turn it is; None until the next round of turns may begin."""
        message_id = next(self._turns, None)
        if message_id is None and now - self._began >= self._interval:
            self._began, self._turns = now, iter(message_ids)
            message_id = next(self._turns, None)
        return message_id

    def _try(self, message_id: str) -> list[Message]:
        try:
            replies = list(self._pull([message_id]))
        except Exception as error:  # whatever the transport raises: the next look tries again
            if message_id not in self.failures:
                log(WARNING, "A reply could not be fetched, trying again: %s", error)
            self.failures[message_id] = str(error)
            return []
        self.failures.pop(message_id, None)  # one that comes and goes is no reason to give up
        return replies
