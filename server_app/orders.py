"""Orders out, results in: what a stage's jobs look like as messages, and what is made of the replies."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence

from flwr.app import Message, MessageType, RecordDict

from common.errors import ProtocolError
from common.jobs import Job, Order
from common.wire.arrays import Packer, num_bytes
from common.wire.header import check_header, decode_limits, refusal
from common.wire.order import encode_order
from common.wire.results import decode_results
from server_app.exchange import EXPIRED, NEVER_ANSWERED
from server_app.federation import Facts
from server_app.journal import Journal
from server_app.outcome import Counts
from server_app.post import Letter, Post
from server_app.reporting.words import counted
from server_app.roster import Roster
from server_app.stages.base import Stage

_MOST_DOUBLINGS = 2


class Orders:
    """Writes orders to nodes, and hands what they answer to the stage that asked.

    Parameters
    ----------
    roster, post, journal, counts : Roster, Post, Journal, Counts
        Who the nodes are, where letters are written, where events and bytes go.
    facts : Facts
        What all messages of the run have in common.
    """

    def __init__(self, roster: Roster, post: Post, journal: Journal, counts: Counts, facts: Facts) -> None:
        self._roster = roster
        self._post = post
        self._journal = journal
        self._counts = counts
        self._facts = facts
        self._federation = facts.federation
        self._expired: Counter[str] = Counter()

    def write(self, server_round: int, jobs_of: Mapping[str, Sequence[Job]]) -> list[Message]:
        """Return one message for each node; nodes that do the same jobs share its content.

        Parameters
        ----------
        server_round : int
            Flower's number of the exchange.
        jobs_of : mapping
            What each node is to do, by its name; jobs of one id are the same wherever they are done.
        """
        packer = Packer(self._federation.precision)
        contents: dict[tuple[str, ...], RecordDict] = {}
        messages = []
        for name, jobs in jobs_of.items():
            ids = tuple(job.id for job in jobs)
            if ids not in contents:
                contents[ids] = encode_order(self._facts.digest, self._order(jobs), packer)
            kind = (
                MessageType.TRAIN
                if any(job.work.kind in ("train", "bilevel", "personal") for job in jobs)
                else MessageType.EVALUATE
            )
            ttl = self._federation.ttl * 2 ** min(self._expired[name], _MOST_DOUBLINGS)
            message = Message(contents[ids], self._roster.id_of(name), kind, ttl=ttl, group_id=str(server_round))
            messages.append(self._post.write(Letter(message, "order", name, tuple(jobs))))
        return messages

    def take(self, letter: Letter, reply: Message, stage: Stage) -> None:
        """Take the reply to an order; what makes no sense costs the node its part in this round, and nothing else."""
        if reply.has_error() and reply.error.code in NEVER_ANSWERED:
            self._expired[letter.name] += reply.error.code in EXPIRED
            stage.leave_out(letter.name, letter.jobs, f"The node failed: {reply.error.reason}", undecided=True)
            return
        self._expired.pop(letter.name, None)  # it is there, and in time
        reason = "the reply lacks a result"
        try:
            self._read(letter, reply, stage)
        except ProtocolError as error:
            reason = str(error)
        stage.leave_out(letter.name, letter.jobs, reason)

    def _order(self, jobs: Sequence[Job]) -> Order:
        assert self._roster.task is not None
        return Order(
            self._facts.seed,
            self._federation.budget,
            self._roster.task,
            self._facts.dataset,
            tuple(jobs),
            self._federation.precision,
            self._facts.preprocessing.min_examples,
        )

    def _read(self, letter: Letter, reply: Message, stage: Stage) -> None:
        if reply.has_error():
            raise ProtocolError(f"The node failed: {reply.error.reason}")
        if (reason := refusal(reply.content)) is not None:
            raise ProtocolError(f"The node refused: {reason}")
        check_header(reply.content, self._facts.digest, letter.name)
        limits = decode_limits(reply.content)
        if self._roster.learn(letter.name, limits):  # it started again with others
            self._journal.write("limits", node=letter.name, limits=limits.to_dict())
        self._counts.bytes_up += num_bytes(reply.content)
        results = decode_results(reply.content, self._federation.precision)
        if len(results) > len(letter.jobs):
            raise ProtocolError(
                f"A reply has {counted(len(letter.jobs), 'result')} at most, one for each job", len(results)
            )
        if results and all(result.status == "unfinished" for result in results):
            raise ProtocolError("A node does the first job of an order, whatever time that takes")
        if stage.pace is not None:
            stage.pace.wait(letter.name, time.monotonic() - letter.since - sum(result.seconds for result in results))
        asked = {job.id: job for job in letter.jobs}
        for result in results:
            if (job := asked.pop(result.job, None)) is not None:
                stage.take(letter.name, job, result)
            else:
                self._journal.write(
                    "refused", node=letter.name, reason=f"A result must answer a job, got {result.job!r}."
                )
