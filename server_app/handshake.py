"""The first exchange: who is there, do they run our code, and what shape are their data."""

from __future__ import annotations

import time
from collections.abc import Sequence

from flwr.app import DEFAULT_TTL, Message, MessageType
from flwr.common.constant import ErrorCode

from common.architecture.task import TaskShape
from common.errors import FederationError, FlwrNasError, ProtocolError
from common.messages import check_header, decode_report, encode_question, refusal
from common.settings import DatasetSettings
from server_app.exchange import EXPIRED, Exchange
from server_app.journal import Journal
from server_app.roster import Roster

_SETTLE = 0.5
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
        self.task: TaskShape | None = None
        self._reasons: list[str] = []

    def questions(self, node_ids: Sequence[int]) -> list[Message]:
        """Return a message to each of these nodes that is unknown and was not asked yet."""
        strangers = [node_id for node_id in self._roster.strangers(node_ids) if node_id not in self._asked]
        messages = [Message(self._question, node_id, MessageType.QUERY, ttl=self._ttl) for node_id in strangers]
        self._asked.update({message.metadata.dst_node_id: message for message in messages})
        return messages

    def forget(self, node_id: int) -> None:
        """Take a question back that was not accepted."""
        self._asked.pop(node_id, None)

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
            Whether it was a reply to a question.
        """
        reply_to = reply.metadata.reply_to_message_id
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
        try:
            if reply.has_error():
                raise ProtocolError(f"The node failed: {reply.error.reason}")
            if (reason := refusal(reply.content)) is not None:
                raise ProtocolError(f"The node refused: {reason}")
            check_header(reply.content, self._digest, f"node {node_id}")
            report = decode_report(reply.content)
            self._roster.admit(node_id, report)
        except FlwrNasError as error:
            self._roster.refuse(node_id)
            self._refused(str(node_id), error)
        else:
            self._journal.write(
                "node",
                node=report.name,
                examples=report.num_train,
                validation=report.num_validation,
                input_shape=list(report.input_shape),
                num_classes=report.num_classes,
                cores=report.cores,
                memory_mb=report.memory_mb,
                device=report.device,
                classes=report.classes,
                macs_per_second=report.macs_per_second,
                limits=report.limits.to_dict(),
            )

    def _leave_out_misfits(self) -> None:
        """Drop the nodes whose data do not fit the task, once there is one."""
        if self.task is not None:
            for name, error in self._roster.leave_out_misfits(self.task).items():
                self._refused(name, error)

    def _refused(self, node: str, error: FlwrNasError) -> None:
        self._reasons.append(str(error))
        self._journal.write("node_refused", node=node, reason=str(error))

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
