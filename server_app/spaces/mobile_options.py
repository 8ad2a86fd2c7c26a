"""What the configuration says of the stages of a mobile space."""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from common.architecture.kinds.mobile_blocks import MAX_WIDTH, Block, Identity, InvertedResidual
from common.architecture.rules import MAX_LAYERS, whole
from common.errors import ConfigError, SpecError
from common.typed import typed
from server_app.spaces.domains import Choices, parse_choices

IDENTITY = "identity"
_NAME = re.compile(r"mb([1-9]\d?)_k(\d{1,3})(_se)?")


@dataclass(frozen=True)
class StageOptions:
    """A stage as the configuration has it.

    Parameters
    ----------
    width : int or list of int
        Channels of its blocks.
    stride : int
        Of its first block, 1 or 2.
    depth : int or list of int
        How many blocks it has.
    """

    width: int | list[int]
    stride: int = 1
    depth: int | list[int] = 1


@dataclass(frozen=True)
class Stage:
    """What is offered for one stage; see `StageOptions`."""

    width: Choices
    stride: int
    depth: Choices

    @property
    def most(self) -> int:
        """Its greatest depth."""
        return int(max(self.depth.values))


def parse_stages(values: Sequence[Mapping[str, Any]]) -> tuple[Stage, ...]:
    """Read ``space.stages``; raises `ConfigError` for anything odd."""
    if not values:
        raise ConfigError("space.stages must have a stage", list(values), fix="Write [{width: 16, depth: 2}]")
    stages = tuple(_parse_stage(f"stages.{index}", stage) for index, stage in enumerate(values))
    if sum(stage.most for stage in stages) > MAX_LAYERS:
        depths = [stage.most for stage in stages]
        raise ConfigError(f"space.stages must have {MAX_LAYERS} blocks at most", depths, fix="Offer smaller depths")
    for index, (before, stage) in enumerate(itertools.pairwise(stages), 1):
        if stage.stride == 1 and set(stage.width.values) & set(before.width.values):
            raise ConfigError(
                f"space.stages.{index} must have a stride of 2, or widths that the stage before it does not offer",
                list(stage.width.values),
                fix="Or make one stage of the two",
            )
    return stages


def parse_kinds(values: Sequence[str]) -> Choices:
    """Read ``space.blocks``; raises `ConfigError` where one is no block, or there is none but the identity."""
    kinds = parse_choices("blocks", values, _kind)
    if set(kinds.values) == {IDENTITY}:
        raise ConfigError("space.blocks must have one that is no identity", list(values), fix="Add mb4_k3")
    return kinds


def kind_of(block: Block) -> str:
    """Return the name of a block, which says all but width and stride."""
    if not isinstance(block, InvertedResidual):
        return IDENTITY
    return f"mb{block.expansion}_k{block.kernel}{'_se' if block.squeeze_excite else ''}"


def block_of(kind: str, width: int, stride: int) -> Block:
    """Return the block of that name; raises `SpecError` where there is none."""
    if kind == IDENTITY:
        return Identity(width, stride)
    found = _NAME.fullmatch(kind)
    if found is None:
        raise SpecError("A block must be named identity, mb4_k3, mb6_k5_se or the like", kind, fix="Check the spelling")
    return InvertedResidual(width, stride, int(found[2]), int(found[1]), found[3] is not None)


def _kind(name: str, value: Any) -> str:
    """Apply the rule for the name of a block, in its one spelling."""
    try:
        return kind_of(block_of(str(value), 1, 1))
    except SpecError as error:
        raise SpecError(f"{name}: {str(error).removesuffix('.')}") from None


def _parse_stage(name: str, values: Any) -> Stage:
    if not isinstance(values, Mapping):
        raise ConfigError(
            f"space.{name} must have a width, stride and depth", values, fix="Write {width: 16, depth: 2}"
        )
    options = typed(StageOptions, values, f"space.{name}")
    if options.stride not in (1, 2):
        raise ConfigError(f"space.{name}.stride must be 1 or 2", options.stride, fix="Add a stage for more")
    return Stage(
        parse_choices(f"{name}.width", _as_list(options.width), whole(1, MAX_WIDTH)),
        options.stride,
        parse_choices(f"{name}.depth", _as_list(options.depth), whole(1, MAX_LAYERS)),
    )


def _as_list(value: int | list[int]) -> list[int]:
    return value if isinstance(value, list) else [value]
