"""All blocks in one place of a mobile network, where they have the same width and stride."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, ClassVar

from common.architecture.kinds.mixing.base import Choice, Mixing, Option, add_mix, check_type, node_name
from common.architecture.kinds.mobile import MobileSpec
from common.architecture.kinds.mobile_blocks import Block, Identity, InvertedResidual, block_from_dict
from common.errors import SpecError

if TYPE_CHECKING:
    from common.architecture.graph import Graph
    from common.architecture.kinds.blocks import BlockBuilder
    from common.tasks import Task


class Blocks(Mixing[MobileSpec]):
    """Of mobile specs."""

    def frame(self, frame: MobileSpec, choices: Sequence[Choice], partial: int) -> MobileSpec:
        """Return the frame with a plain block where there is a choice, for one that does nothing would be left out."""
        if partial > 1:
            raise SpecError("Only mixed cells have partial channels", partial, fix="Use partial 1")
        blocks = list(frame.blocks)
        for choice, index in zip(choices, _indices(frame, choices), strict=True):
            block = blocks[index]
            check_type(choice, Block)
            if any((option.width, option.stride) != (block.width, block.stride) for option in choice.options):
                raise SpecError(
                    f"The options of {choice.place} must have its width and stride, {block.width} and {block.stride}",
                    choice.names,
                    fix="Give all blocks of a place one width and one stride",
                )
            blocks[index] = InvertedResidual(block.width, block.stride)
        return replace(frame, blocks=tuple(blocks))

    def parse(self, values: Any) -> Option:
        """Return a block."""
        return block_from_dict(values)

    def written(self, option: Option) -> Any:
        """Return its fields."""
        return option.to_dict()

    def lower(self, frame: MobileSpec, choices: Sequence[Choice], partial: int, task: Task) -> Graph:  # noqa: ARG002
        """Write the chain out, with all options of a block beside each other; see `Mixing.lower`."""
        blocks = list(frame.blocks)
        for choice, index in zip(choices, _indices(frame, choices), strict=True):
            blocks[index] = _MixedBlock(blocks[index].width, blocks[index].stride, choice)
        return replace(frame, blocks=tuple(blocks))._lower(task)

    def plain(self, frame: MobileSpec, chosen: Mapping[str, Option]) -> MobileSpec:
        """Return the chain of the chosen blocks; see `Mixing.plain`."""
        blocks = (chosen.get(name, block) for name, block in zip(frame.names, frame.blocks, strict=True))
        return replace(frame, blocks=tuple(blocks))


def _indices(frame: MobileSpec, choices: Sequence[Choice]) -> list[int]:
    """Return which blocks are chosen; raises `SpecError` unless they are some of the frame's, in order."""
    known = {name: index for index, name in enumerate(frame.names)}
    indices = [known.get(choice.place, -1) for choice in choices]
    if -1 in indices or indices != sorted(set(indices)):
        places = [choice.place for choice in choices]
        raise SpecError(f"The places of mixed blocks are among {', '.join(known)}, in order", places)
    return indices


def _chosen(name: str, value: Any) -> Any:  # noqa: ARG001 - a rule, and its choice was checked
    return value


@dataclass(frozen=True)
class _MixedBlock(Block):
    """All options of a place."""

    choice: Choice = field(kw_only=False, default=Choice("", ()), metadata={"rule": _chosen})

    op: ClassVar[str] = "mixed"

    def add_to(self, blocks: BlockBuilder, name: str, x: int, function: str) -> int:
        """Add all options, and their sum."""
        width = blocks.network.shape(x)[0]
        given = {}
        for index, option in enumerate(self.choice.options):
            idle = isinstance(option, Identity) and not option.changes(width)
            given[index] = x if idle else option.add_to(blocks, node_name(name, option), x, function)
        return add_mix(blocks.network, f"{name}_mix", self.choice, given)

    def describe(self) -> str:
        """Return the number of options."""
        return f"one of {len(self.choice.options)}"
