"""Which message went to whom, what it held, and when it expires: known here and nowhere else.

A node works serially and nothing can be cancelled, so it has at most one message that it has not answered, whatever
that message is: a question of the handshake, a notice, or an order.
"""

from __future__ import annotations

import heapq
import math
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from flwr.app import Message

if TYPE_CHECKING:
    from common.jobs import Job

Kind = Literal["call", "question", "notice", "order"]


@dataclass
class Letter:
    """A message that has not been answered.

    Parameters
    ----------
    message : Message
        As it was sent, or is going to be.
    kind : {"call", "question", "notice", "order"}
        Who are you, and what do you have (the two halves of the handshake); why you are left out; do these jobs.
    name : str
        The node's name, where it is known.
    jobs : tuple of Job
        Of an order.
    since : float
        When it was written, and then when Flower accepted it, on `time.monotonic`.
    until : float
        How long a call or a question is waited for, on `time.monotonic`.
    """

    message: Message
    kind: Kind
    name: str = ""
    jobs: tuple[Job, ...] = ()
    since: float = field(default_factory=time.monotonic)
    until: float = math.inf

    @property
    def node_id(self) -> int:
        """Whom it is for."""
        return int(self.message.metadata.dst_node_id)

    @property
    def expiry(self) -> float:
        """When its message dies, and its node is free again whatever became of it, on `time.monotonic`."""
        return self.since + float(self.message.metadata.ttl)


class Post:
    """The letters that have not been answered."""

    def __init__(self) -> None:
        self._letters: dict[int, Letter] = {}
        self._node_of: dict[str, int] = {}
        self._unsent: set[int] = set()
        self._expiries: list[tuple[float, str]] = []

    def write(self, letter: Letter) -> Message:
        """Take in a letter that is going to be sent; return its message."""
        assert letter.node_id not in self._letters, "a node has one letter at most"
        self._letters[letter.node_id] = letter
        self._unsent.add(letter.node_id)
        return letter.message

    def sent(self, message: Message) -> None:
        """Take note that Flower accepted a message: it has an id and lives from now on."""
        letter = self._letters[message.metadata.dst_node_id]
        letter.since = time.monotonic()
        self._file(letter)
        heapq.heappush(self._expiries, (letter.expiry, message.metadata.message_id))

    def withdraw(self, node_id: int) -> Letter | None:
        """Forget the letter to a node; return it."""
        letter = self._letters.pop(node_id, None)
        self._unsent.discard(node_id)
        if letter is not None:
            self._node_of.pop(letter.message.metadata.message_id, None)
        return letter

    def find(self, message_id: str) -> Letter | None:
        """Return the letter that the message with this id carried, if it was not answered yet."""
        if message_id not in self._node_of:
            for node_id in sorted(self._unsent):  # sent by somebody else: Flower's own loop, over our hooks
                if self._letters[node_id].message.metadata.message_id:
                    self._file(self._letters[node_id])
        found = self._node_of.get(message_id)
        return None if found is None else self._letters[found]

    def to(self, node_id: int) -> Letter | None:
        """Return the letter that a node has not answered."""
        return self._letters.get(node_id)

    def answered(self, message_id: str) -> Letter | None:
        """Return the letter that a reply answers, and let it go; None where it answers none of ours."""
        letter = self.find(message_id)
        return None if letter is None else self.withdraw(letter.node_id)

    @property
    def ids(self) -> list[str]:
        """Ids of the messages that were accepted and not answered."""
        return list(self._node_of)

    def of(self, *kinds: Kind) -> list[Letter]:
        """Return the letters of these kinds."""
        return [letter for letter in self._letters.values() if letter.kind in kinds]

    def expired(self, grace: float) -> list[Letter]:
        """Return, once each, the letters whose message died over `grace` seconds ago."""
        found, now = [], time.monotonic()
        while self._expiries and self._expiries[0][0] + grace < now:
            _, message_id = heapq.heappop(self._expiries)
            if message_id in self._node_of:
                found.append(self._letters[self._node_of[message_id]])
        return found

    def _file(self, letter: Letter) -> None:
        self._unsent.discard(letter.node_id)
        self._node_of[letter.message.metadata.message_id] = letter.node_id
