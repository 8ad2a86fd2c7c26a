"""Who is there: the nodes by their stable names, learnt in the handshake."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field

from common.architecture.task import TaskShape
from common.errors import FederationError, ProtocolError
from common.jobs import NodeReport


@dataclass
class Roster:
    """The nodes that were admitted.

    Flower's node ids change with every simulation and every restart of a node without a key; names do
    not, so everything that is drawn, seeded or written down goes by name.
    """

    reports: dict[str, NodeReport] = field(default_factory=dict)
    _id_of: dict[str, int] = field(default_factory=dict)
    _refused: set[int] = field(default_factory=set)
    _rivals: dict[int, str] = field(default_factory=dict)
    _there: frozenset[int] = frozenset()

    def admit(self, node_id: int, report: NodeReport) -> None:
        """Take in a node; one that comes back under a new id replaces its former self.

        Raises
        ------
        ProtocolError
            Where another node of that name is there.
        """
        former = self._id_of.get(report.name)
        if former is not None and former != node_id and former in self._there:
            self._rivals[node_id] = report.name
            raise ProtocolError("Nodes must have different names", report.name, fix="Set name=... in the node config")
        self.reports[report.name] = report
        self._id_of[report.name] = node_id

    def refuse(self, node_id: int) -> None:
        """Do not ask this node again; one whose name is taken may be asked once the other node of that name is gone.

        A node that was killed and restarted is both for a while: Flower takes a minute to miss the first.
        """
        if node_id not in self._rivals:
            self._refused.add(node_id)

    def strangers(self, node_ids: Collection[int]) -> list[int]:
        """Take note of the ids that are there; return those that were neither admitted nor refused, sorted."""
        self._there = frozenset(node_ids)
        self._rivals = {rival: name for rival, name in self._rivals.items() if self._id_of.get(name) in self._there}
        return sorted(self._there - set(self._id_of.values()) - self._refused - set(self._rivals))

    def names(self, node_ids: Collection[int]) -> list[str]:
        """Return the names of the admitted nodes among `node_ids`, sorted."""
        there = set(node_ids)
        return sorted(name for name, node_id in self._id_of.items() if node_id in there)

    def id_of(self, name: str) -> int:
        """Return the current id of a node."""
        return self._id_of[name]

    def agree(self) -> TaskShape:
        """Return the task that most nodes have data for, with the most classes that one of them has.

        Raises
        ------
        FederationError
            Where there is no node.
        """
        if not self.reports:
            raise FederationError(
                "A search needs at least one node", fix="Start the nodes, or see why they were refused"
            )
        shapes = Counter(tuple(self.reports[name].input_shape) for name in sorted(self.reports))
        shape, _ = shapes.most_common(1)[0]
        fitting = [r.num_classes for r in self.reports.values() if tuple(r.input_shape) == shape]
        return TaskShape(shape, max(fitting))

    def leave_out_misfits(self, task: TaskShape) -> dict[str, ProtocolError]:
        """Drop the nodes whose examples have another shape; return them with the reason."""
        misfits = {
            name: ProtocolError(
                f"A node's data must have the shape {task.input_shape} and at most {task.num_classes} classes",
                (tuple(report.input_shape), report.num_classes),
                fix="Check the node's data file",
            )
            for name, report in self.reports.items()
            if tuple(report.input_shape) != task.input_shape or report.num_classes > task.num_classes
        }
        for name in misfits:
            self.refuse(self._id_of.pop(name))
            del self.reports[name]
        return misfits
