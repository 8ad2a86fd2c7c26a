"""Tables of invented architectures, for judging controllers on more than one table, and for choosing their constants.

    python tests/benchmarks/synthetic_tables.py --kind cell chain --count 4 --out tables
    flwr-nas benchmark space.table=tables/cell-0.json controller=random,evolution

A ``cell`` has one of five operations on each of six edges, as the cells of X. Dong and Y. Yang, "NAS-Bench-201", ICLR
2020: nothing, identity, two convolutions and a pooling; where nothing leads from the input to the output it guesses.
A ``chain`` has one of three blocks at each of eight places, which become wider: identity, a cheap and a dear one.

What a network is worth is drawn anew for each table. An operation does as much good everywhere, and more or less than
that at each place; pairs of operations go well or badly together; the rest belongs to the network alone. How much of
each there is, how far dear operations are the better ones, how soon all of that saturates below a ceiling, and how far
three trainings of one network lie apart, is drawn too. Nothing is taken from any table that there is.
"""

from __future__ import annotations

import argparse
import itertools
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import numpy as np
from numpy.typing import NDArray

from common.seeding import generator

_SEEDS = 3
_CEILING = 94.0
_GUESSED = 10.0
_EDGES = ((0, 1), (0, 2), (1, 2), (0, 3), (1, 3), (2, 3))
_NOTHING = 0


@dataclass(frozen=True)
class Kind:
    """What architectures of a kind are made of.

    Parameters
    ----------
    weights : tuple of int
        Of one channel in and out, for each operation.
    channels : tuple of int
        At each place.
    breaks : bool
        Whether the places are the edges of a cell, which operation 0 cuts.
    """

    weights: tuple[int, ...]
    channels: tuple[int, ...]
    breaks: bool = False

    @property
    def keys(self) -> NDArray[np.int64]:
        """All architectures, shape ``(architectures, places)``: an operation at each place."""
        digits = range(len(self.weights))
        return np.array(list(itertools.product(digits, repeat=len(self.channels))), dtype=np.int64)


KINDS = {
    "cell": Kind((0, 0, 1, 9, 0), (16,) * len(_EDGES), breaks=True),
    "chain": Kind((0, 3, 6), (16, 16, 32, 32, 32, 64, 64, 64)),
}


def table(kind: Kind, seed: int) -> dict[str, dict[str, object]]:
    """Return a table as `server_app.spaces.table` reads it."""
    rng = generator(seed, "synthetic table", *kind.weights)
    keys = kind.keys
    per_place = np.outer(np.square(kind.channels), kind.weights)
    parameters = 1000 + _at(per_place, keys).sum(axis=1)
    macs = 1024 * 1000 + _at(per_place * 1024 // np.square(np.array(kind.channels) // 16)[:, None], keys).sum(axis=1)
    worth = _worth(kind, keys, rng)
    apart = rng.uniform(0.08, 0.3) + 0.04 * (_CEILING - worth)
    broken = np.array([kind.breaks and not _connected(key) for key in keys.tolist()])
    worth[broken], apart[broken] = _GUESSED, 0.0
    scores = np.round(worth[:, None] + apart[:, None] * rng.standard_normal((len(keys), _SEEDS)), 2)
    return {
        "".join(map(str, key)): {"test_acc": own, "params": own_parameters, "flops": own_macs}
        for key, own, own_parameters, own_macs in zip(
            keys.tolist(), scores.tolist(), parameters.tolist(), macs.tolist(), strict=True
        )
    }


def _worth(kind: Kind, keys: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.float64]:
    """Return what each architecture is worth, in percent, before any is found to be broken."""
    places, operations = len(kind.channels), len(kind.weights)
    dear = np.argsort(np.argsort(kind.weights, kind="stable"), kind="stable") - (operations - 1) / 2
    rho = rng.uniform(0.0, 0.9)
    everywhere = rho * dear / dear.std() + np.sqrt(1 - rho**2) * rng.standard_normal(operations)
    importance = rng.lognormal(0.0, 0.5, places)
    good = importance[:, None] * (everywhere + 0.5 * rng.standard_normal((places, operations)))
    pairs = np.zeros(len(keys))
    for a, b in itertools.combinations(range(places), 2):
        pairs += (importance[a] * importance[b]) ** 0.5 * rng.standard_normal((operations, operations))[
            keys[:, a], keys[:, b]
        ]
    shares = (1.0, rng.uniform(0.2, 0.6), rng.uniform(0.05, 0.2))
    parts = [_at(good, keys).sum(axis=1), pairs, rng.standard_normal(len(keys))]
    sums = [share * (part - part.mean()) / part.std() for share, part in zip(shares, parts, strict=True)]
    total = np.sum(sums, axis=0)
    total /= total.std()
    missing = np.log1p(np.exp(rng.uniform(1.0, 2.0) * (rng.uniform(0.5, 1.5) - total)))
    return np.asarray(_CEILING - rng.uniform(1.0, 5.0) * missing / np.median(missing))


def _at(values: NDArray[np.float64] | NDArray[np.int64], keys: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return of values by place and operation those of each key, shape ``(architectures, places)``."""
    return np.asarray(values[np.arange(keys.shape[1]), keys])


def _connected(operations: Sequence[int]) -> bool:
    """Return whether something leads from the first node of a cell to its last."""
    reached = {0}
    for (start, end), operation in zip(_EDGES, operations, strict=True):
        if operation != _NOTHING and start in reached:
            reached.add(end)
    return _EDGES[-1][1] in reached


def main() -> None:
    """Write tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kind", nargs="+", choices=list(KINDS), default=list(KINDS))
    parser.add_argument("--count", type=int, default=4, help="tables of each kind")
    parser.add_argument("--first", type=int, default=0, help="seed of the first one")
    parser.add_argument("--out", type=Path, required=True, help="folder")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    for name in arguments.kind:
        for seed in range(arguments.first, arguments.first + arguments.count):
            path = arguments.out / f"{name}-{seed}.json"
            path.write_text(json.dumps(table(KINDS[name], seed)), encoding="utf-8")
            print(path)


if __name__ == "__main__":
    main()
