"""The first exchange: who is there, do they run our code, and what shape are their data.

Up to `AT_ONCE` nodes are asked all of it at once. Where there are more, each is called for its name alone, which costs
it no look at its data; a sample that the run's seed draws by name is asked the rest, and the others when a round first
needs them. Who is asked is waited for, however slow it is, within a patience that grows with the number of questions.

A run that goes on waits for the nodes that it had met, by name, and asks those it had admitted: a round then finds the
nodes, and knows of them, what it would have found and known.
"""

from __future__ import annotations

import math
import time
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Literal

from flwr.app import Message, MessageType

from common.errors import FederationError, FlwrNasError, ProtocolError
from common.jobs import NodeReport
from common.seeding import ranked
from common.tasks import Task
from common.wire.handshake import decode_name, decode_report, encode_call, encode_question
from common.wire.header import check_header, refusal, refused_by
from server_app.exchange import NEVER_ANSWERED, Exchange
from server_app.federation import Facts
from server_app.journal import Journal
from server_app.notices import Notices
from server_app.post import Letter, Post
from server_app.register import Register
from server_app.reporting.words import counted
from server_app.roster import Roster

AT_ONCE = 200
"""Nodes that are asked what they have before the search begins."""

_EACH = {"call": 0.05, "question": 0.5}
"""Seconds of patience for each node that was asked: simulated ones answer one after the other."""
_AGAIN = 1.0
"""Seconds until a node is asked again whose question was lost."""
_LAST_WORDS = 15.0
"""Seconds for nodes to hear why they do not fit: one asks every 3 s, and starts a process that imports torch."""


class Handshake:
    """Asks nodes who they are, and admits those that fit.

    Parameters
    ----------
    roster, post, journal : Roster, Post, Journal
        Where to admit nodes, where to write letters to them, and where to write it down.
    facts : Facts
        What all messages of the run have in common: patience is that to wait for nodes, and again for their answers,
        there half a second more for each that has a question; who does not answer is asked again after the ttl.

    Attributes
    ----------
    register : Register
        Who was ever admitted, and who was refused.
    """

    def __init__(self, roster: Roster, post: Post, journal: Journal, facts: Facts) -> None:
        self._roster = roster
        self._post = post
        self.register = Register(journal)
        self._digest = facts.digest
        self._seed = facts.seed
        self._call = encode_call(facts.digest)
        about = (facts.digest, facts.dataset, facts.preprocessing, facts.seed)
        self._first_question = encode_question(*about, counts=facts.counts)
        self._later_question = encode_question(*about)
        self._patience = facts.federation.patience
        self._ttl = facts.federation.ttl
        self._reach = facts.reach
        self._by_name = False
        self._asked: dict[int, float] = {}
        self._until: dict[int, float] = {}
        self._notices = Notices(post, facts.digest, facts.federation.ttl)
        self._reasons: list[str] = []
        self._left_out: set[str] = set()

    def questions(self, node_ids: Sequence[int]) -> list[Message]:
        """Return a message to each of these nodes that is unknown and not busy, and to those left out."""
        strangers = [node_id for node_id in self._roster.strangers(node_ids) if self._may_be_asked(node_id)]
        messages = self._letters(dict.fromkeys(strangers, ""), "call" if self._by_name else "question")
        return [*messages, *self.ask(self._roster.doubted(node_ids)), *self._notices.messages()]

    def ask(self, names: Collection[str]) -> list[Message]:
        """Return the question what they have to those of these nodes that were called only, and are not busy."""
        ids = {self._roster.id_of(name): name for name in sorted(names) if name not in self._roster.reports}
        return self._letters({i: name for i, name in ids.items() if self._may_be_asked(i)}, "question")

    def overdue(self, name: str) -> bool:
        """Tell whether a node was asked what it has, and has let the time for its answer pass."""
        return self._until.get(self._roster.id_of(name), math.inf) < time.monotonic()

    def gather(self, exchange: Exchange, *, nodes: int | None, min_nodes: int, wanted: int = 0) -> Task:
        """Wait for the nodes, admit those that fit, and agree on the task.

        Parameters
        ----------
        exchange : Exchange
            Where to ask.
        nodes : int, optional
            How many to wait for; None for as many as there are once their number stands still.
        min_nodes : int
            Fewer are not enough.
        wanted : int
            Nodes to admit before the search begins, if there are so many; at least `AT_ONCE` in any case.

        Returns
        -------
        Task
            What most nodes have data for.

        Raises
        ------
        FederationError
            Where too few were there, or fit.
        """
        ids = exchange.appear(nodes, min_nodes, time.monotonic() + self._patience)
        wanted = max(AT_ONCE, min_nodes, wanted)
        self._by_name = len(ids) > wanted
        self._hear(exchange, self.questions(ids))
        if self._by_name:
            self._draw(exchange, ranked(self._roster.names(ids), self._seed, "handshake"), wanted)
        else:
            self._agree()
        return self._enough(exchange, len(ids), min_nodes)

    def gather_again(self, exchange: Exchange, state: Mapping[str, Any], *, min_nodes: int) -> Task:
        """Wait for the nodes that an interrupted run had met, and let those say what they have that it had admitted.

        Those that do not come while patience lasts are gone on without. Nobody takes their place: others that are there
        are met too, as if they had joined in the meantime. The roster has the task of the run.

        Parameters
        ----------
        exchange : Exchange
            Where to ask.
        state : mapping
            What `state_dict` returned before the run was interrupted.
        min_nodes : int
            Fewer are not enough.

        Returns
        -------
        Task
            That of the run.

        Raises
        ------
        FederationError
            Where too few are there, or fit.
        """
        assert self._roster.task is not None
        self._roster.reach = self._reach(self._roster.task)
        self._by_name = state["by_name"]
        self.register.load_state_dict(state["register"])
        self._roster.speeds.load_state_dict(state["speeds"])
        admitted: list[str] = state["admitted"]
        self._roster.doubt({name for name, _ in self.register.refused}.difference(admitted))
        self._wait_for(exchange, {*admitted, *state["there"]})
        self._hear(exchange, self.questions(exchange.node_ids()))
        self._hear(exchange, self.ask([name for name in admitted if self._roster.knows(name)]))
        ids = exchange.node_ids()
        others = [name for name in self._roster.names(ids) if name not in self._roster.reports]
        self._draw(exchange, ranked(others, self._seed, "handshake"), min_nodes)
        return self._enough(exchange, len(ids), min_nodes)

    def state_dict(self) -> dict[str, Any]:
        """Return as JSON whom the run has met, and what it knows of them."""
        return {
            "by_name": self._by_name,
            "there": self._roster.there,
            "admitted": sorted(self._roster.reports),
            "register": self.register.state_dict(),
            "speeds": self._roster.speeds.state_dict(),
        }

    def _enough(self, exchange: Exchange, there: int, min_nodes: int) -> Task:
        """Return the task; raise `FederationError` where too few nodes have data for it."""
        admitted = len(self._roster.reports)
        if self._roster.task is None or admitted < min_nodes:
            self._tell(exchange)
            why = f" ({self._reasons[0].rstrip('.')})" if self._reasons else ""
            raise FederationError(
                f"The search needs {counted(min_nodes, 'node')} within {self._patience:g} s, "
                f"but {there} were there and {admitted} of them fit{why}",
                fix="Start more nodes, mend those that were refused, or lower federation.min_nodes",
            )
        return self._roster.task

    def _wait_for(self, exchange: Exchange, names: Collection[str]) -> None:
        """Meet whoever is there until these nodes have come, fit or not, or patience ends."""
        deadline, missing = time.monotonic() + self._patience, set(names)
        while missing and time.monotonic() < deadline:
            exchange.send(self.questions(exchange.node_ids()))
            if not self._take_some(exchange, time.monotonic()):
                exchange.pause()
            missing = {name for name in missing if not self._roster.knows(name)} - self._left_out

    def _draw(self, exchange: Exchange, order: Sequence[str], wanted: int) -> None:
        """Ask nodes in this order what they have, until as many as wanted fit, or nobody is left."""
        asked = 0
        while (missing := wanted - len(self._roster.reports)) > 0 and asked < len(order):
            known = [name for name in order[asked : asked + missing] if self._roster.knows(name)]
            asked += missing
            self._hear(exchange, self.ask(known))
            self._agree()

    def take(self, letter: Letter, reply: Message) -> None:
        """Take the reply to a letter: learn a name, admit a node, or refuse it with the reason in the journal."""
        if letter.kind == "notice" or (reply.has_error() and reply.error.code in NEVER_ANSWERED):
            return  # it left, or was started again, and is asked again if it is there
        said = reply.error.reason if reply.has_error() else refusal(reply.content)
        if said is not None:
            verb = "failed" if reply.has_error() else "refused"
            name = "" if reply.has_error() else refused_by(reply.content)
            self._leave_out(letter.node_id, ProtocolError(f"The node {verb}: {said.rstrip('.')}"), name, tell=False)
            return
        try:
            check_header(reply.content, self._digest, "the node")
            self._asked.pop(letter.node_id, None)
            self._until.pop(letter.node_id, None)
            if letter.kind == "call":
                self._roster.meet(letter.node_id, decode_name(reply.content))
            else:
                self._admit(letter, decode_report(reply.content))
        except FlwrNasError as error:
            self._leave_out(letter.node_id, error, tell=True)

    # ------------------------------------------------------------ messages

    def _letters(self, names: Mapping[int, str], kind: Literal["call", "question"]) -> list[Message]:
        """Write to nodes, given by id with their names as far as these are known."""
        agreed = self._roster.task is not None  # counts of classes have served
        content = self._call if kind == "call" else self._later_question if agreed else self._first_question
        under_way, now = len(names) + len(self._post.of(kind)), time.monotonic()
        for node_id in names:
            self._asked[node_id] = now
            if self._until.get(node_id, -math.inf) + self._patience < now:  # who is asked again gains no time
                self._until[node_id] = now + self._patience + _EACH[kind] * under_way
        messages = {node_id: Message(content, node_id, MessageType.QUERY, ttl=self._ttl) for node_id in names}
        return [
            self._post.write(Letter(m, kind, names[node_id], until=self._until[node_id]))
            for node_id, m in messages.items()
        ]

    def _may_be_asked(self, node_id: int) -> bool:
        """Tell whether a node is not busy, and was not asked a moment ago: what is lost at once is not sent at once."""
        return self._post.to(node_id) is None and time.monotonic() >= self._asked.get(node_id, -math.inf) + _AGAIN

    def _hear(self, exchange: Exchange, messages: Sequence[Message]) -> None:
        """Send calls or questions and wait for the answers; who does not get one is asked again later."""
        exchange.send(messages)
        while letters := self._post.of("call", "question"):
            if not self._take_some(exchange, max(letter.until for letter in letters)):
                return

    def _take_some(self, exchange: Exchange, deadline: float) -> int:
        replies = exchange.receive(deadline)
        for reply in replies:
            letter = self._post.answered(reply.metadata.reply_to_message_id)
            if letter is not None:
                self.take(letter, reply)
        return len(replies)

    def _tell(self, exchange: Exchange) -> None:
        """Tell the nodes that do not fit why, before the run ends for want of others."""
        exchange.send(self._notices.messages())
        deadline = time.monotonic() + _LAST_WORDS
        while self._post.of("notice") and self._take_some(exchange, deadline):
            continue

    # ------------------------------------------------------------ who is in, and who is out

    def _admit(self, letter: Letter, report: NodeReport) -> None:
        if letter.name not in ("", report.name):
            raise ProtocolError(f"A node must keep its name, {letter.name!r}", report.name)
        self._roster.admit(letter.node_id, report)
        self.register.admit(report)

    def _agree(self) -> None:
        """Agree on the task, if anybody said what he has, and sift out who does not fit it, or could hold nothing."""
        if self._roster.task is not None or not self._roster.reports:
            return
        self._roster.reach = self._reach(self._roster.agree())
        for name, error in self._roster.misfits().items():
            self._leave_out(self._roster.id_of(name), error, tell=True)

    def _leave_out(self, node_id: int, error: FlwrNasError, said: str = "", *, tell: bool) -> None:
        """Ask a node no more, and tell it why, unless it said so itself; its name may be known by what it `said` only.

        A name that another node has is not taken from it.
        """
        name = self._roster.refuse(node_id) or ("" if self._roster.knows(said) else said)
        self._reasons.append(str(error))
        self._left_out.add(name)
        self.register.refuse(node_id, name, error)
        if tell:
            self._notices.add(node_id, str(error))
