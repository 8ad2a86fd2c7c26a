"""Tabular specs: entries of a table that tells what networks scored, not what they are."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Self

from common.architecture.spec import ArchitectureSpec
from common.errors import SpecError

if TYPE_CHECKING:
    from common.architecture.graph import Graph
    from common.tasks import Task

MAX_PLACES = 256
_KEY = re.compile(rf"[0-9A-Za-z]{{1,{MAX_PLACES}}}")


@dataclass(frozen=True)
class TabularSpec(ArchitectureSpec):
    """One entry of a table of evaluated architectures.

    Parameters
    ----------
    key : str
        What the table calls it: a digit (0 to 9, or a letter) for each choice, at most 256. What a choice means is
        the table's business.
    """

    key: str

    kind: ClassVar[str] = "tabular"
    version: ClassVar[int] = 1

    def __post_init__(self) -> None:
        if not isinstance(self.key, str) or not _KEY.fullmatch(self.key):
            raise SpecError(
                f"A key has one to {MAX_PLACES} digits, each 0 to 9 or a letter",
                self.key,
                fix="Write one digit for each choice, such as 01220110",
            )

    def describe(self) -> str:
        """Return the key."""
        return self.key

    def to_values(self) -> dict[str, Any]:
        """Return the key."""
        return {"key": self.key}

    @classmethod
    def from_values(cls, values: Mapping[str, Any]) -> Self:
        """Build from plain JSON values; see `ArchitectureSpec.from_values`."""
        if "key" not in values:
            raise SpecError("A tabular spec needs its key", sorted(values), fix="Give the digits of its choices")
        return cls(values["key"])

    def _lower(self, task: Task) -> Graph:  # noqa: ARG002
        raise SpecError(
            "A table tells what networks scored and not what they are, so none can be built from a key",
            self.key,
            fix="Use a space of networks, such as space=layered",
        )
