"""Constant specs: the network that does not look at its input, which is what any other must be better than."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Self

from common.architecture.graph import HEAD, INPUT, Graph, GraphBuilder
from common.architecture.operations import Bias
from common.architecture.spec import ArchitectureSpec

if TYPE_CHECKING:
    from common.tasks import Task


@dataclass(frozen=True)
class ConstantSpec(ArchitectureSpec):
    """One answer for all examples; the head's bias is all that it learns.

    Of classes it learns the logarithms of their shares, so it predicts the majority class; of a regression the mean of
    the targets. It trains and is averaged as any network, so no node tells how many examples of which class it has.
    """

    kind: ClassVar[str] = "constant"
    version: ClassVar[int] = 1

    def describe(self) -> str:
        """Return one line for people."""
        return "constant"

    def to_values(self) -> dict[str, Any]:
        """Return no values: there is one such network for a task."""
        return {}

    @classmethod
    def from_values(cls, values: Mapping[str, Any]) -> Self:  # noqa: ARG003 - `from_dict` lets none through
        """Return the one spec; see `ArchitectureSpec.from_values`."""
        return cls()

    def _lower(self, task: Task) -> Graph:
        network = GraphBuilder(task.input_shape)
        network.add(HEAD, Bias(task.head.output_width), INPUT)
        return network.graph()
