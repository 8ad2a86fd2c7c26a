"""Questions on a network of an own space, and what is known when some are answered."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

from server_app.spaces.domains import Choices
from server_app.spaces.own_slots import Sources

ABSENT: Final = object()
"""The value of what is not active."""


@dataclass(frozen=True)
class Question:
    """What must be answered next.

    Parameters
    ----------
    name : str
        Such as ``layers.1.0.kernel``, of the layer's first repetition, or ``$width``.
    domain : Choices
        Two answers or more.
    direct : bool
        Whether the answer is the value asked for, and not only what a condition depends on.
    """

    name: str
    domain: Choices
    direct: bool = True


@dataclass(frozen=True)
class Slot:
    """A place for a value.

    Parameters
    ----------
    name : str
        Of its question.
    field : str
        Of a layer or of the spec; ``repeat`` is how often a layer is there.
    sources : tuple of Source
        Where the value comes from.
    part : int
        Which of the layers; -1 for the spec itself.
    turn : int
        Which repetition, from 0.
    """

    name: str
    field: str
    sources: Sources
    part: int = -1
    turn: int = 0

    @property
    def offered(self) -> tuple[Any, ...]:
        """All values that its question may have."""
        return tuple(dict.fromkeys(value for source in self.sources for value in source.domain.values))


@dataclass(frozen=True)
class Answers:
    """What is known of a network.

    Parameters
    ----------
    given : dict of str to object
        By name of a question its answer, in the order in which they were asked.
    settled : dict of str to object
        By name of a slot its value, `ABSENT` where it has none: what follows from the answers, kept as it is asked for
        again and again.
    """

    given: dict[str, Any] = field(default_factory=dict)
    settled: dict[str, Any] = field(default_factory=dict)

    def but(self, name: str, value: Any) -> Answers:
        """Return these answers with one more."""
        return Answers({**self.given, name: value}, dict(self.settled))
