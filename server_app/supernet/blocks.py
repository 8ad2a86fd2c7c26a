"""Which parts of which shared tensors a network is made of.

Every tensor of a network is cut from one that it shares with all networks that have the same operation in the same
place (nodes of one name): its first channels, as in slimmable networks (J. Yu et al., ICLR 2019), and the middle of its
window, as in once-for-all networks (H. Cai et al., ICLR 2020), though without their transformation of kernels. Where an
axis counts channels of several kinds, such as those that were put side by side, or queries, keys and values, the first
ones of each kind are taken: such a tensor is made of several blocks.

A convolution that gives 5 channels and reads 3 that were put before 2 others, with a window of 3, has two blocks:

    shared tensor                             in the network      in the shared tensor
    layer1_conv convolution weight |first/    [0:5, 0:3, 0:3]     [0:5, 0:3, middle 3]
    layer1_conv convolution weight |second/   [0:5, 3:5, 0:3]     [0:5, 0:2, middle 3]
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias

from common.architecture.graph import INPUT, Graph, Node
from common.architecture.operations import Concatenate, Convolution, Flatten, Operation
from common.architecture.tensors import Shape, TensorInfo
from server_app.transfer.axes import AXES

Axis: TypeAlias = tuple[tuple[str, int], ...]
"""What an axis counts: kinds, and of each how many; they lie side by side, and are the first ones of their kind."""


@dataclass(frozen=True)
class Block:
    """One part of a tensor of a network, and which shared tensor it is cut from.

    Parameters
    ----------
    key : str
        Name of the shared tensor.
    info : TensorInfo
        The tensor of the network.
    start, shape : tuple of int
        Where the block is in it: first places, and extents.
    windows : int
        How many of the last axes are those of a window.
    """

    key: str
    info: TensorInfo
    start: tuple[int, ...]
    shape: Shape
    windows: int

    @property
    def inside(self) -> tuple[slice, ...]:
        """Where it is in the network's tensor."""
        return tuple(slice(first, first + extent) for first, extent in zip(self.start, self.shape, strict=True))

    def within(self, whole: Shape) -> tuple[slice, ...]:
        """Return where it is in a shared tensor of the shape `whole`; see `within`."""
        return within(self.shape, whole, self.windows)


def within(shape: Shape, whole: Shape, windows: int) -> tuple[slice, ...]:
    """Return where a block is in a larger one: the first channels, and of windows what lies around their middle.

    Parameters
    ----------
    shape, whole : tuple of int
        Extents of both.
    windows : int
        How many of the last axes are those of a window.

    Examples
    --------
    >>> within((2, 3), (4, 7), windows=1)
    (slice(0, 2, None), slice(2, 5, None))
    """
    channels = len(shape) - windows
    firsts = [0] * channels
    firsts += [_middle(large) - _middle(own) for large, own in zip(whole[channels:], shape[channels:], strict=True)]
    return tuple(slice(first, first + extent) for first, extent in zip(firsts, shape, strict=True))


def _middle(extent: int) -> int:
    """Return the place of a window to which its output belongs."""
    return (extent - 1) // 2


@lru_cache(maxsize=1024)
def blocks_of(graph: Graph) -> tuple[Block, ...]:
    """Return the blocks of all tensors of a network, each number of its state in one of them."""
    axes: list[Axis] = []
    found: list[Block] = []
    for node in graph.nodes:
        read = [(("", graph.input_shape[0]),) if source == INPUT else axes[source] for source in node.inputs]
        given = _given(graph, node, read)
        axes.append(given)
        for info in node.operation.tensors(*graph.entering(node)):
            found += _blocks(node, info, read[0], given)
    return tuple(found)


def _given(graph: Graph, node: Node, read: Sequence[Axis]) -> Axis:
    """Return what the channels are that a node gives."""
    operation, width = node.operation, node.output_shape[0]
    if isinstance(operation, Concatenate):
        return tuple(_beside(graph, node, read))
    if isinstance(operation, Flatten):
        extents = graph.entering(node)[0][1:]
        places = width // graph.entering(node)[0][0]
        return tuple((f"{kind}@{'x'.join(map(str, extents))}", count * places) for kind, count in read[0])
    if not _mixes(operation) and sum(count for _, count in read[0]) == width:
        return read[0]
    return (("", width),)


def _beside(graph: Graph, node: Node, read: Sequence[Axis]) -> Iterator[tuple[str, int]]:
    """Yield the kinds of what is put side by side, told apart by the part that each source plays in its layer."""
    met: Counter[str] = Counter()
    for source, axis in zip(node.inputs, read, strict=True):
        part = "input" if source == INPUT else graph.nodes[source].name.partition("_")[2]
        met[part] += 1
        own = part if met[part] == 1 else f"{part}#{met[part]}"
        yield from ((f"{own}/{kind}", count) for kind, count in axis)


def _mixes(operation: Operation) -> bool:
    """Tell whether each channel that an operation gives comes of all that it reads."""
    reads = any("in" in axes for axes in AXES.get(operation.op, {}).values())
    return reads and not _is_depthwise(operation)


def _is_depthwise(operation: Operation) -> bool:
    return isinstance(operation, Convolution) and operation.depthwise


def _blocks(node: Node, info: TensorInfo, read: Axis, given: Axis) -> Iterator[Block]:
    counted = AXES[node.operation.op][info.name]
    axes = [_axis(name, info.shape[index], read, given, node.operation) for index, name in enumerate(counted)]
    windows = len(info.shape) - len(counted)
    named = TensorInfo(f"{node.name}.{info.name}", info.shape, info.init, info.fan_in, info.trainable)
    for parts in itertools.product(*map(_placed, axes)):
        kinds = "|".join(kind for kind, _, _ in parts)
        start = (*(first for _, first, _ in parts), *[0] * windows)
        shape = (*(count for _, _, count in parts), *info.shape[len(counted) :])
        yield Block(f"{node.name} {_does(node.operation)} {info.name} {kinds}", named, start, shape, windows)


def _axis(name: str, extent: int, read: Axis, given: Axis, operation: Operation) -> Axis:
    if name == "in":
        return (("", extent),) if _is_depthwise(operation) else read
    if name == "three out":
        return tuple((f"{part}{kind}", count) for part in "123" for kind, count in given)
    return given


def _placed(axis: Axis) -> Iterator[tuple[str, int, int]]:
    """Yield each kind with its first place and its count."""
    first = 0
    for kind, count in axis:
        yield kind, first, count
        first += count


def _does(operation: Operation) -> str:
    """Return what must agree for two operations to share tensors; strides, groups and widths need not."""
    if isinstance(operation, Convolution):
        apart = f"_d{operation.dilation}" if operation.dilation > 1 else ""
        return f"{'depthwise' if operation.depthwise else operation.op}{apart}"
    heads = getattr(operation, "heads", None)
    return operation.op if heads is None else f"{operation.op}_h{heads}"
