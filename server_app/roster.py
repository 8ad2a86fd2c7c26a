"""Who is there: the nodes by their stable names, learnt in the handshake."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from common.errors import FederationError, ProtocolError
from common.jobs import NodeReport, Split
from common.limits import Limits, Needs
from common.preprocessing.schema import Schema
from common.settings import TrainingSettings
from common.tasks import Task
from server_app.speeds import Speeds

if TYPE_CHECKING:
    from server_app.capacity import Reach


@dataclass
class Roster:
    """The nodes whose names are known, and what those that were admitted said of themselves.

    Flower's node ids change with every simulation and every restart of a node without a key; names do
    not, so everything that is drawn, seeded or written down goes by name.

    Attributes
    ----------
    reports : dict of str to NodeReport
        What each admitted node said of itself, by name, with the limits that it told last.
    task : Task, optional
        What the nodes have data for, once `agree` was called; who does not fit is not admitted from then on.
    reach : Reach, optional
        What of the space the limits of a node allow, once there is a task; who could hold nothing is not admitted.
    speeds : Speeds
        How fast the nodes compute, as far as that is known.
    schema : Schema, optional
        What the columns of all nodes' tables must mean; None: as at most nodes.
    min_examples : int
        Training examples below which a node says nothing that was fitted to them.
    """

    reports: dict[str, NodeReport] = field(default_factory=dict)
    task: Task | None = None
    reach: Reach | None = None
    speeds: Speeds = field(default_factory=Speeds)
    schema: Schema | None = None
    min_examples: int = 1
    _id_of: dict[str, int] = field(default_factory=dict)
    _refused: set[int] = field(default_factory=set)
    _rivals: dict[int, str] = field(default_factory=dict)
    _there: frozenset[int] = frozenset()
    _doubted: frozenset[str] = frozenset()

    def meet(self, node_id: int, name: str) -> None:
        """Take note of a node's name; one that comes back under a new id replaces its former self.

        Raises
        ------
        ProtocolError
            Where another node of that name is there.
        """
        former = self._id_of.get(name)
        if former is not None and former != node_id and former in self._there:
            self._rivals[node_id] = name
            raise ProtocolError("Nodes must have different names", name, fix="Set name=... in the node config")
        if former != node_id:
            self.reports.pop(name, None)  # it may have started again with other data
        if former not in (None, node_id):
            self.speeds.forget(name)
        self._id_of[name] = node_id

    def admit(self, node_id: int, report: NodeReport) -> None:
        """Take in a node.

        Raises
        ------
        ProtocolError
            Where another node of that name is there, its data do not fit the task, or its limits allow nothing.
        """
        self.meet(node_id, report.name)
        if (misfit := self._misfit(report)) is not None:
            raise misfit
        self.reports[report.name] = report
        self.speeds.hear(report.name, report.macs_per_second)

    def refuse(self, node_id: int) -> str:
        """Forget a node and do not ask it again; return its name, empty where that was not known.

        One whose name is taken may be asked once the other node of that name is gone: a node that was killed and
        restarted is both for a while, for Flower takes a minute to miss the first.
        """
        if node_id not in self._rivals:
            self._refused.add(node_id)
        name = next((name for name, known in self._id_of.items() if known == node_id), "")
        if name:
            del self._id_of[name]
            self.reports.pop(name, None)
        return name

    def strangers(self, node_ids: Collection[int]) -> list[int]:
        """Take note of the ids that are there; return those that were neither met nor refused, sorted."""
        self._there = frozenset(node_ids)
        self._rivals = {rival: name for rival, name in self._rivals.items() if self._id_of.get(name) in self._there}
        return sorted(self._there - set(self._id_of.values()) - self._refused - set(self._rivals))

    def names(self, node_ids: Collection[int]) -> list[str]:
        """Return the names of the nodes among `node_ids` that were met and not doubted, sorted."""
        there = set(node_ids)
        names = sorted(name for name, node_id in self._id_of.items() if node_id in there)
        return [name for name in names if name not in self._doubted or name in self.reports]

    @property
    def there(self) -> list[str]:
        """The names of the nodes that were there when their ids were looked at last, sorted."""
        return self.names(self._there)

    def doubt(self, names: Collection[str]) -> None:
        """Take note of nodes that did not fit before the run was interrupted: nobody names them until they do."""
        self._doubted = frozenset(names)

    def doubted(self, node_ids: Collection[int]) -> list[str]:
        """Return the names of the nodes among `node_ids` that are doubted and were not admitted, sorted."""
        there = set(node_ids)
        named = sorted(name for name in self._doubted if self._id_of.get(name) in there)
        return [name for name in named if name not in self.reports]

    def knows(self, name: str) -> bool:
        """Tell whether a node of this name was met and not refused since."""
        return name in self._id_of

    def id_of(self, name: str) -> int:
        """Return the current id of a node."""
        return self._id_of[name]

    def learn(self, name: str, limits: Limits) -> bool:
        """Take note of the limits that a node told last; return whether they are others than before."""
        report = self.reports.get(name)  # a node that came back with other data is none any more
        if report is None or report.limits == limits:
            return False
        self.reports[name] = replace(report, limits=limits)
        return True

    def excess(self, name: str, needs: Needs) -> str:
        """Say which limit of a node `needs` exceeds; empty where it fits, as far as is known."""
        report = self.reports.get(name)
        return "" if report is None else report.limits.exceeded(needs)

    def held(self, name: str, split: Split) -> int:
        """Return how many examples of a split a node has, by its own word."""
        report = self.reports.get(name)
        return 0 if report is None else report.held(split)

    def lacks(self, name: str, split: Split) -> bool:
        """Tell whether a node said that it has no examples of a split."""
        return name in self.reports and not self.reports[name].held(split)

    @property
    def most_examples(self) -> int:
        """Training examples of the node that has most of those that said what they have; 0 of none."""
        return max((report.num_train for report in self.reports.values()), default=0)

    def steps_per_round(self, recipe: TrainingSettings) -> float | None:
        """Return the optimizer steps of a round, mean over the nodes that said what they have; None where none did."""
        steps = [-(-report.num_train // recipe.batch_size) * recipe.epochs for report in self.reports.values()]
        return sum(steps) / len(steps) if steps else None

    def agree(self) -> Task:
        """Agree on the task that most nodes have data for.

        Most nodes decide the schema, the shape of an example and the family of the head; the head is what those of
        these nodes come to (`Head.agree`), or the one that the schema says.

        Raises
        ------
        FederationError
            Where there is no node, or there is nothing to learn from their data.
        """
        if not self.reports:
            raise FederationError(
                "A search needs at least one node", fix="Start the nodes, or see why they were refused"
            )
        asked = [report for _, report in sorted(self.reports.items()) if self.schema in (None, report.schema)]
        if not asked:
            raise FederationError(
                "No node has the schema that dataset.options.schema names",
                fix="Give the nodes that file, as schema in their node configs, or leave the option out",
            )
        kind, _ = Counter(map(_kind, asked)).most_common(1)[0]
        fitting = [report for report in asked if _kind(report) == kind]
        held = [(report.head, report.num_train * (report.num_train >= self.min_examples)) for report in fitting]
        schema = fitting[0].schema
        head = held[0][0] if schema is not None and schema.classes else type(held[0][0]).agree(held)
        self.task = Task(kind[1], head, schema=schema)
        return self.task

    def misfits(self) -> dict[str, ProtocolError]:
        """Return those that were admitted before it was known what must fit, and do not, with the reason."""
        return {name: error for name, report in self.reports.items() if (error := self._misfit(report))}

    def _misfit(self, report: NodeReport) -> ProtocolError | None:
        """Return why a node can have no part in the search, as far as that is known by now."""
        task = self.task
        if task is None:
            return None
        if report.schema != task.schema:
            return _other_schema(task.schema, report.schema)
        if tuple(report.input_shape) != task.input_shape:
            return ProtocolError(
                f"A node's data must have the shape {task.input_shape}",
                tuple(report.input_shape),
                fix="Check the node's data file",
            )
        return task.head.misfit(report.head) or self._excess_of_all(report)

    def _excess_of_all(self, report: NodeReport) -> ProtocolError | None:
        excess = "" if self.reach is None else self.reach.excess(report.limits)
        if not excess:
            return None
        return ProtocolError(
            f"A node's limits must allow something of the space, but {excess}",
            fix="Raise the limit in its node config, or offer smaller architectures",
        )


def _kind(report: NodeReport) -> tuple[str, tuple[int, ...], tuple[Any, ...]]:
    schema = "" if report.schema is None else report.schema.digest
    return schema, tuple(report.input_shape), report.head.family


def _other_schema(agreed: Schema | None, own: Schema | None) -> ProtocolError:
    if agreed is None:
        return ProtocolError(
            "The nodes of this search have no schema, and this one has",
            fix="Give all nodes the same schema, or leave it out of this node's config",
        )
    if own is None:
        return ProtocolError(
            "The nodes of this search have a schema, and this one has none",
            fix='Add schema="schema.yaml" to its node config: the file that the other nodes have',
        )
    return ProtocolError(
        f"All nodes must have the same schema, and in this node's {agreed.difference(own)}",
        fix="Give this node the file that the other nodes have",
    )
