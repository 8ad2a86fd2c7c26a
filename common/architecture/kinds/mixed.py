"""Mixed specs: a network of all options at once, which a search by gradients learns to choose from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from importlib import import_module
from itertools import accumulate
from typing import TYPE_CHECKING, Any, ClassVar, Self

from common.architecture.kinds.mixing.base import Choice, Mixing, Option
from common.architecture.plain_norms import with_plain_norms
from common.architecture.rules import whole
from common.architecture.spec import ArchitectureSpec
from common.errors import SpecError

if TYPE_CHECKING:
    from common.architecture.graph import Graph
    from common.tasks import Task

__all__ = ["MAX_OPTIONS", "Choice", "MixedSpec"]

FRAMES = {"cell": "Cells", "mobile": "Blocks", "layered": "Layers"}
"""By kind of the frame, the class in the module of its name in `common.architecture.kinds.mixing`."""
MAX_OPTIONS = 64
"""Of a place."""
MAX_PLACES = 64
MAX_PARTIAL = 64


@dataclass(frozen=True)
class MixedSpec(ArchitectureSpec):
    """A plain spec in whose places of choice all options stand at once, and what they give is summed by shares.

    H. Liu, K. Simonyan & Y. Yang, "DARTS: Differentiable Architecture Search", ICLR 2019, section 2.2. The shares
    follow from architecture weights, one float32 array of `num_alphas` beside the packed state; which number belongs
    to which option, `spans` tells. Names of nodes do not depend on what else is there, so of a spec with fewer options
    (`keeping`) each tensor is found in that with more, by its name.

    Parameters
    ----------
    frame : ArchitectureSpec
        A cell, mobile or layered spec that says all that is not chosen. What it has in places of choice plays no part,
        and is brought into one form.
    choices : sequence of Choice
        By place, in the order of the frame; of cells all edges, the normal ones first.
    partial : int
        With mixed cells, one of so many channels goes through the operations (Y. Xu et al., "PC-DARTS", ICLR 2020).

    Notes
    -----
    Norms have neither scale nor shift: what they learn would undo an option's share.

    The order of options is that of their architecture weights, so it is part of what a spec is. Nor is another order
    looked for in which the nodes of a cell could be written: weights go by names of places.
    """

    frame: ArchitectureSpec
    choices: tuple[Choice, ...]
    partial: int = 1

    kind: ClassVar[str] = "mixed"
    version: ClassVar[int] = 1

    def __post_init__(self) -> None:
        mixing = _mixing_of(getattr(self.frame, "kind", self.frame))
        object.__setattr__(self, "partial", whole(1, MAX_PARTIAL)("partial", self.partial))
        object.__setattr__(self, "choices", tuple(self.choices))
        for choice in self.choices:
            _check_options(choice)
        object.__setattr__(self, "frame", mixing.frame(self.frame, self.choices, self.partial))

    @property
    def num_alphas(self) -> int:
        """How many architecture weights there are: one for each option of a place that has several."""
        return sum(map(_weighed, self.choices))

    @property
    def spans(self) -> tuple[slice, ...]:
        """Where in the array of architecture weights those of each choice are; of one option alone there are none."""
        ends = accumulate(map(_weighed, self.choices))
        return tuple(slice(end - _weighed(choice), end) for end, choice in zip(ends, self.choices, strict=True))

    def keeping(self, kept: Mapping[str, Sequence[int]]) -> MixedSpec:
        """Return the spec with fewer options.

        Parameters
        ----------
        kept : mapping of str to sequence of int
            By place, which options stay, as ascending indices; of places that are not there all stay.

        Raises
        ------
        SpecError
            Nothing stays at a place, or a place or an index is none.
        """
        if unknown := sorted(kept.keys() - {choice.place for choice in self.choices}):
            raise SpecError("Options are kept at places of the spec", unknown)
        return replace(self, choices=tuple(_kept(choice, kept.get(choice.place)) for choice in self.choices))

    def plain(self, chosen: Mapping[str, Option]) -> ArchitectureSpec:
        """Return the plain spec that has one option in each place.

        Parameters
        ----------
        chosen : mapping of str to option
            By place; an edge of a cell that is not there is not read.

        Raises
        ------
        SpecError
            A place lacks its option or has another one, or all makes no network.
        """
        for choice in self.choices:
            if choice.place in chosen and chosen[choice.place] not in choice.options:
                raise SpecError(f"What is chosen for {choice.place} must be an option", chosen[choice.place])
        lacking = [choice.place for choice in self.choices if choice.place not in chosen]
        if lacking and self.frame.kind != "cell":
            raise SpecError("An option must be chosen for each place", lacking)
        mixing: Mixing[ArchitectureSpec] = _mixing_of(self.frame.kind)
        return mixing.plain(self.frame, chosen)

    def describe(self) -> str:
        """Return one line for people, such as ``mixed cell: 54 options in 9 places``."""
        partial = f", 1 channel of {self.partial}" if self.partial > 1 else ""
        options = sum(len(choice.options) for choice in self.choices)
        return f"mixed {self.frame.kind}: {options} options in {len(self.choices)} places{partial}"

    def to_values(self) -> dict[str, Any]:
        """Return the frame, each choice as ``[place, options]``, and `partial`."""
        written = _mixing_of(self.frame.kind).written
        choices = [[choice.place, [written(option) for option in choice.options]] for choice in self.choices]
        return {"frame": self.frame.to_dict(), "choices": choices, "partial": self.partial}

    @classmethod
    def from_values(cls, values: Mapping[str, Any]) -> Self:
        """Build from plain JSON values; see `ArchitectureSpec.from_values`."""
        if missing := [name for name in ("frame", "choices") if name not in values]:
            raise SpecError("A mixed spec needs frame and choices", sorted(values), fix=f"Add {missing[0]}")
        frame, choices = values["frame"], values["choices"]
        # before the frame is read: one within the other could go on for ever
        mixing = _mixing_of(frame.get("kind") if isinstance(frame, Mapping) else frame)
        if not isinstance(choices, list | tuple) or len(choices) > MAX_PLACES:
            raise SpecError(f"choices must be a list of {MAX_PLACES} at most", _shown(choices))
        parsed = tuple(_parse(mixing, choice) for choice in choices)
        return cls(ArchitectureSpec.from_dict(frame), parsed, values.get("partial", 1))

    def _lower(self, task: Task) -> Graph:
        return with_plain_norms(_mixing_of(self.frame.kind).lower(self.frame, self.choices, self.partial, task))


def _mixing_of(kind: Any) -> Mixing[Any]:
    if not isinstance(kind, str) or kind not in FRAMES:
        raise SpecError(f"The frame of a mixed spec is of kind {', '.join(FRAMES)}", _shown(kind))
    module = import_module(f"common.architecture.kinds.mixing.{kind}")
    mixing: Mixing[Any] = getattr(module, FRAMES[kind])()
    return mixing


def _check_options(choice: Choice) -> None:
    options = choice.options
    if not 1 <= len(options) <= MAX_OPTIONS or len(set(options)) < len(options):
        raise SpecError(
            f"{choice.place} must have 1 to {MAX_OPTIONS} options, each once",
            len(options),
            fix="Leave out what is there twice",
        )


def _kept(choice: Choice, kept: Sequence[int] | None) -> Choice:
    if kept is None:
        return choice
    if not kept or list(kept) != sorted(set(kept)) or not 0 <= kept[0] <= kept[-1] < len(choice.options):
        raise SpecError(f"Of {choice.place} some of {len(choice.options)} options stay, in order", list(kept))
    return Choice(choice.place, tuple(choice.options[index] for index in kept))


def _weighed(choice: Choice) -> int:
    return len(choice.options) if len(choice.options) > 1 else 0


def _parse(mixing: Mixing[Any], values: Any) -> Choice:
    if not isinstance(values, list | tuple) or len(values) != 2 or not isinstance(values[0], str):
        raise SpecError("A choice must be a place and its options", _shown(values), fix="Write ['layer0', [...]]")
    place, options = values
    if not isinstance(options, list | tuple) or len(options) > MAX_OPTIONS:
        raise SpecError(f"The options of {place[:80]} must be a list of {MAX_OPTIONS} at most", _shown(options))
    return Choice(place, tuple(mixing.parse(option) for option in options))


def _shown(values: Any) -> Any:
    """Return what an error can show."""
    return f"{len(values)} of them" if isinstance(values, list | tuple | str) and len(values) > 80 else values
