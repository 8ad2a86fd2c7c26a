"""Partitions: how simulated nodes share one pool.

Each function takes what it cuts by (labels, people or a count) and gives one array of positions for
each node, in increasing order for `iid` and `dirichlet`, person by person for `natural`. The arrays
are disjoint and cover everything.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from common.errors import ConfigError

MIN_EXAMPLES = 5
"""Fewest examples of a node under `iid` and `dirichlet`: enough to train, validate and test."""

_ATTEMPTS = 100

Index = NDArray[np.int64]


def iid(
    count: int, partitions: int, rng: np.random.Generator, least: int = MIN_EXAMPLES, what: str = "example"
) -> list[Index]:
    """Cut `count` examples, or what else is dealt out whole, at random into parts whose sizes differ by at most 1.

    Raises
    ------
    ConfigError
        A node would get fewer than `least`.
    """
    _check_size(count, partitions, least, what)
    return [np.sort(part) for part in np.array_split(rng.permutation(count), partitions)]


def dirichlet(
    labels: Index,
    partitions: int,
    alpha: float,
    rng: np.random.Generator,
    least: int = MIN_EXAMPLES,
    what: str = "example",
) -> list[Index]:
    """Cut by skewed labels: each class is shared out by a draw from a Dirichlet distribution.

    The variant is the one of Yurochkin et al. (ICML 2019), which Flower's ``DirichletPartitioner``
    follows: for each class, shares of the nodes are drawn from Dir(alpha, ..., alpha), and a node that
    already holds more than the average gets none. So the classes differ between nodes and the sizes stay of
    one order; in the variant of Hsu et al. (2019) all sizes are equal. We depart from Flower in that
    the examples of a class are shuffled before they are shared out, so that the order of the file
    has no say.

    Parameters
    ----------
    labels : Index
        Shape ``(n,)``.
    partitions : int
        Number of nodes.
    alpha : float
        Concentration: 0.1 gives a node one or two classes, 100 all of them alike.
    rng : numpy.random.Generator
        Redrawn from until each node has enough, at most 100 times.
    least : int
        How many are enough.
    what : str
        What is dealt out, for errors.

    Raises
    ------
    ConfigError
        No draw gave each node enough.
    """
    _check_size(len(labels), partitions, least, what)
    smallest = 0
    for _ in range(_ATTEMPTS):
        parts = _dirichlet_draw(labels, partitions, alpha, rng)
        fewest = min(len(part) for part in parts)
        if fewest >= least:
            return parts
        smallest = max(smallest, fewest)
    needed = f"{least} {what}{'' if least == 1 else 's'}"
    raise ConfigError(
        f"Each of {partitions} nodes needs {needed}, but the best of {_ATTEMPTS} Dirichlet draws with "
        f"dataset.alpha={alpha:g} over {len(labels)} {what}s left one node with {smallest}",
        fix="Raise dataset.alpha, or use fewer nodes",
    )


def _dirichlet_draw(labels: Index, partitions: int, alpha: float, rng: np.random.Generator) -> list[Index]:
    held: list[list[Index]] = [[] for _ in range(partitions)]
    sizes = np.zeros(partitions, dtype=np.int64)
    for label in np.unique(labels):
        rows = rng.permutation(np.flatnonzero(labels == label))
        open_nodes = sizes <= len(labels) / partitions
        shares = rng.dirichlet(np.full(partitions, alpha)) * open_nodes
        if shares.sum() <= 0:  # a tiny alpha gave everything to nodes that are full
            shares = open_nodes.astype(np.float64)
        borders = (np.cumsum(shares / shares.sum())[:-1] * len(rows)).astype(np.int64)
        for node, part in enumerate(np.split(rows, borders)):
            held[node].append(part)
            sizes[node] += len(part)
    return [np.sort(np.concatenate(parts)) for parts in held]


def natural(people: Index, partitions: int, rng: np.random.Generator) -> list[Index]:
    """Cut by person.

    As many nodes as people: the k-th node is the k-th person, in sorted order. Fewer nodes: the people
    are shuffled and dealt in turn, so the nodes' numbers of people differ by at most 1.

    Parameters
    ----------
    people : Index
        Shape ``(n,)``: whose example it is.
    partitions : int
        Number of nodes.
    rng : numpy.random.Generator
        Shuffles the people where there are fewer nodes.

    Raises
    ------
    ConfigError
        There are more nodes than people.
    """
    names = np.unique(people)
    if partitions > len(names):
        raise ConfigError(
            "dataset.partition=natural gives each node a person of its own, and "
            + ("there is 1 person" if len(names) == 1 else f"there are {len(names)} people"),
            partitions,
            fix=f"Set federation.nodes to {len(names)} or fewer",
        )
    if partitions < len(names):
        names = rng.permutation(names)
    return [_rows_of(people, names[node::partitions]) for node in range(partitions)]


def _rows_of(people: Index, names: Index) -> Index:
    rows: Sequence[Index] = [np.flatnonzero(people == name) for name in np.sort(names)]
    return np.concatenate(rows)


def _check_size(count: int, partitions: int, least: int, what: str) -> None:
    most = count // least
    if partitions > most:
        needed = f"{least} {what}{'' if least == 1 else 's'}"
        raise ConfigError(
            f"Each node needs {needed}, so {count} are enough for {most} node{'' if most == 1 else 's'}",
            partitions,
            fix="Use fewer nodes, or more data",
        )
