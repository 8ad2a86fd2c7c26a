"""Specs ranked by their zero-cost scores, by each score on its own and by all together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from common.architecture.spec import ArchitectureSpec
from common.models.proxies import PROXIES

MEAN_RANK = "mean_rank"
"""What all scores together say: the mean of a spec's ranks, less of which is better."""


@dataclass(frozen=True)
class ProxyScores:
    """The zero-cost scores of one spec.

    Parameters
    ----------
    spec : ArchitectureSpec
        Which one.
    scores : mapping of str to float
        By name, as far as there are any: those of its graph, and the means over the nodes.
    nodes : mapping of str to int
        By name of a mean, how many nodes it is over.
    reasons : tuple of str
        Why nodes gave none, each once.
    """

    spec: ArchitectureSpec
    scores: Mapping[str, float]
    nodes: Mapping[str, int] = field(default_factory=dict)
    reasons: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {
            "id": self.spec.id,
            "architecture": self.spec.describe(),
            "spec": self.spec.to_dict(),
            "scores": dict(self.scores),
            "nodes": dict(self.nodes),
            "reasons": list(self.reasons),
        }


def ranks_of(values: Sequence[float | None]) -> NDArray[np.float64]:
    """Return the ranks of values: 1 of the greatest, and of equal ones the mean of the ranks that they share.

    Those that are missing share the last ranks.

    Parameters
    ----------
    values : sequence of float or None
        Finite.

    Returns
    -------
    NDArray
        float64, of the same length.
    """
    numbers = np.array([-np.inf if value is None else value for value in values])
    _, which, counts = np.unique(-numbers, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    means: NDArray[np.float64] = (last - (counts - 1) / 2)[which]
    return means


def rank_all(found: Sequence[ProxyScores]) -> dict[str, list[float]]:
    """Return the ranks of specs by each score that any of them has, and by `MEAN_RANK`, in their order.

    Of equal mean ranks the specs share their ranks, too.
    """
    values = {name: [each.scores.get(name) for each in found] for name in PROXIES}
    ranks = {name: ranks_of(column) for name, column in values.items() if any(v is not None for v in column)}
    if ranks:
        mean = np.mean(list(ranks.values()), axis=0)
        ranks[MEAN_RANK] = ranks_of(list(-mean))
    return {name: column.tolist() for name, column in ranks.items()}


def best(found: Sequence[ProxyScores], ranks: Sequence[float], count: int) -> list[int]:
    """Return the places of the best by these ranks, best first; of equal ones the order of their ids decides.

    A spec that was not scored, and so shares the last ranks, may be among them where there are too few others.
    """
    order = sorted(range(len(found)), key=lambda place: (ranks[place], found[place].spec.id))
    return order[:count]
