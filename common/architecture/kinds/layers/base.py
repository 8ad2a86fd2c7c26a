"""What all layers of a layered spec have in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from types import MappingProxyType
from typing import Any, ClassVar

from common.architecture import operations as ops
from common.architecture.graph import GraphBuilder
from common.architecture.rules import MAX_LAYERS, MAX_WIDTH, Rule, fraction, one_of, optional, whole

ACTIVATIONS = (*ops.ACTIVATIONS, "none")
NORMS = ("group", "batch", "none", "layer")
MERGES = ("add", "concat")


def by(rule: Rule, option: str | None, *, later: bool = False) -> dict[str, Any]:
    """Say by which rule a field is checked, which option of the `layered` space draws it, and whether it came later.

    JSON leaves out a later field at its default, so that specs of before keep their ids.
    """
    return {"rule": rule, "option": option, "later": later}


@dataclass(frozen=True, kw_only=True)
class Layer(ABC):
    """One layer; a subclass is one kind of it.

    Every field carries the rule that checks and normalises it, so a layer that exists is well-formed.
    Whether it fits its input is for `add_to` to say.
    """

    op: ClassVar[str]
    """Its name in a spec."""
    family: ClassVar[str]
    """Operations of one family share their part of a space's draws."""
    axes: ClassVar[tuple[int, ...]]
    """Numbers of spatial axes that it works on: 0 for vectors, 1 for sequences, 2 for images."""
    idle: ClassVar[Mapping[str, tuple[str, Any]]] = MappingProxyType({})
    """By field that may play no part, the other field and its value where that is so: there it has its default."""

    def __post_init__(self) -> None:
        for item in fields(self):
            value = item.metadata["rule"](f"{self.op} {item.name}", getattr(self, item.name))
            object.__setattr__(self, item.name, value)
        for item in fields(self):
            if self.is_idle(item.name):
                object.__setattr__(self, item.name, item.default)

    @property
    def reads_vectors(self) -> bool:
        """Whether it works on vectors, so that space is reduced before it."""
        return 0 in self.axes

    def is_idle(self, name: str) -> bool:
        """Tell whether a field plays no part, as the others are."""
        return name in self.idle and getattr(self, self.idle[name][0]) == self.idle[name][1]

    @abstractmethod
    def core(self, network: GraphBuilder, name: str, x: int) -> int:
        """Add what it does to its input, without what may follow (norm, activation, dropout); as `add_to`."""

    @abstractmethod
    def describe(self) -> str:
        """Return a few words for people."""

    def add_to(self, network: GraphBuilder, name: str, x: int) -> int:
        """Add the layer's nodes to `network`, from the node `x` on, and return the one that gives its output.

        Raises
        ------
        SpecError
            Where it does not fit its input.
        """
        ops.require_axes(self.op, network.shape(x), self.axes)
        return self.core(network, name, x)

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as plain JSON values, later ones where they differ from their defaults."""
        values: dict[str, Any] = {"op": self.op}
        for item in fields(self):
            value = getattr(self, item.name)
            if not item.metadata["later"] or value != item.default:
                values[item.name] = list(value) if isinstance(value, tuple) else value
        return values


@dataclass(frozen=True, kw_only=True)
class Weighted(Layer):
    """A layer with weights: operation, norm, activation, dropout, and then the skip connection comes in.

    Parameters
    ----------
    width : int
        Output features or channels.
    activation : {"relu", "gelu", "silu", "tanh", "relu6", "hard_swish", "none"}
        After the norm.
    norm : {"group", "layer", "batch", "none"}
        Group norm (Wu & He, ECCV 2018) does not mix examples, so it bears uneven clients; see `num_groups`. Nor does
        layer norm, which is over the channels at each place; on a vector of less than 32 features the two are one.
    dropout : float
        Probability in [0, 1), kept to four decimals.
    skip : int, optional
        Earlier layer whose output comes to this layer's output; -1 is the network's input. The layer just
        before gives a plain residual connection.
    merge : {"add", "concat"}
        Whether it is added (K. He et al., CVPR 2016), or its features are put beside this layer's (G. Huang et al.,
        "Densely Connected Convolutional Networks", CVPR 2017). Without a skip it plays no part.
    """

    idle: ClassVar[Mapping[str, tuple[str, Any]]] = MappingProxyType({"merge": ("skip", None)})

    width: int = field(kw_only=False, metadata=by(whole(1, MAX_WIDTH), "width"))
    activation: str = field(default="relu", metadata=by(one_of(ACTIVATIONS), "activation"))
    norm: str = field(default="group", metadata=by(one_of(NORMS), "norm"))
    dropout: float = field(default=0.0, metadata=by(fraction, "dropout"))
    skip: int | None = field(default=None, metadata=by(optional(whole(-1, MAX_LAYERS - 1)), "skip"))
    merge: str = field(default="add", metadata=by(one_of(MERGES), "merge", later=True))

    def describe(self) -> str:
        """Return operation, width and skip connection."""
        sign = "+" if self.merge == "add" else "&"
        source = "" if self.skip is None else f" {sign}{'input' if self.skip < 0 else self.skip}"
        return f"{self.op} {self.width}{self._details()}{source}"

    def add_to(self, network: GraphBuilder, name: str, x: int) -> int:
        """Add operation, norm, activation and dropout; what does nothing is left out."""
        x = add_norm(network, f"{name}_norm", super().add_to(network, name, x), self.norm)
        if self.activation != "none":
            x = network.add(f"{name}_activation", ops.Activation(self.activation), x)
        return self._dropped(network, f"{name}_dropout", self._recalibrated(network, name, x))

    def _recalibrated(self, network: GraphBuilder, name: str, x: int) -> int:  # noqa: ARG002
        """Add what weighs channels against each other; by default nothing."""
        return x

    def _dropped(self, network: GraphBuilder, name: str, x: int) -> int:
        return network.add(name, ops.Dropout(self.dropout), x) if self.dropout > 0 else x

    def _details(self) -> str:
        return ""


def add_norm(network: GraphBuilder, name: str, x: int, norm: str) -> int:
    """Add one of `NORMS`, for "none" nothing."""
    if norm == "none":
        return x
    if norm == "group":
        return network.add(name, ops.GroupNorm(ops.num_groups(network.shape(x))), x)
    return network.add(name, ops.BatchNorm() if norm == "batch" else ops.LayerNorm(), x)
