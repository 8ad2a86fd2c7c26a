"""The places of a `layered` network of all options: chains in which all that may stand at a place give one shape.

Where data have space its layers do, too, and a head follows them; the others are all linear. The extents are halved,
where a stride of 2 is offered, as long as `SHORTEST` are left. There are no skip connections, since what one would read
depends on what stands there.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from common.architecture.graph import INPUT, GraphBuilder
from common.architecture.kinds.layers import Layer
from common.errors import SpecError
from server_app.spaces.domains import Choices, least_of
from server_app.spaces.layered_places import LINEAR, SPATIAL, drawn_fields, first_of, part_of

if TYPE_CHECKING:
    from common.architecture.tensors import Shape
    from common.tasks import Task
    from server_app.spaces.layered_places import Places

SHORTEST = 4
"""Extents that halving leaves at least."""
MOST = 8
"""Options of a place, all of which a node computes; where there are more, all have one norm, then one activation."""
_PINNED = ("skip", "merge", "dropout")
"""Fields that have what is offered first; of a skip that is none."""
_PINNED_NEXT = ("norm", "activation", "squeeze_excite", "dilation")


def mixed_layers(places: Places, depth: int, task: Task) -> list[tuple[Layer, ...]]:
    """Return the options of each place, at least one; fewer places where nothing would fit any more.

    Parameters
    ----------
    places : Places
        What is offered.
    depth : int
        How many places.
    task : Task
        Whose input the first layer reads.
    """
    part = LINEAR if task.kind == "vector" or not places.count(0, SPATIAL) else SPATIAL
    shape, found = task.input_shape, []
    if part == LINEAR and len(shape) > 1:
        return []
    for index in range(depth):
        layers = _narrowed(places, index, part, shape)
        if not layers:
            break
        found.append(tuple(layers))
        given = _given(layers[0], shape)
        assert given is not None
        shape = given
    return found


def _narrowed(places: Places, index: int, part: str, shape: Shape) -> list[Layer]:
    """Return the options of a place that give the shape that it is to have, pinning fields while they are too many."""
    pinned = list(_PINNED)
    for further in (None, *_PINNED_NEXT):
        pinned += [] if further is None else [further]
        layers = list(dict.fromkeys(_layers(places, index, part, tuple(pinned))))
        wanted = _wanted(layers, shape)
        found = [layer for layer in layers if wanted is not None and _given(layer, shape) == wanted]
        if len(found) <= MOST:
            return found
    return found[:MOST]


def _layers(places: Places, index: int, part: str, pinned: tuple[str, ...]) -> Iterator[Layer]:
    """Yield what may stand at a place, of the least width."""
    for cls in places.at(index).values():
        if part_of(cls) == part:
            domains = {name: (option, places.domain(option, index)) for name, option in drawn_fields(cls)}
            values = {name: _values(*domain, option_pinned=domain[0] in pinned) for name, domain in domains.items()}
            for drawn in itertools.product(*values.values()):
                yield cls(**dict(zip(values, drawn, strict=True)))


def _values(option: str, domain: Any, *, option_pinned: bool) -> tuple[Any, ...]:
    if option == "width":
        return (least_of(domain),)
    if option_pinned or not isinstance(domain, Choices):
        return (first_of(domain),)
    return domain.values


def _wanted(layers: list[Layer], shape: Shape) -> Shape | None:
    """Return the shape that a place is to have: of halved extents, or else as little smaller as may be.

    Of those the one that most layers give.
    """
    shapes = Counter(given for layer in layers if (given := _given(layer, shape)) is not None)
    extents = shape[1:]
    halved = tuple(-(-extent // 2) for extent in extents)
    if not (extents and min(halved) >= SHORTEST and any(one[1:] == halved for one in shapes)):
        halved = max((one[1:] for one in shapes), default=())
    fitting = {one: count for one, count in shapes.items() if one[1:] == halved}
    return max(fitting, key=lambda one: (fitting[one], one), default=None)


def _given(layer: Layer, shape: Shape) -> Shape | None:
    """Return the shape that a layer gives; None where it does not fit."""
    network = GraphBuilder(shape)
    try:
        return network.shape(layer.add_to(network, "layer", INPUT))
    except SpecError:
        return None
