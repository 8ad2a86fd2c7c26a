"""The first exchange: who is there, do they run our code, and what shape are their data."""

from __future__ import annotations

import time
from collections.abc import Sequence

from flwr.app import Message, MessageType

from common.architecture.task import TaskShape
from common.errors import FederationError, FlwrNasError, ProtocolError
from common.messages import check_header, decode_report, encode_question, refusal
from common.settings import DatasetSettings
from server_app.exchange import Exchange
from server_app.journal import Journal
from server_app.roster import Roster

_SETTLE = 0.5


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
    """

    def __init__(self, roster: Roster, journal: Journal, *, digest: str, dataset: DatasetSettings, seed: int) -> None:
        self._roster = roster
        self._journal = journal
        self._digest = digest
        self._question = encode_question(digest, dataset, seed)
        self._reasons: list[str] = []

    def questions(self, node_ids: Sequence[int]) -> list[Message]:
        """Return a message to each node."""
        return [Message(self._question, node_id, MessageType.QUERY) for node_id in node_ids]

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
            Seconds to wait.

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
        messages = self.questions(ids)
        exchange.send(messages)
        asked = {message.metadata.message_id: message.metadata.dst_node_id for message in messages}
        while asked and (replies := exchange.receive(deadline)):
            for reply in replies:
                self.answer(asked.pop(reply.metadata.reply_to_message_id), reply)
        task = self._roster.agree() if self._roster.reports else None
        if task is not None:
            for name, error in self._roster.leave_out_misfits(task).items():
                self._refused(name, error)
        admitted = len(self._roster.reports)
        if task is None or admitted < min_nodes:
            why = f" ({self._reasons[0].rstrip('.')})" if self._reasons else ""
            raise FederationError(
                f"The search needs {min_nodes} nodes within {patience:g} s, "
                f"but {len(ids)} were there and {admitted} of them fit{why}",
                fix="Start more nodes, mend those that were refused, or lower federation.min_nodes",
            )
        return task

    def answer(self, node_id: int, reply: Message) -> None:
        """Admit one node, or refuse it with the reason in the journal."""
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
            )

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
