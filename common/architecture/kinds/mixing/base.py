"""What each kind of spec says of networks of all its options."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Generic, TypeAlias, TypeVar

from common.architecture.operations.mixing import Mix
from common.architecture.spec import ArchitectureSpec
from common.errors import SpecError

if TYPE_CHECKING:
    from common.architecture.graph import Graph, GraphBuilder
    from common.tasks import Task

S = TypeVar("S", bound=ArchitectureSpec)
Option: TypeAlias = Any
"""Of a cell's edge the name of an operation; a block; a layer."""


@dataclass(frozen=True)
class Choice:
    """What may stand at one place.

    Parameters
    ----------
    place : str
        An edge such as ``normal.1.from0``, in which nodes are counted without the inputs and what is read with them; a
        block such as ``stage0block1``; a layer such as ``layer2``.
    options : tuple of Option
        At least one, each once. Of several each has an architecture weight, in this order.
    """

    place: str
    options: tuple[Option, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """What the options are called, each otherwise."""
        return tuple(map(name_of, self.options))


class Mixing(ABC, Generic[S]):
    """What is to be known of one kind; it has no state."""

    @abstractmethod
    def frame(self, frame: S, choices: Sequence[Choice], partial: int) -> S:
        """Return the frame in its one form, in which what is chosen plays no part.

        Raises
        ------
        SpecError
            A place or an option is none, or does not fit.
        """

    @abstractmethod
    def parse(self, values: Any) -> Option:
        """Read an option from plain JSON values; raises `SpecError` for anything odd."""

    @abstractmethod
    def written(self, option: Option) -> Any:
        """Return an option as plain JSON values."""

    @abstractmethod
    def lower(self, frame: S, choices: Sequence[Choice], partial: int, task: Task) -> Graph:
        """Write the network of all options out for a task; raises `SpecError` where the two do not fit."""

    @abstractmethod
    def plain(self, frame: S, chosen: Mapping[str, Option]) -> S:
        """Return the frame with what is chosen in each place; raises `SpecError` where that is no network."""


def name_of(option: Option) -> str:
    """Return what an option is called: by its operation, and what is not as by default."""
    if isinstance(option, str):
        return option
    words = [f"{item.name}={_word(getattr(option, item.name))}" for item in fields(option) if _tells(item, option)]
    return " ".join([option.op, *words])


def check_type(choice: Choice, wanted: type) -> None:
    """Raise `SpecError` unless all options are of a type."""
    if not all(isinstance(option, wanted) for option in choice.options):
        raise SpecError(f"The options of {choice.place} must be of type {wanted.__name__}", choice.options)


def add_mix(network: GraphBuilder, name: str, choice: Choice, given: Mapping[int, int]) -> int:
    """Add the weighted sum of a place's options, and return the node that gives it: of one option alone, that.

    Parameters
    ----------
    network : GraphBuilder
        Where to.
    name : str
        Of the node.
    choice : Choice
        Whose options they are.
    given : mapping of int to int
        By index of an option, the node that gives its output; who gives nothing is not there.
    """
    if len(choice.options) == 1:
        return given[0]
    return network.add(name, Mix(choice.place, len(choice.options), tuple(given)), *given.values())


def node_name(place: str, option: Option) -> str:
    """Return what the nodes of an option are called, whatever else there is: so its weights are found again."""
    return f"{place}_{re.sub('[^0-9a-zA-Z]+', '_', name_of(option))}"


def _word(value: Any) -> str:
    return "+".join(map(str, value)) if isinstance(value, tuple) else str(value)


def _tells(item: Any, option: Option) -> bool:
    return bool(getattr(option, item.name) != item.default)
