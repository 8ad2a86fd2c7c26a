"""The contract of a placement: which nodes train which trials."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from common.errors import ConfigError


@dataclass(frozen=True)
class Request:
    """One trial that needs nodes for its next round.

    Parameters
    ----------
    trial : int
        Its number.
    slot : int
        Which of the concurrent places it holds, from 0.
    round : int
        The trial's round, from 1.
    turn : int
        How often the search has handed out rounds, from 1; the same for all trials that begin a round together.
    """

    trial: int
    slot: int
    round: int
    turn: int


class Placement(ABC):
    """Chooses the nodes that train a trial in a round.

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
