"""How a search deals with its nodes: how many, how long, in which order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from common.digest import code_digest
from common.precision import Precision
from common.settings import DatasetSettings, PreprocessingSettings
from server_app.class_weights import asks_for_weights
from server_app.scoring import scoring_of

if TYPE_CHECKING:
    from common.config import Config
    from common.preprocessing.schema import Schema
    from common.tasks import Head, Task
    from server_app.capacity import Reach

_LEAST_TTL = 10.0


@dataclass(frozen=True)
class Federation:
    """How the strategy deals with the nodes.

    Parameters
    ----------
    nodes : int, optional
        Nodes to wait for at the start; None for those that are there.
    min_nodes : int
        Fewer nodes end the search.
    order : {"rounds", "arrival"}
        A round is a barrier (deterministic unless a deadline passes), or a finished trial's place is
        filled at once.
    budget : float
        Seconds of compute that a message may take.
    deadline : float
        Seconds after which nobody waits for a node's reply.
    ttl : float
        Seconds that a message lives. Its node is busy so long, unless it answers: a node that was killed and started
        again never does. The next message to a node that let one expire lives twice as long, for it may be slow, and so
        once more; whoever answers is back at once.
    wanted : int
        Nodes that say what they have before the search begins, if there are so many.
    patience : float
        Seconds to wait for nodes at the start, for answers to questions, and where too few nodes are there or free.
    poll : float
        Seconds between two looks for replies.
    one_by_one : bool
        Pull replies in threads; for a grid over HTTP.
    precision : {"float32", "float16"}
        In which type weights travel.
    """

    nodes: int | None = None
    min_nodes: int = 1
    wanted: int = 0
    order: Literal["rounds", "arrival"] = "rounds"
    budget: float = 480.0
    deadline: float = 600.0
    ttl: float = 1200.0
    patience: float = 60.0
    poll: float = 0.01
    one_by_one: bool = False
    precision: Precision = "float32"


def _boundless(task: Task) -> None:
    """Let a node's limits be what they are."""


@dataclass(frozen=True)
class Facts:
    """What all messages of a run have in common.

    Parameters
    ----------
    seed : int
        The run's seed.
    dataset : DatasetSettings
        What the nodes load.
    federation : Federation
        How the nodes are dealt with.
    preprocessing : PreprocessingSettings
        What is done to inputs first.
    digest : str
        Digest of this side's code.
    metric : callable, optional
        Returns the metric by which a search for a head goes; None: the balance of classes decides, and nodes are asked
        for it.
    reach : callable, optional
        Returns for a task what a node's limits must allow something of; None where they may be what they are.
    schema : Schema, optional
        What the columns of all nodes' tables must mean; None: as at most nodes.
    weighs : bool
        Whether a recipe weighs classes, for which nodes are asked for their counts, too.
    """

    seed: int
    dataset: DatasetSettings
    federation: Federation
    preprocessing: PreprocessingSettings
    digest: str = field(default_factory=code_digest)
    metric: Callable[[Head], str] | None = None
    reach: Callable[[Task], Reach | None] = _boundless
    schema: Schema | None = None
    weighs: bool = False

    @property
    def counts(self) -> bool:
        """Whether nodes are asked how many examples they have of each class."""
        return self.metric is None or self.weighs


def facts_of(
    config: Config,
    metric: Callable[[Head], str] | None = None,
    reach: Callable[[Task], Reach | None] = _boundless,
) -> Facts:
    """Return what all messages of a run have in common, with a metric and a reach as of `Facts`."""
    federation = config.federation
    return Facts(
        config.seed,
        config.dataset,
        Federation(
            nodes=federation.nodes,
            min_nodes=federation.min_nodes,
            wanted=scoring_of(config).wanted,
            order=federation.order,
            budget=federation.budget or 0.8 * federation.deadline,
            deadline=federation.deadline,
            ttl=max(_LEAST_TTL, 2 * federation.deadline),
            patience=federation.patience,
            poll=federation.poll,
            one_by_one=federation.name == "deployment",
            precision=federation.precision,
        ),
        config.preprocessing,
        metric=metric,
        reach=reach,
        schema=_schema_of(config.dataset),
        weighs=asks_for_weights(config),
    )


def _schema_of(dataset: DatasetSettings) -> Schema | None:
    """Read the schema that a search names; a `DataError` is in full, for the file is on this machine."""
    path = dataset.options.get("schema")
    if not path:
        return None
    from common.data.schema_file import load_schema
    from common.errors import DataError

    try:
        return load_schema(path)
    except DataError as error:
        raise error.in_full() from None
