"""The first exchange: who is there, do they run our code, and what shape are their data."""

from __future__ import annotations

import time
from collections.abc import Sequence

from flwr.app import DEFAULT_TTL, Message, MessageType
from flwr.common.constant import ErrorCode

from common.architecture.task import TaskShape
from common.errors import FederationError, FlwrNasError, ProtocolError
from common.jobs import NodeReport
from common.messages import check_header, decode_report, encode_question, encode_refusal, refusal
from common.settings import DatasetSettings
from server_app.exchange import EXPIRED, Exchange
from server_app.journal import Journal
from server_app.roster import Roster

_SETTLE = 0.5
_LAST_WORDS = 15.0
"""Seconds for nodes to hear why they do not fit: one asks every 3 s, and starts a process that imports torch."""
_NEVER_ANSWERED = (ErrorCode.NODE_UNAVAILABLE, *EXPIRED)


class Handshake:
    """Asks nodes who they are, and admits those that fit.

    Parameters
    ----------
    roster, journal : Roster, Journal
        Where to admit nodes and where to write it down.
    digest : str
        Digest of this side's code.
    dataset : DatasetSettings
        What the nodes are to load.
    seed : int
        The run's seed.
    ttl : float
        Seconds after which a node that was asked and did not answer is asked again.

    Attributes
    ----------
    task : TaskShape, optional
        Agreed by `gather`.
    """

    def __init__(
        self,
        roster: Roster,
        journal: Journal,
        *,
        digest: str,
        dataset: DatasetSettings,
        seed: int,
        ttl: float = DEFAULT_TTL,
    ) -> None:
        self._roster = roster
        self._journal = journal
        self._digest = digest
        self._question = encode_question(digest, dataset, seed)
        self._ttl = ttl
        self._asked: dict[int, Message] = {}
        self._notices: list[Message] = []
        self._told: list[Message] = []
        self.task: TaskShape | None = None
        self._reasons: list[str] = []

    def questions(self, node_ids: Sequence[int]) -> list[Message]:
        """Return a message to each of these nodes that is unknown and was not asked yet, and to those left out."""
        busy = self._asked.keys() | {notice.metadata.dst_node_id for notice in [*self._told, *self._notices]}
        strangers = [node_id for node_id in self._roster.strangers(node_ids) if node_id not in busy]
        messages = [Message(self._question, node_id, MessageType.QUERY, ttl=self._ttl) for node_id in strangers]
        self._asked.update({message.metadata.dst_node_id: message for message in messages})
        return messages + self._take_notices()

    def _take_notices(self) -> list[Message]:
        """Return messages that tell nodes why they are left out, each once."""
        notices, self._notices = self._notices, []
        self._told += notices
        return notices

    def forget(self, node_id: int) -> None:
        """Take back what was not accepted."""
        self._asked.pop(node_id, None)
        self._told = [notice for notice in self._told if notice.metadata.dst_node_id != node_id]

    def gather(self, exchange: Exchange, *, nodes: int | None, min_nodes: int, patience: float) -> TaskShape:
        """Wait for the nodes, admit those that fit, and agree on the task.

        Parameters
        ----------
        exchange : Exchange
            Where to ask.
        nodes : int, optional
            How many to wait for; None for as many as there are once their number stands still.
        min_nodes : int
            Fewer are not enough.
        patience : float
            Seconds to wait for the nodes, and again for their answers.

        Returns
        -------
        TaskShape
            What most nodes have data for.

        Raises
        ------
        FederationError
            Where too few were there, or fit.
        """
        deadline = time.monotonic() + patience
        ids = self._appear(exchange, nodes, min_nodes, deadline)
        for message in exchange.send(self.questions(ids)):
            self.forget(message.metadata.dst_node_id)
        deadline = time.monotonic() + patience
        while self._asked and (replies := exchange.receive(deadline)):
            for reply in replies:
                self.answer(reply)
        self.task = task = self._roster.agree() if self._roster.reports else None
        self._leave_out_misfits()
        admitted = len(self._roster.reports)
        if task is None or admitted < min_nodes:
            self._tell(exchange)
            why = f" ({self._reasons[0].rstrip('.')})" if self._reasons else ""
            raise FederationError(
                f"The search needs {min_nodes} nodes within {patience:g} s, "
                f"but {len(ids)} were there and {admitted} of them fit{why}",
                fix="Start more nodes, mend those that were refused, or lower federation.min_nodes",
            )
        return task

    def answer(self, reply: Message) -> bool:
        """Admit the node that replies to a question, or refuse it with the reason in the journal.

        Returns
        -------
        bool
            Whether it was a reply to a question, or from a node that was told why it is left out.
        """
        reply_to = reply.metadata.reply_to_message_id
        waiting = [notice for notice in self._told if notice.metadata.message_id != reply_to]
        if len(waiting) < len(self._told):
            self._told = waiting
            return True
        node_id = next((i for i, message in self._asked.items() if message.metadata.message_id == reply_to), None)
        if node_id is None:
            return False
        del self._asked[node_id]
        self._admit(node_id, reply)
        self._leave_out_misfits()
        return True

    def _admit(self, node_id: int, reply: Message) -> None:
        if reply.has_error() and reply.error.code in _NEVER_ANSWERED:
            return  # it left, or was started again, and is asked again if it is there
        reason = f"The node failed: {reply.error.reason}" if reply.has_error() else refusal(reply.content)
        if reason is not None:
            self._roster.refuse(node_id)
            self._refused(str(node_id), ProtocolError(reason if reply.has_error() else f"The node refused: {reason}"))
            return
        try:
            check_header(reply.content, self._digest, f"node {node_id}")
            report = decode_report(reply.content)
            self._roster.admit(node_id, report)
        except FlwrNasError as error:
            self._roster.refuse(node_id)
            self._refused(str(node_id), error, tell=node_id)
        else:
            self._admitted(report)

    def _admitted(self, report: NodeReport) -> None:
        self._journal.write(
            "node",
            node=report.name,
            examples=report.num_train,
            validation=report.num_validation,
            input_shape=list(report.input_shape),
            num_classes=report.num_classes,
            classes=report.classes,
            cores=report.cores,
            memory_mb=report.memory_mb,
            device=report.device,
            macs_per_second=report.macs_per_second,
            limits=report.limits.to_dict(),
        )

    def _leave_out_misfits(self) -> None:
        """Drop the nodes whose data do not fit the task, once there is one."""
        if self.task is not None:
            ids = {name: self._roster.id_of(name) for name in self._roster.reports}
            for name, error in self._roster.leave_out_misfits(self.task).items():
                self._refused(name, error, tell=ids[name])

    def _refused(self, node: str, error: FlwrNasError, tell: int | None = None) -> None:
        """Write down that a node is left out; where it does not know yet, it is to be told."""
        self._reasons.append(str(error))
        self._journal.write("node_refused", node=node, reason=str(error))
        if tell is not None:
            notice = encode_refusal(self._digest, str(error))
            self._notices.append(Message(notice, tell, MessageType.QUERY, ttl=self._ttl))

    def _tell(self, exchange: Exchange) -> None:
        """Tell the nodes that do not fit why, before the run ends for want of others."""
        for message in exchange.send(self._take_notices()):
            self.forget(message.metadata.dst_node_id)
        deadline = time.monotonic() + _LAST_WORDS
        while self._told and (replies := exchange.receive(deadline)):
            for reply in replies:
                self.answer(reply)

    @staticmethod
    def _appear(exchange: Exchange, nodes: int | None, min_nodes: int, deadline: float) -> list[int]:
        """Wait until enough nodes are connected."""
        ids = exchange.node_ids()
        since = time.monotonic()
        while time.monotonic() < deadline:
            enough = len(ids) >= nodes if nodes is not None else len(ids) >= min_nodes
            if enough and (nodes is not None or time.monotonic() - since >= _SETTLE):
                break
            exchange.pause()
            now = exchange.node_ids()
            if now != ids:
                ids, since = now, time.monotonic()
        return ids
