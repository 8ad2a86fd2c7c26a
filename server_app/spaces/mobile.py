"""The `mobile` space: stages of inverted residual blocks, for sequences and images."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from common.architecture.kinds.blocks import MAX_STRIDES
from common.architecture.kinds.mixed import Choice, MixedSpec
from common.architecture.kinds.mobile import RULES, MobileSpec
from common.architecture.rules import optional, whole
from common.errors import SpecError
from server_app.spaces.base import Ask, SearchSpace
from server_app.spaces.domains import (
    Choices,
    above,
    check_limits,
    checked,
    encode_choice,
    least_of,
    nothing_to_choose,
    parse_choices,
)
from server_app.spaces.layered_places import nearest_in
from server_app.spaces.mobile_options import parse_kinds, parse_stages
from server_app.spaces.mobile_stages import Stages, Writing
from server_app.spaces.stems import require_space, stem_strides

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from common.architecture.spec import ArchitectureSpec
    from common.tasks import Task
    from server_app.spaces.domains import Domain

_DRAWN = ("stem_width", "last_width", "activation", "norm")
"""Fields of a spec, beside its blocks, that have options of the same name."""
_STAGES = [
    {"width": [8, 12], "stride": 2, "depth": 2},
    {"width": [16, 24], "stride": 2, "depth": 3},
    {"width": [32, 48], "stride": 1, "depth": 3},
]
_BLOCKS = ["identity", "mb2_k3", "mb2_k5", "mb4_k3", "mb4_k5", "mb4_k3_se", "mb4_k5_se"]


class MobileSpace(SearchSpace):
    """Stages of inverted residual blocks; see `MobileSpec`.

    Parameters
    ----------
    task : Task
        Says how many strides the stem has, where nobody chose.
    options : Options
        Stages, blocks, stem, end and constraints.
    """

    @dataclass(frozen=True)
    class Options:
        """Options of the `mobile` space.

        Parameters
        ----------
        stages : list of dict
            Each with a `width` (one or a list), a `stride` of its first block, 1 or 2, and a `depth` (one or a list):
            `StageOptions`. All but the first have a stride of 2, or widths that the one before does not offer.
        blocks : list of str
            What may stand at each place: ``mb4_k3`` is an inverted residual of expansion 4 and kernel 3, ``mb4_k3_se``
            one with squeeze-and-excitation, ``identity`` nothing (but the stride and the width that a stage begins
            with). With identity among them, depths are what a stage has at most.
        stem_width, last_width : list of int
            Channels of the first convolution and of the last one; 0 is none.
        activation, norm : list of str
            Everywhere.
        stem_strides : int, optional
            Convolutions of stride 2 before the stages. By default as many as leave 16 pixels of a side, or 64 steps.
        max_parameters, max_macs : int, optional
            Hard constraints.
        """

        stages: list[dict[str, Any]] = field(default_factory=lambda: [dict(stage) for stage in _STAGES])
        blocks: list[str] = field(default_factory=lambda: list(_BLOCKS))
        stem_width: list[int] = field(default_factory=lambda: [8])
        last_width: list[int] = field(default_factory=lambda: [0, 64])
        activation: list[str] = field(default_factory=lambda: ["relu6", "hard_swish"])
        norm: list[str] = field(default_factory=lambda: ["group"])
        stem_strides: int | None = None
        max_parameters: int | None = 200_000
        max_macs: int | None = 1_000_000

        def __post_init__(self) -> None:
            checked("stem_strides", self.stem_strides, optional(whole(0, MAX_STRIDES)))
            check_limits(self.max_parameters, self.max_macs)
            self.domains()
            self.offered()

        def domains(self) -> dict[str, Choices]:
            """Return what is offered beside stages and blocks, by field of a spec."""
            return {name: parse_choices(name, getattr(self, name), RULES[name]) for name in _DRAWN}

        def offered(self) -> Stages:
            """Return what stages may be."""
            return Stages(parse_stages(self.stages), parse_kinds(self.blocks))

    def __init__(self, task: Task, options: Options | None = None) -> None:
        self.options = options or self.Options()
        super().__init__(task, max_parameters=self.options.max_parameters, max_macs=self.options.max_macs)
        require_space("mobile", task)
        self._stages = self.options.offered()
        self._domains = self.options.domains()
        chosen = self.options.stem_strides
        self._stem_strides = min(stem_strides(task), MAX_STRIDES) if chosen is None else chosen

    def _made(self, ask: Ask) -> MobileSpec:
        return self._spec(self._stages.made(ask), {name: ask(name, domain) for name, domain in self._domains.items()})

    def answers(self, spec: ArchitectureSpec) -> dict[str, Any]:
        """Return width, depth and blocks of each stage, identities last, and then the other fields."""
        self._check_membership(spec)
        spec = _mobile(spec)
        writing = self._stages.write(spec.blocks, spec.stem_width)
        return {**self._stages.answers(writing), **{name: getattr(spec, name) for name in self._domains}}

    def _mutant(self, spec: ArchitectureSpec, rng: np.random.Generator) -> MobileSpec:
        """Change something of the stages, with probability 1/2, or else another field that has a choice."""
        spec = _mobile(spec)
        writing = self._stages.write(spec.blocks, spec.stem_width, rng)
        values = {name: getattr(spec, name) for name in self._domains}
        names = [name for name, domain in self._domains.items() if domain.size > 1]
        if not names or rng.random() < 0.5:
            return self._spec(self._stages.mutant(writing, rng), values)
        name = names[int(rng.integers(len(names)))]
        return self._spec(writing, {**values, name: self._domains[name].other(values[name], rng)})

    def _child(self, a: ArchitectureSpec, b: ArchitectureSpec, rng: np.random.Generator) -> MobileSpec:
        """Mix the stages place by place, and take each of the other fields from one of the two."""
        parents = _mobile(a), _mobile(b)
        first, second = (self._stages.write(spec.blocks, spec.stem_width, rng) for spec in parents)
        values = {name: getattr(parents[int(rng.integers(2))], name) for name in self._domains}
        return self._spec(self._stages.child(first, second, rng), values)

    def _check_membership(self, spec: ArchitectureSpec) -> None:
        spec = _mobile(spec)
        for name, domain in {"stem_strides": Choices((self._stem_strides,)), **self._domains}.items():
            if (value := getattr(spec, name)) not in domain:
                raise SpecError(f"The space offers {name} {domain}", value, fix=f"Change space.{name}")
        self._stages.check(spec.blocks, spec.stem_width)

    def nearest(self, spec: ArchitectureSpec) -> ArchitectureSpec:
        """Return `spec` with the nearest of what is offered for all but its blocks, which stay."""
        if not isinstance(spec, MobileSpec):
            return spec
        near = {name: nearest_in(domain, getattr(spec, name)) for name, domain in self._domains.items()}
        return replace(spec, stem_strides=self._stem_strides, **near)

    def mixed(self, partial: int = 1) -> MixedSpec:
        """Return the network of all blocks at every place, all stages as deep as may be; see `SearchSpace.mixed`."""
        values = {name: least_of(domain) for name, domain in self._domains.items()}
        offered = self._stages.mixed()
        if all(len(options) < 2 for stage in offered for options in stage):
            raise nothing_to_choose("mobile", "Set space.blocks")
        frame = MobileSpec(
            tuple(options[0] for stage in offered for options in stage), stem_strides=self._stem_strides, **values
        )
        choices = zip(frame.names, (options for stage in offered for options in stage), strict=True)
        return MixedSpec(frame, tuple(Choice(*choice) for choice in choices), partial)

    def larger(self, spec: ArchitectureSpec) -> list[ArchitectureSpec | None]:
        """Return `spec` with each stage wider, with a wider stem, and with a wider end; see `SearchSpace.larger`."""
        spec = _mobile(spec)
        values = {name: getattr(spec, name) for name in self._domains}
        found: list[ArchitectureSpec | None] = [
            None if writing is None else self._spec(writing, values)
            for writing in self._stages.larger(self._stages.write(spec.blocks, spec.stem_width))
        ]
        for name in ("stem_width", "last_width"):
            value = above(self._domains[name], values[name])
            found.append(None if value is None else replace(spec, **{name: value}))
        return found

    def encode(self, spec: ArchitectureSpec) -> NDArray[np.float64]:
        """Return `spec` as a vector of fixed length, equal only for equal specs of the space.

        First the stages, each with its width and its blocks one-hot, none at all where a stage is shorter; then the
        widths of stem and end, activation and norm. Widths are divided by the greatest that is offered.
        """
        self._check_membership(spec)
        spec = _mobile(spec)
        row = self._stages.encode(spec.blocks, spec.stem_width)
        for name, domain in self._domains.items():
            row += encode_choice(domain, getattr(spec, name))
        return np.array(row, dtype=np.float64)

    def choices(self) -> dict[str, Domain]:
        """Return each stage, blocks, and what else there is, in the order of the options."""
        return {**self._stages.choices(), **self._domains, "stem_strides": Choices((self._stem_strides,))}

    def size(self) -> float:
        """Count the specs before constraints; those that differ in where they do nothing are one."""
        others = math.prod(domain.size for name, domain in self._domains.items() if name != "stem_width")
        return float(sum(self._stages.size(width) for width in self._domains["stem_width"].values) * others)

    def _enumerate(self) -> Iterator[MobileSpec]:
        """Yield all stages with each choice of what else there is; stages change last but for the stem's width."""
        others = {name: domain for name, domain in self._domains.items() if name != "stem_width"}
        for stem_width in self._domains["stem_width"].values:
            for writing in self._stages.every(stem_width):
                for values in itertools.product(*(domain.values for domain in others.values())):
                    yield self._spec(writing, {"stem_width": stem_width, **dict(zip(others, values, strict=True))})

    def _spec(self, writing: Writing, values: dict[str, Any]) -> MobileSpec:
        return MobileSpec(self._stages.blocks(writing), stem_strides=self._stem_strides, **values)


def _mobile(spec: ArchitectureSpec) -> MobileSpec:
    if not isinstance(spec, MobileSpec):
        raise SpecError("The space holds mobile specs", spec.kind, fix="Choose another space")
    return spec
