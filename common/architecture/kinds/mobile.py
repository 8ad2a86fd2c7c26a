"""Mobile specs: chains of inverted residual blocks, as in MobileNets, once-for-all networks and NAS-Bench-Macro."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Self

from common.architecture.graph import HEAD, Graph, GraphBuilder
from common.architecture.kinds.blocks import MAX_STRIDES, NORMS, BlockBuilder
from common.architecture.kinds.mobile_blocks import MAX_WIDTH, Block, Identity, block_from_dict
from common.architecture.rules import MAX_LAYERS, one_of, whole
from common.architecture.spec import ArchitectureSpec
from common.errors import SpecError

if TYPE_CHECKING:
    from common.tasks import Task

ACTIVATIONS = ("relu", "relu6", "hard_swish", "silu")
RULES = {
    "stem_width": whole(1, MAX_WIDTH),
    "stem_strides": whole(0, MAX_STRIDES),
    "last_width": whole(0, MAX_WIDTH),
    "activation": one_of(ACTIVATIONS),
    "norm": one_of(NORMS),
}


@dataclass(frozen=True)
class MobileSpec(ArchitectureSpec):
    """A stem, blocks one after the other, a 1x1 convolution, and the mean over space before the head.

    For sequences and images. Convolutions have no bias; each is followed by a norm.

    Parameters
    ----------
    blocks : sequence of Block
        At most 64; there may be none. An identity that changes neither extents nor channels is nothing, and left out:
        so a network has one id, however often it does nothing and wherever. A stage is a block that changes either,
        with those that follow it up to the next such block.
    stem_width : int
        Channels of the stem.
    stem_strides : int
        How many convolutions of stride 2 the stem has; where 0, it has one of stride 1.
    last_width : int
        Channels of the last convolution; where 0, there is none.
    activation : {"relu", "relu6", "hard_swish", "silu"}
        After stem and last convolution, and within blocks.
    norm : {"group", "batch"}
        After each convolution.
    """

    blocks: tuple[Block, ...]
    stem_width: int = 8
    stem_strides: int = 0
    last_width: int = 0
    activation: str = "relu6"
    norm: str = "group"

    kind: ClassVar[str] = "mobile"
    version: ClassVar[int] = 1

    def __post_init__(self) -> None:
        for name, rule in RULES.items():
            object.__setattr__(self, name, rule(name, getattr(self, name)))
        if not isinstance(self.blocks, Sequence) or not all(isinstance(block, Block) for block in self.blocks):
            raise SpecError("blocks must be a sequence of blocks", self.blocks, fix="Use from_dict for JSON values")
        _check_depth(self.blocks)
        object.__setattr__(self, "blocks", tuple(_real(self.blocks, self.stem_width)))

    @property
    def names(self) -> tuple[str, ...]:
        """What the blocks are called: their stage, and their place in it, such as ``stage0block1``."""
        return tuple(_names(self.blocks, self.stem_width))

    def describe(self) -> str:
        """Return one line for people, such as ``stem 8 → mb4 k3 16 s2 → mb4 k5 se 16 → 64``."""
        last = [str(self.last_width)] if self.last_width else []
        return " → ".join([f"stem {self.stem_width}", *(block.describe() for block in self.blocks), *last])

    def to_values(self) -> dict[str, Any]:
        """Return all fields, blocks as objects."""
        return {"blocks": [block.to_dict() for block in self.blocks], **{name: getattr(self, name) for name in RULES}}

    @classmethod
    def from_values(cls, values: Mapping[str, Any]) -> Self:
        """Build from plain JSON values; see `ArchitectureSpec.from_values`."""
        if "blocks" not in values:
            raise SpecError("A mobile spec needs blocks", sorted(values), fix="Give a list of blocks; it may be empty")
        blocks = values["blocks"]
        if not isinstance(blocks, list | tuple):
            raise SpecError("blocks must be a list", blocks, fix="Give one object for each block")
        _check_depth(blocks)
        return cls(**{**values, "blocks": tuple(_parse(index, block) for index, block in enumerate(blocks))})

    def _lower(self, task: Task) -> Graph:
        if task.kind == "vector":
            rule = "Mobile networks work on a sequence or an image"
            raise SpecError(rule, task.input_shape, fix="Use a layered spec for vectors")
        builder = BlockBuilder(GraphBuilder(task.input_shape), self.norm)
        x = builder.stem(self.stem_width, self.stem_strides, self.activation)
        x = builder.activation("stem_activation", x, self.activation)
        for name, block in zip(self.names, self.blocks, strict=True):
            x = block.add_to(builder, name, x, self.activation)
        if self.last_width:
            x = builder.activation("last_activation", builder.convolution("last", x, self.last_width), self.activation)
        builder.end(HEAD, x, task.head.output_width)
        return builder.network.graph()


def _real(blocks: Sequence[Block], width: int) -> Iterator[Block]:
    """Yield the blocks that do something, where `width` channels enter."""
    for block in blocks:
        if not isinstance(block, Identity) or block.changes(width):
            yield block
        width = block.width


def _names(blocks: Sequence[Block], width: int) -> Iterator[str]:
    """Yield what blocks are called, where `width` channels enter: their stage, and their place in it.

    A stage that is deeper leaves the names of the others as they are: by these networks of one space share weights.
    """
    stage, place = 0, -1
    for block in blocks:
        begins = place >= 0 and block.changes(width)
        stage, place = (stage + 1, 0) if begins else (stage, place + 1)
        yield f"stage{stage}block{place}"
        width = block.width


def _check_depth(blocks: Sequence[Any]) -> None:
    if len(blocks) > MAX_LAYERS:
        raise SpecError(f"A mobile spec must have {MAX_LAYERS} blocks at most", len(blocks), fix="Use fewer blocks")


def _parse(index: int, values: Any) -> Block:
    try:
        return block_from_dict(values)
    except SpecError as error:
        raise SpecError(f"Block {index}: {str(error).removesuffix('.')}") from None
