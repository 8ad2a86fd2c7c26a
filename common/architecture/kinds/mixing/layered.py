"""All layers in one place of a chain, where they give the same shape."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, ClassVar

from common.architecture.kinds.layered import LayeredSpec
from common.architecture.kinds.layers import FrontEnd, Layer, Weighted, layer_from_dict
from common.architecture.kinds.layers.base import by
from common.architecture.kinds.mixing.base import Choice, Mixing, Option, add_mix, check_type, node_name
from common.errors import SpecError

if TYPE_CHECKING:
    from common.architecture.graph import Graph, GraphBuilder
    from common.tasks import Task


class Layers(Mixing[LayeredSpec]):
    """Of layered specs."""

    def frame(self, frame: LayeredSpec, choices: Sequence[Choice], partial: int) -> LayeredSpec:
        """Return the frame with the first option of each place; see `Mixing.frame`."""
        if partial > 1:
            raise SpecError("Only mixed cells have partial channels", partial, fix="Use partial 1")
        layers = list(frame.layers)
        for choice, index in zip(choices, _indices(frame, choices), strict=True):
            _check(choice)
            layers[index] = choice.options[0]
        return replace(frame, layers=tuple(layers))

    def parse(self, values: Any) -> Option:
        """Return a layer."""
        return layer_from_dict(values)

    def written(self, option: Option) -> Any:
        """Return its fields."""
        return option.to_dict()

    def lower(self, frame: LayeredSpec, choices: Sequence[Choice], partial: int, task: Task) -> Graph:  # noqa: ARG002
        """Write the chain out, with all options of a layer beside each other; see `Mixing.lower`."""
        layers = list(frame.layers)
        for choice, index in zip(choices, _indices(frame, choices), strict=True):
            layers[index] = _MixedLayer(choice=choice)
        return replace(frame, layers=tuple(layers))._lower(task)

    def plain(self, frame: LayeredSpec, chosen: Mapping[str, Option]) -> LayeredSpec:
        """Return the chain of the chosen layers; see `Mixing.plain`."""
        layers = (chosen.get(f"layer{index}", layer) for index, layer in enumerate(frame.layers))
        return replace(frame, layers=tuple(layers))


def _indices(frame: LayeredSpec, choices: Sequence[Choice]) -> list[int]:
    """Return which layers are chosen; raises `SpecError` unless they are some of the frame's, in order."""
    known = {f"layer{index}": index for index in range(len(frame.layers))}
    indices = [known.get(choice.place, -1) for choice in choices]
    if -1 in indices or indices != sorted(set(indices)):
        places = [choice.place for choice in choices]
        raise SpecError(f"The places of mixed layers are layer0 to layer{len(frame.layers) - 1}, in order", places)
    return indices


def _check(choice: Choice) -> None:
    check_type(choice, Layer)
    for option in choice.options:
        if isinstance(option, FrontEnd) or (isinstance(option, Weighted) and option.skip is not None):
            raise SpecError(
                f"No option of {choice.place} may be a front end or have a skip connection, since another option has "
                "nothing to do with what it reads",
                option.to_dict(),
                fix="Offer the layer without it",
            )
    if len({option.reads_vectors for option in choice.options}) > 1:
        raise SpecError(f"Either all options of {choice.place} work on vectors or none", choice.names)


def _chosen(name: str, value: Any) -> Any:  # noqa: ARG001 - a rule, and its choice was checked
    return value


@dataclass(frozen=True, kw_only=True)
class _MixedLayer(Layer):
    """All options of a place."""

    choice: Choice = field(metadata=by(_chosen, None))

    op: ClassVar[str] = "mixed"
    family: ClassVar[str] = "mixed"
    axes: ClassVar[tuple[int, ...]] = (0, 1, 2)

    @property
    def reads_vectors(self) -> bool:
        """Whether the options do."""
        return bool(self.choice.options[0].reads_vectors)

    def core(self, network: GraphBuilder, name: str, x: int) -> int:
        """Add all options, and their sum."""
        options = enumerate(self.choice.options)
        given = {index: option.add_to(network, node_name(name, option), x) for index, option in options}
        return add_mix(network, f"{name}_mix", self.choice, given)

    def describe(self) -> str:
        """Return the number of options."""
        return f"one of {len(self.choice.options)}"
