"""The stages of a mobile space: how many blocks of which kinds stand in each, and of how many channels they are."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeAlias

from common.architecture.kinds.mobile_blocks import Block
from common.errors import SpecError
from server_app.spaces.domains import Choices, above, encode_choice, least_of
from server_app.spaces.mobile_options import IDENTITY, Stage, block_of, kind_of

if TYPE_CHECKING:
    import numpy as np

    from server_app.spaces.base import Ask


@dataclass(frozen=True)
class Written:
    """One stage as it is drawn: channels, and what stands at each place."""

    width: int
    kinds: tuple[str, ...]


Writing: TypeAlias = tuple[Written, ...]
"""All stages; several of them may be one network where places hold an identity."""


class Stages:
    """All that the stages of a space offer.

    Parameters
    ----------
    stages : sequence of Stage
        Each but the first has a stride of 2, or widths that the one before does not offer: so what is a stage in a
        network can be told.
    kinds : Choices
        Names of blocks that may stand anywhere.
    """

    def __init__(self, stages: Sequence[Stage], kinds: Choices) -> None:
        self._stages = tuple(stages)
        self._kinds = kinds
        self._real = tuple(kind for kind in kinds.values if kind != IDENTITY)

    @property
    def _fills(self) -> bool:
        """Whether places may hold nothing; then the greatest depth is written, and shows in no network."""
        return IDENTITY in self._kinds

    # ------------------------------------------------------------ drawn and changed

    def made(self, ask: Ask) -> Writing:
        """Return stages whose widths, depths and blocks are the answers to ``stages.0.width`` and so on."""
        return tuple(self._made_stage(f"stages.{index}", stage, ask) for index, stage in enumerate(self._stages))

    def answers(self, writing: Writing) -> dict[str, Any]:
        """Return by question the answer of which `made` makes `writing`."""
        answers: dict[str, Any] = {}
        for index, written in enumerate(writing):
            answers[f"stages.{index}.width"] = written.width
            if not self._fills:
                answers[f"stages.{index}.depth"] = len(written.kinds)
            answers |= {f"stages.{index}.{place}": kind for place, kind in enumerate(written.kinds)}
        return answers

    def blocks(self, writing: Writing) -> tuple[Block, ...]:
        """Return the blocks of all stages; the first of each has its stride."""
        return tuple(
            block_of(kind, written.width, 1 if place else stage.stride)
            for stage, written in zip(self._stages, writing, strict=True)
            for place, kind in enumerate(written.kinds)
        )

    def mutant(self, writing: Writing, rng: np.random.Generator) -> Writing:
        """Return `writing` with another width, depth, or block at one place, of one stage."""
        places = list(self._changeable(writing))
        if not places:
            return writing
        index, what, place = places[int(rng.integers(len(places)))]
        written, stage = writing[index], self._stages[index]
        if what == "width":
            written = replace(written, width=stage.width.other(written.width, rng))
        elif what == "depth":
            written = self._of_depth(written, stage.depth.other(len(written.kinds), rng), rng)
        else:
            kind = self._kinds.other(written.kinds[place], rng)
            written = replace(written, kinds=(*written.kinds[:place], kind, *written.kinds[place + 1 :]))
        return (*writing[:index], written, *writing[index + 1 :])

    def mixed(self) -> list[list[tuple[Block, ...]]]:
        """Return by stage, by place, all blocks that may stand there, those that do nothing last.

        Stages are as deep, and as narrow, as may be.
        """
        kinds = (*self._real, *((IDENTITY,) if self._fills else ()))
        return [
            [
                tuple(block_of(kind, least_of(stage.width), 1 if place else stage.stride) for kind in kinds)
                for place in range(stage.most)
            ]
            for stage in self._stages
        ]

    def larger(self, writing: Writing) -> list[Writing | None]:
        """Return by stage `writing` with the next greater width of that stage; None where it has the greatest."""
        found: list[Writing | None] = []
        for index, (stage, written) in enumerate(zip(self._stages, writing, strict=True)):
            width = above(stage.width, written.width)
            wider = None if width is None else replace(written, width=width)
            found.append(None if wider is None else (*writing[:index], wider, *writing[index + 1 :]))
        return found

    def child(self, a: Writing, b: Writing, rng: np.random.Generator) -> Writing:
        """Return a mix: of each stage the width of one, and the blocks of one, or place by place where as many."""
        return tuple(_mixed(*pair, rng) for pair in zip(a, b, strict=True))

    def write(self, blocks: Sequence[Block], width: int, rng: np.random.Generator | None = None) -> Writing:
        """Return how blocks can be written, where `width` channels enter; with `rng`, what is nothing stands anywhere.

        Raises
        ------
        SpecError
            The space does not hold them; whether it offers kinds, widths and depths is for `check` to say.
        """
        return tuple(
            self._filled(stage, written, leads, rng)
            for stage, (written, leads) in zip(self._stages, self._split(blocks, width), strict=True)
        )

    # ------------------------------------------------------------ what belongs

    def check(self, blocks: Sequence[Block], width: int) -> None:
        """Raise `SpecError` where a stage, its stride, width or depth, or a block is not offered."""
        for index, (stage, (written, _)) in enumerate(zip(self._stages, self._split(blocks, width), strict=True)):
            depth = len(written.kinds)
            if written.width not in stage.width:
                raise _refused(index, f"width {stage.width}", written.width)
            if depth > stage.most if self._fills else depth not in stage.depth:
                raise _refused(index, f"depth {stage.depth}", depth)
            for kind in written.kinds:
                if kind not in self._kinds:
                    raise _refused(index, f"blocks {self._kinds}", kind, "blocks")

    def choices(self) -> dict[str, Choices]:
        """Return what is offered, by the options ``stages`` and ``blocks``."""
        stages = {
            f"stages.{index}.{name}": domain
            for index, stage in enumerate(self._stages)
            for name, domain in (("width", stage.width), ("stride", Choices((stage.stride,))), ("depth", stage.depth))
        }
        return {**stages, "blocks": self._kinds}

    def encode(self, blocks: Sequence[Block], width: int) -> list[float]:
        """Return for each stage its width over the greatest, and for each place its block one-hot."""
        row: list[float] = []
        for stage, (written, _) in zip(self._stages, self._split(blocks, width), strict=True):
            row += encode_choice(stage.width, written.width)
            for place in range(stage.most):
                here = written.kinds[place] if place < len(written.kinds) else None
                row += [float(here == kind) for kind in self._kinds.values]
        return row

    def size(self, width: int) -> int:
        """Count the networks, where `width` channels enter."""
        counts = (
            sum(self._count(stage, leads) for _, leads in self._widths(index, width))
            for index, stage in enumerate(self._stages)
        )
        return math.prod(counts)

    def every(self, width: int, start: int = 0) -> Iterator[Writing]:
        """Yield each network once, from the stage `start` on, where `width` channels enter the first."""
        if start == len(self._stages):
            yield ()
            return
        for own, leads in self._widths(start, width):
            for kinds in self._every_stage(self._stages[start], leads):
                for rest in self.every(width, start + 1):
                    yield (Written(own, kinds), *rest)

    # ------------------------------------------------------------ inside

    def _made_stage(self, name: str, stage: Stage, ask: Ask) -> Written:
        width = ask(f"{name}.width", stage.width)
        depth = stage.most if self._fills else ask(f"{name}.depth", stage.depth)
        return Written(width, tuple(ask(f"{name}.{place}", self._kinds) for place in range(depth)))

    def _changeable(self, writing: Writing) -> Iterator[tuple[int, str, int]]:
        """Yield what may change: the stage, what of it, and the place."""
        for index, (stage, written) in enumerate(zip(self._stages, writing, strict=True)):
            if stage.width.size > 1:
                yield index, "width", 0
            if stage.depth.size > 1 and not self._fills:
                yield index, "depth", 0
            if self._kinds.size > 1:
                yield from ((index, "block", place) for place in range(len(written.kinds)))

    def _of_depth(self, written: Written, depth: int, rng: np.random.Generator) -> Written:
        """Return a stage with blocks left out, or drawn, anywhere until there are so many."""
        kinds = list(written.kinds)
        while len(kinds) > depth:
            kinds.pop(int(rng.integers(len(kinds))))
        while len(kinds) < depth:
            kinds.insert(int(rng.integers(len(kinds) + 1)), self._kinds.draw(rng))
        return replace(written, kinds=tuple(kinds))

    def _filled(self, stage: Stage, written: Written, leads: bool, rng: np.random.Generator | None) -> Written:
        """Return a stage with identities at the places that are left; never before what changes stride or width."""
        kinds = list(written.kinds)
        while self._fills and len(kinds) < stage.most:
            kinds.insert(len(kinds) if rng is None else int(rng.integers(int(leads), len(kinds) + 1)), IDENTITY)
        return replace(written, kinds=tuple(kinds))

    def _split(self, blocks: Sequence[Block], width: int) -> list[tuple[Written, bool]]:
        """Return by stage what stands in it, and whether its first block changes what enters."""
        found: list[list[Block]] = [[]]
        before = width
        for block in blocks:
            if block.changes(before):
                found.append([])
            found[-1].append(block)
            before = block.width
        plain, *changing = found
        parts = [(part, True) for part in changing]
        if plain or len(changing) < len(self._stages):
            parts.insert(0, (plain, False))
        strides = [part[0].stride if part else 1 for part, _ in parts]
        if strides != [stage.stride for stage in self._stages]:
            raise SpecError(
                f"The space has stages of stride {', '.join(str(stage.stride) for stage in self._stages)}",
                strides,
                fix="Change space.stages",
            )
        widths = [part[0].width if part else width for part, _ in parts]
        return [
            (Written(own, tuple(map(kind_of, part))), leads) for own, (part, leads) in zip(widths, parts, strict=True)
        ]

    def _widths(self, index: int, width: int) -> Iterator[tuple[int, bool]]:
        """Yield the widths of a stage, and whether its first block changes what enters."""
        stage = self._stages[index]
        for own in stage.width.values:
            yield own, index > 0 or stage.stride > 1 or own != width

    def _count(self, stage: Stage, leads: bool) -> int:
        real = len(self._real)
        if not self._fills:
            return sum(int(real**depth) for depth in stage.depth.values)
        within = sum(real**depth for depth in range(stage.most))
        return int(within + (real * within if leads else real**stage.most))

    def _every_stage(self, stage: Stage, leads: bool) -> Iterator[tuple[str, ...]]:
        depths = range(stage.most + 1) if self._fills else sorted(stage.depth.values)
        for depth in depths:
            if depth or not leads:
                yield from itertools.product(self._real, repeat=depth)
            if depth and leads and self._fills:
                yield from ((IDENTITY, *rest) for rest in itertools.product(self._real, repeat=depth - 1))


def _refused(index: int, offered: str, value: Any, option: str = "stages") -> SpecError:
    return SpecError(f"Stage {index}: the space offers {offered}", value, fix=f"Change space.{option}")


def _mixed(a: Written, b: Written, rng: np.random.Generator) -> Written:
    width = (a, b)[int(rng.integers(2))].width
    if len(a.kinds) != len(b.kinds):
        return Written(width, (a, b)[int(rng.integers(2))].kinds)
    return Written(width, tuple(pair[int(rng.integers(2))] for pair in zip(a.kinds, b.kinds, strict=True)))
