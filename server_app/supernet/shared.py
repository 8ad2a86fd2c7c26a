"""The shared tensors of a supernet: networks are cut out of them, and what became of these is merged.

    cut       the packed state of one network, whose blocks begin where nobody has asked for them before
    merge     of each number the mean over the networks that have it, weighted; all other numbers stay as they are

    shared [1 2 3 4]    a trained [5 6], weight 1    b trained [8 9 9], weight 3
    merged [(5 + 3 8) / 4, (6 + 3 9) / 4, 9, 4] = [7.25 8.25 9 4]

A. Diao, J. Ding & V. Tarokh, "HeteroFL", ICLR 2021, equations 2 to 5, average in this way over clients of different
widths; A. Khare et al., "SuperFedNAS", ECCV 2024, over subnets of a supernet. Here it is over trials, each of which is
itself a mean over its nodes, weighted by examples: so all in all over nodes.

The supernet is the union of all networks that were cut out of it. It need not be known before, so every space has one;
it grows at its ends: by channels, on both sides of windows, and by tensors.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from common.architecture.initial import start
from common.architecture.layout import layout, state_size, views_of
from common.seeding import generator
from server_app.supernet.blocks import Block, blocks_of, within

if TYPE_CHECKING:
    from common.architecture.graph import Graph
    from common.jobs import Weights


@dataclass(frozen=True)
class Part:
    """What became of one network.

    Parameters
    ----------
    graph : Graph
        The network.
    weights : Weights
        Its packed state.
    weight : float
        What it counts for, such as its training examples; above 0.
    """

    graph: Graph
    weights: Weights
    weight: float


class Shared:
    """Shared tensors, by name.

    Parameters
    ----------
    seed : int
        What numbers begin as comes from it, from the tensor's name and from how it grew.
    tensors : mapping of str to Weights
        What it begins with, which is not written into.

    Attributes
    ----------
    changes : int
        How often numbers have changed or come since it was built; while it stands still, so does `state_dict`.
    """

    def __init__(self, seed: int, tensors: Mapping[str, Weights] = MappingProxyType({})) -> None:
        self._seed = seed
        self.changes = 0
        self._tensors = {name: tensor.copy() for name, tensor in tensors.items()}

    @property
    def tensors(self) -> Mapping[str, Weights]:
        """All of them, by name; not to be written into."""
        return MappingProxyType(self._tensors)

    @property
    def size(self) -> int:
        """Numbers of the whole supernet, as far as it has grown."""
        return sum(tensor.size for tensor in self._tensors.values())

    def missing(self, graph: Graph) -> int:
        """Count the numbers of a network that nobody has asked for before."""
        count = 0
        for block in blocks_of(graph):
            whole = self._tensors.get(block.key)
            known = 0 if whole is None else math.prod(map(min, block.shape, whole.shape))
            count += math.prod(block.shape) - known
        return count

    def cut(self, graph: Graph) -> Weights:
        """Return the packed state of a network, the caller's own; what was never asked for begins."""
        packed: Weights = np.empty(state_size(layout(graph)), np.float32)
        views = views_of(packed, layout(graph))
        for block in blocks_of(graph):
            whole = self._grown(block)
            views[block.info.name][block.inside] = whole[block.within(whole.shape)]
        return packed

    def merge(self, parts: Sequence[Part]) -> None:
        """Write into each number the mean over the networks that have it.

        Parameters
        ----------
        parts : sequence of Part
            All networks of a turn; the result depends on their order by rounding in double precision only.
        """
        sums: dict[str, NDArray[np.float64]] = {}
        weights: dict[str, NDArray[np.float64]] = {}
        for block in (block for part in parts for block in blocks_of(part.graph)):
            self._grown(block)
        for part in parts:
            views = views_of(part.weights, layout(part.graph))
            for block in blocks_of(part.graph):
                whole = self._tensors[block.key].shape
                if block.key not in sums:
                    sums[block.key], weights[block.key] = np.zeros(whole), np.zeros(whole)
                place = block.within(whole)
                sums[block.key][place] += part.weight * views[block.info.name][block.inside].astype(np.float64)
                weights[block.key][place] += part.weight
        for key, total in sums.items():
            trained = weights[key] > 0
            self._tensors[key][trained] = (total[trained] / weights[key][trained]).astype(np.float32)
        self.changes += len(sums)

    def state_dict(self) -> dict[str, Any]:
        """Return names and shapes, and all numbers as one array, which is no longer written into."""
        tensors = self._tensors.values()
        packed = np.concatenate([tensor.ravel() for tensor in tensors]) if tensors else np.empty(0, np.float32)
        return {"shapes": [[key, list(tensor.shape)] for key, tensor in self._tensors.items()], "tensors": packed}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take back what `state_dict` returned."""
        self._tensors, start = {}, 0
        self.changes += 1
        for key, shape in state["shapes"]:
            size = math.prod(shape)
            self._tensors[key] = state["tensors"][start : start + size].reshape(shape).copy()
            start += size

    def _grown(self, block: Block) -> Weights:
        """Return the shared tensor of a block, which holds all of it."""
        old = self._tensors.get(block.key)
        shape = block.shape if old is None else tuple(map(max, old.shape, block.shape))
        if old is not None and shape == old.shape:
            return old
        new: Weights = generator(self._seed, "supernet", block.key, *shape).random(shape, dtype=np.float32)
        start(new, block.info)
        if old is not None:
            new[within(old.shape, shape, block.windows)] = old
        self._tensors[block.key] = new
        self.changes += 1
        return new
