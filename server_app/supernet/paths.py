"""Which paths through a supernet train in a round of its warm-up.

    uniform     any, each on its own: Z. Guo et al., "Single Path One-Shot Neural Architecture Search", ECCV 2020
    sandwich    the largest, the smallest, and any between: J. Yu & T. Huang, "Universally Slimmable Networks and
                Improved Training Techniques", ICCV 2019, section 3.1; in a federation SuperFedNAS (A. Khare et al.,
                ECCV 2024)
    fair        those of which the parts have trained least: X. Chu, B. Zhang & R. Xu, "FairNAS", ICCV 2021. There each
                choice of each place trains once in a round; here, where a choice may depend on another one, each path
                is the one of a few that brings most training to what has had little.
    pareto      along a cached front of MACs and entropy, a score without data: B. Khan & M. Daneshtalab,
                "DeepFedNAS", arXiv:2601.15127, 2026, which looks for the best of each budget by evolution; here the
                front is that of many that are drawn, and of their mutations

What is largest and smallest goes by MACs, then parameters, among as many, since limits may forbid what has the most of
everything.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate

import numpy as np

from common.architecture.spec import ArchitectureSpec
from common.models.proxies.entropy import score as entropy
from common.seeding import generator
from server_app.spaces.base import SearchSpace
from server_app.supernet.blocks import blocks_of

LARGEST, SMALLEST = "largest", "smallest"
"""Origins of the two ends of a sandwich."""
_DRAWN = 500
"""Specs among which ends and fronts are looked for, and so many mutations of what was found there."""
_OFFERED = 16
"""Paths of which the one is taken that is needed most."""

Path = tuple[ArchitectureSpec, str]
"""What trains, and how it was found."""


@dataclass
class Paths:
    """Draws the paths of each round.

    Parameters
    ----------
    space : SearchSpace
        What there is.
    sampling : str
        A name in `SAMPLINGS`.
    count : int
        Paths of a round; at least 1.
    seed : int
        The stage's; what a round draws comes from it and the round's number.
    given : sequence of ArchitectureSpec
        Specs that take turns as one path of each round, whatever is drawn beside them: those that a search begins with.
    """

    space: SearchSpace
    sampling: str
    count: int
    seed: int
    given: Sequence[ArchitectureSpec] = ()

    def of_round(self, number: int, before: Collection[ArchitectureSpec]) -> list[Path]:
        """Return the paths of a round.

        Parameters
        ----------
        number : int
            Of the round, from 1.
        before : collection of ArchitectureSpec
            All paths of earlier rounds.
        """
        rng = generator(self.seed, "paths", number)
        turn = [(self.given[(number - 1) % len(self.given)], "given")] if self.given else []
        return [*turn, *SAMPLINGS[self.sampling](self, rng, self.count - len(turn), before)]

    @cached_property
    def ends(self) -> tuple[ArchitectureSpec, ArchitectureSpec]:
        """The largest and the smallest."""
        drawn = self._many(self._size)
        return max(drawn, key=self._size), min(drawn, key=self._size)

    @cached_property
    def front(self) -> list[ArchitectureSpec]:
        """What no other one has less MACs and more entropy than, by MACs."""
        drawn = self._many(lambda spec: (self._entropy(spec), *self._size(spec)))
        drawn.sort(key=lambda spec: (self.space.cost(spec).macs, -self._entropy(spec)))
        best = list(accumulate((self._entropy(spec) for spec in drawn), max))
        return [spec for place, spec in enumerate(drawn) if place == 0 or self._entropy(spec) > best[place - 1]]

    def _many(self, key: Callable[[ArchitectureSpec], tuple[float, ...]]) -> list[ArchitectureSpec]:
        """Return what is drawn, and mutations of what is highest and lowest by `key`."""
        rng = generator(self.seed, "ends")
        drawn = self.space.samples(_DRAWN, rng)
        for sign in (1, -1):
            best = max(drawn, key=lambda spec: tuple(sign * part for part in key(spec)))
            for _ in range(_DRAWN // 2):
                mutant = self.space.mutate(best, rng)
                drawn.append(mutant)
                best = max(best, mutant, key=lambda spec: tuple(sign * part for part in key(spec)))
        return list(dict.fromkeys(drawn))

    def _size(self, spec: ArchitectureSpec) -> tuple[int, int]:
        cost = self.space.cost(spec)
        return cost.macs, cost.parameters

    def _entropy(self, spec: ArchitectureSpec) -> float:
        return entropy(spec.lower(self.space.task))


def uniform(paths: Paths, rng: np.random.Generator, count: int, before: Collection[ArchitectureSpec]) -> list[Path]:  # noqa: ARG001
    """Return any."""
    return [(paths.space.sample(rng), "sample") for _ in range(count)]


def sandwich(paths: Paths, rng: np.random.Generator, count: int, before: Collection[ArchitectureSpec]) -> list[Path]:
    """Return the largest, the smallest, and any between; of one alone the largest."""
    largest, smallest = paths.ends
    ends = [(largest, LARGEST), (smallest, SMALLEST)][:count]
    return [*ends, *uniform(paths, rng, count - len(ends), before)]


def fair(paths: Paths, rng: np.random.Generator, count: int, before: Collection[ArchitectureSpec]) -> list[Path]:
    """Return those whose parts have trained least, all earlier rounds and the paths before each counted."""
    trained: Counter[str] = Counter()
    task, found = paths.space.task, []

    def keys(spec: ArchitectureSpec) -> list[str]:
        return [block.key for block in blocks_of(spec.lower(task))]

    for spec in before:
        trained.update(keys(spec))
    for _ in range(count):
        offered = [paths.space.sample(rng) for _ in range(_OFFERED)]
        spec = max(offered, key=lambda one: sum(1 / (1 + trained[key]) for key in keys(one)) / len(keys(one)))
        trained.update(keys(spec))
        found.append((spec, "fair"))
    return found


def pareto(paths: Paths, rng: np.random.Generator, count: int, before: Collection[ArchitectureSpec]) -> list[Path]:  # noqa: ARG001
    """Return the ends of the front, and places between."""
    front = paths.front
    between = [front[int(place)] for place in rng.integers(len(front), size=max(0, count - 2))]
    return [(spec, "pareto") for spec in [front[-1], front[0], *between][:count]]


SAMPLINGS: Mapping[str, Callable[[Paths, np.random.Generator, int, Collection[ArchitectureSpec]], list[Path]]] = {
    each.__name__: each for each in (uniform, sandwich, fair, pareto)
}
"""By name, what draws the paths of a round."""
