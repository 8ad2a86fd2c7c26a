"""The desk: what goes out for the stage that is under way, and who takes what comes in."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, TypeGuard

from flwr.app import Message

from common.errors import SearchError
from common.wire.arrays import num_bytes
from server_app.exchange import Exchange
from server_app.handshake import Handshake
from server_app.journal import Journal
from server_app.orders import Orders
from server_app.outcome import Counts
from server_app.post import Letter, Post
from server_app.roster import Roster

if TYPE_CHECKING:
    from server_app.federation import Facts
    from server_app.stages.base import Stage


class Desk:
    """Letters to nodes and their replies, for one stage after the other.

    Parameters
    ----------
    journal : Journal
        Where events go.
    counts : Counts
        Where bytes are counted.
    facts : Facts
        What all messages of the run have in common.

    Attributes
    ----------
    roster, post, handshake, orders : Roster, Post, Handshake, Orders
        Who is there, which letters are under way, and the two kinds of correspondence.
    """

    def __init__(self, journal: Journal, counts: Counts, facts: Facts) -> None:
        self._journal = journal
        self._counts = counts
        self._stage: Stage | None = None
        self.roster = Roster(schema=facts.schema, min_examples=facts.preprocessing.min_examples)
        self.post = Post()
        self.handshake = Handshake(self.roster, self.post, journal, facts)
        self.orders = Orders(self.roster, self.post, journal, counts, facts)

    @property
    def stage(self) -> Stage:
        """The stage that is under way; raises `SearchError` before there is one."""
        if self._stage is None:
            raise SearchError("The hooks belong to a search that was started", fix="Call strategy.start(grid=grid)")
        return self._stage

    @stage.setter
    def stage(self, stage: Stage) -> None:
        self._stage = stage

    def letter(self, name: str) -> Letter | None:
        """Return what a node has not answered yet."""
        return self.post.to(self.roster.id_of(name)) if self.roster.knows(name) else None

    def free(self, names: Iterable[str]) -> set[str]:
        """Return those of these nodes that owe no answer."""
        return {name for name in names if self.letter(name) is None}

    def late(self, names: Iterable[str]) -> set[str]:
        """Return those that are busy with what nobody waits for any more."""
        owing, now = self.stage.owing, time.monotonic()
        busy = {name: letter for name in names if (letter := self.letter(name)) is not None and name not in owing}
        late = {name for name, letter in busy.items() if not _is_question(letter) or letter.until < now}
        unknown = (name for name in names if name not in self.roster.reports and name not in busy)
        return late | {name for name in unknown if self.handshake.overdue(name)}

    def next_deadline(self) -> float | None:
        """Return when the next node is late that owes a result, or the answer to what it has for its next job."""
        questions = [letter for name in self.stage.waiting if _is_question(letter := self.letter(name))]
        deadlines = [letter.until for letter in questions if letter.until > time.monotonic()]
        owed = self.stage.next_deadline
        return min([*deadlines, *([] if owed is None else [owed])], default=None)

    def send(self, exchange: Exchange, messages: Iterable[Message]) -> None:
        """Send orders and questions, and go on without those that Flower does not accept."""
        messages = list(messages)
        refused = exchange.send(messages)
        for letter in refused:
            self.stage.unsent(letter.name, letter.jobs, "Flower did not accept the message")
        unsent = {letter.node_id for letter in refused}
        sent = (message.content for message in messages if message.metadata.dst_node_id not in unsent)
        self._counts.bytes_down += sum(num_bytes(content) for content in sent)

    def fold(self, reply: Message) -> None:
        """Take one reply, whatever it answers."""
        reply_to = reply.metadata.reply_to_message_id
        letter = self.post.answered(reply_to)
        if letter is None:
            self._journal.write("refused", reason=f"A reply must answer a message of ours, got {reply_to!r}.")
        elif letter.kind == "order":
            self.orders.take(letter, reply, self.stage)
        else:
            self.handshake.take(letter, reply)


def _is_question(letter: Letter | None) -> TypeGuard[Letter]:
    return letter is not None and letter.kind == "question"
