"""The contract of a placement: which nodes train which trials."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from common.errors import ConfigError


@dataclass(frozen=True)
class Request:
    """One trial that needs nodes for its next round, or for its score.

    Parameters
    ----------
    trial : int
        Its number.
    slot : int
        Which of the concurrent places it holds, from 0.
    round : int
        The trial's round, from 1; of a score, the last one that it trained.
    turn : int
        How often the search has handed out rounds, from 1; the same for all trials that begin a round together.
    least : int
        With fewer nodes nothing comes of it.
    unable : collection of str
        Nodes that cannot hold the trial.
    seconds : mapping of str to float
        By node of which that is foreseen: how long it computes.
    deadline : float
        Seconds that a node may be foreseen to compute, to be in time.
    held_before : callable, optional
        From a node's name: how many of the trials with lower numbers it could hold; None for all of them.
    """

    trial: int
    slot: int
    round: int
    turn: int
    least: int = 1
    unable: Collection[str] = ()
    seconds: Mapping[str, float] = field(default_factory=dict)
    deadline: float = math.inf
    held_before: Callable[[str], int] | None = None


class Placement(ABC):
    """Chooses the nodes that train a trial in a round, and those of the panel that are asked for its score.

    The choice is a pure function of the run's seed, the request and the nodes' names: it depends
    neither on the order of replies nor on Flower's node ids.

    Parameters
    ----------
    seed : int
        The run's seed.
    slots : int
        Trials that train at the same time.
    options : Options
        What only this placement knows.
    """

    tells_apart: ClassVar[bool] = False
    """Whether nodes are told apart by what they can hold and finish: so a trial need not suit all of them."""

    @dataclass(frozen=True)
    class Options:
        """Options that every placement has.

        Parameters
        ----------
        nodes_per_round : int, optional
            Nodes that train one trial in one round, if there are so many; None for all that there are.
        """

        nodes_per_round: int | None = None

    def __init__(self, seed: int, slots: int, options: Any = None) -> None:
        self.seed = seed
        self.slots = slots
        self.options: Any = self.Options() if options is None else options
        wanted = self.options.nodes_per_round
        if wanted is not None and wanted < 1:
            raise ConfigError("placement.nodes_per_round must be 1 or more", wanted, fix="Leave it out for all nodes")

    def most(self, nodes: int) -> int:
        """Return how many nodes train a trial in a round at most, of so many that are there."""
        return min(nodes, self.options.nodes_per_round or nodes)

    @abstractmethod
    def select(self, request: Request, nodes: Sequence[str]) -> tuple[str, ...]:
        """Return the names of the nodes that train, sorted; raises `ConfigError` where there are too few."""

    def judges(self, request: Request, panel: Sequence[str]) -> tuple[str, ...]:  # noqa: ARG002
        """Return the names of those of the panel that are asked for a score in the search, sorted: all of them."""
        return tuple(sorted(panel))
