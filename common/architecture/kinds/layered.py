"""Layered specs: chains of layers with skip connections, for vectors, sequences and images."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Self

from common.architecture.graph import HEAD, INPUT, Graph, GraphBuilder
from common.architecture.kinds.layers import FrontEnd, Layer, Weighted, layer_from_dict
from common.architecture.operations import (
    Add,
    AverageTo,
    Concatenate,
    Convolution,
    ExampleNorm,
    Flatten,
    GlobalPool,
    Linear,
    Operation,
)
from common.architecture.rules import MAX_LAYERS, one_of
from common.architecture.spec import ArchitectureSpec
from common.errors import SpecError

if TYPE_CHECKING:
    from common.tasks import Task

REDUCTIONS = ("flatten", "avg", "max", "avg+max", "log_std")
NORMALISATIONS = ("none", "example")


@dataclass(frozen=True)
class LayeredSpec(ArchitectureSpec):
    """Layers in order; the head's linear map always follows.

    No layers at all make softmax regression.

    Parameters
    ----------
    layers : sequence of Layer
        At most 64.
    reduce : {"flatten", "avg", "max", "avg+max", "log_std"}
        How spatial features become a vector before the first linear layer: all of them, or their
        mean, maximum, both, or log deviation over space. A front end among the layers leaves nothing
        to reduce: then it is "flatten", whatever was given.
    join : FrontEnd, optional
        Features of the network's input that join that vector before the first linear layer. Without
        one, JSON does not name it.
    normalise : {"none", "example"}
        Of the network's input: with "example" each channel of each example has mean 0 and variance 1 over space. What
        joins reads the input as it was, level and gain included. JSON does not name "none".
    """

    layers: tuple[Layer, ...] = ()
    reduce: str = "flatten"
    join: FrontEnd | None = None
    normalise: str = "none"

    kind: ClassVar[str] = "layered"
    version: ClassVar[int] = 1

    def __post_init__(self) -> None:
        if not isinstance(self.layers, Sequence) or not all(isinstance(layer, Layer) for layer in self.layers):
            raise SpecError("layers must be a sequence of layers", self.layers, fix="Use from_dict for JSON values")
        object.__setattr__(self, "layers", tuple(self.layers))
        one_of(REDUCTIONS)("reduce", self.reduce)
        one_of(NORMALISATIONS)("normalise", self.normalise)
        if any(isinstance(layer, FrontEnd) for layer in self.layers):
            object.__setattr__(self, "reduce", REDUCTIONS[0])
        if not isinstance(self.join, FrontEnd | None):
            raise SpecError("join must be a front end such as {'op': 'log_energy'}", self.join, fix="Leave it out")
        _check_depth(self.layers)
        for index, layer in enumerate(self.layers):
            if isinstance(layer, Weighted) and layer.skip is not None and layer.skip >= index:
                raise SpecError(
                    f"Layer {index}: {layer.op} skip must name an earlier layer, from -1 (the input) to {index - 1}",
                    layer.skip,
                    fix="Layers count from 0",
                )

    def describe(self) -> str:
        """Return one line for people, such as ``conv2d 32 k3 s2 → max_pool 2 → linear 64``."""
        chain = " → ".join(layer.describe() for layer in self.layers) or "classifier only"
        if self.normalise != "none":
            chain = f"{self.normalise} norm → {chain}"
        return chain if self.join is None else f"{chain}, joined by {self.join.describe()}"

    def to_values(self) -> dict[str, Any]:
        """Return the layers as objects, `reduce`, and of `join` and `normalise` what there is."""
        values: dict[str, Any] = {"layers": [layer.to_dict() for layer in self.layers], "reduce": self.reduce}
        if self.join is not None:
            values["join"] = self.join.to_dict()
        if self.normalise != NORMALISATIONS[0]:
            values["normalise"] = self.normalise
        return values

    @classmethod
    def from_values(cls, values: Mapping[str, Any]) -> Self:
        """Build from plain JSON values; see `ArchitectureSpec.from_values`."""
        if "layers" not in values:
            raise SpecError("A spec needs layers", sorted(values), fix="Give a list of layers; it may be empty")
        layers = values["layers"]
        if not isinstance(layers, list | tuple):
            raise SpecError("layers must be a list", layers, fix="Give one object for each layer")
        _check_depth(layers)
        parsed = tuple(_parse_layer(f"Layer {index}", layer) for index, layer in enumerate(layers))
        join: Any = None if values.get("join") is None else _parse_layer("join", values["join"])
        return cls(parsed, values.get("reduce", "flatten"), join, values.get("normalise", NORMALISATIONS[0]))

    def _lower(self, task: Task) -> Graph:
        network = GraphBuilder(task.input_shape)
        joining: list[int] = []
        if self.join is not None:
            with _in("join"):
                joining.append(self.join.add_to(network, "join", INPUT))
        outputs = [INPUT]
        if self.normalise == "example":
            with _in("normalise"):
                outputs = [network.add("normalise", ExampleNorm(), INPUT)]
        for index, layer in enumerate(self.layers):
            with _in(f"Layer {index}"):
                outputs.append(self._add_layer(network, f"layer{index}", layer, outputs, joining))
        vector = self._vector(network, HEAD, outputs[-1], joining)
        network.add(HEAD, Linear(task.head.output_width), vector)
        return network.graph()

    def _add_layer(
        self, network: GraphBuilder, name: str, layer: Layer, outputs: Sequence[int], joining: list[int]
    ) -> int:
        """Add one layer, and return the node that gives its output; `outputs` are those of the input and before it."""
        x = self._vector(network, name, outputs[-1], joining) if layer.reads_vectors else outputs[-1]
        x = layer.add_to(network, name, x)
        if not isinstance(layer, Weighted) or layer.skip is None:
            return x
        merge = _concatenated if layer.merge == "concat" else _added
        return merge(network, name, outputs[layer.skip + 1], x)

    def _vector(self, network: GraphBuilder, name: str, x: int, joining: list[int]) -> int:
        """Return the node that gives `x` as a vector, with what is `joining`, which is joined once."""
        if len(network.shape(x)) > 1:
            x = _reduce(network, f"{name}_reduce", x, self.reduce)
        return network.add(f"{name}_join", Concatenate(), x, joining.pop()) if joining else x


def _reduce(network: GraphBuilder, name: str, x: int, how: str) -> int:
    """Add what makes a vector of spatial features."""
    if how == "flatten":
        return network.add(name, Flatten(), x)
    if "+" not in how:
        return network.add(name, GlobalPool(how), x)
    parts = [network.add(f"{name}_{part}", GlobalPool(part), x) for part in how.split("+")]
    return network.add(name, Concatenate(), *parts)


def _concatenated(network: GraphBuilder, name: str, source: int, target: int) -> int:
    """Put what `source` gives beside what `target` gives, averaged as `_averaged` says."""
    return network.add(f"{name}_concat", Concatenate(), target, _averaged(network, name, source, target))


def _averaged(network: GraphBuilder, name: str, source: int, target: int) -> int:
    """Average spatial features down to the target's extents, to a vector where the target is one."""
    _, *extents = network.shape(target)
    if network.shape(source)[1:] == tuple(extents):
        return source
    return network.add(f"{name}_skip_pool", AverageTo(tuple(extents)) if extents else GlobalPool("avg"), source)


def _added(network: GraphBuilder, name: str, source: int, target: int) -> int:
    """Add what `source` gives, averaged as `_averaged` says, to what `target` gives.

    Where channels differ, a projection without bias (a 1x1 convolution, or a linear map) comes between.
    """
    width, *extents = network.shape(target)
    source = _averaged(network, name, source, target)
    if network.shape(source)[0] != width:
        projection: Operation = Convolution(width, kernel=1, bias=False) if extents else Linear(width, bias=False)
        source = network.add(f"{name}_skip", projection, source)
    return network.add(f"{name}_add", Add(), target, source)


def _check_depth(layers: Sequence[Any]) -> None:
    if len(layers) > MAX_LAYERS:
        raise SpecError(f"A spec must have {MAX_LAYERS} layers at most", len(layers), fix="Use fewer layers")


def _parse_layer(place: str, values: Any) -> Layer:
    with _in(place):
        return layer_from_dict(values)


@contextmanager
def _in(place: str) -> Iterator[None]:
    """Let errors say where they arose."""
    try:
        yield
    except SpecError as error:
        raise SpecError(f"{place}: {str(error).removesuffix('.')}") from None
