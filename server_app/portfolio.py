"""The portfolio: what a practitioner would try first on data of this kind, made to fit these data and these nodes.

The files are conf/portfolio/<kind of data>.yaml. An entry is written for inputs of ordinary size. For others it changes
as little as it must: what an input is too small for is left out, long and large inputs are passed through with greater
strides, and what the space does not offer is exchanged for the nearest that it does.

What exceeds a limit becomes narrower and coarser, by what A. G. Howard et al., "MobileNets", 2017, section 3.3, call
multipliers of width and of resolution, and only then shallower: what is averaged over all places knows of no more than
its layers see at once. Where features are flattened their places are known, and few layers do: there a layer goes as
soon as half of the channels.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import product
from typing import TYPE_CHECKING, Any

from common.architecture.graph import INPUT, GraphBuilder
from common.architecture.kinds.layered import LayeredSpec
from common.architecture.kinds.layers import Convolution, Layer, Pool, Weighted
from common.architecture.spec import ArchitectureSpec
from common.config import read_portfolio
from common.errors import SpecError
from common.settings import TrainingSettings
from server_app.spaces.edits import remove_layer, replace_layer
from server_app.spaces.stems import GREATEST

if TYPE_CHECKING:
    from common.tasks import Task
    from server_app.spaces.base import SearchSpace
    from server_app.spaces.recipes import RecipeSpace
    from server_app.trials import Identity

LEAST = 2
"""Steps, or pixels of a side, that are left at least before features are reduced to a vector."""
HALVINGS, STRIDES = 3, 2
"""How often widths are halved, and how many more convolutions get strides, before an entry loses a layer."""
_SHRINKINGS = sorted(product(range(HALVINGS + 1), range(STRIDES + 1)), key=lambda pair: (sum(pair), pair[1]))
"""So many halvings with so many strides, few of both first: in two dimensions one saves about as much as the other."""
_FLAT, _NOT_FLAT = "flatten", "avg+max"
"""A reduction that costs much with large inputs, and what takes its place."""


@dataclass(frozen=True)
class Portfolio:
    """What of a portfolio fits.

    Parameters
    ----------
    entries : mapping of str to Identity
        By name, in the order of the file.
    left_out : mapping of str to str
        By name of those that do not: why.
    """

    entries: Mapping[str, Identity] = field(default_factory=dict)
    left_out: Mapping[str, str] = field(default_factory=dict)


def portfolio_of(task: Task, space: SearchSpace, recipes: RecipeSpace) -> Portfolio:
    """Return the portfolio for the task's kind of data.

    Parameters
    ----------
    task : Task
        What it is for.
    space : SearchSpace
        An entry of which no form belongs to it is left out.
    recipes : RecipeSpace
        Training settings that are not offered take its default: who named a recipe gets that one.
    """
    entries: dict[str, Identity] = {}
    left_out: dict[str, str] = {}
    for name, values in read_portfolio(task.kind).items():
        spec, recipe = _parsed(values, recipes)
        try:
            entries[name] = _fitting(spec, task, space), recipe
        except SpecError as error:
            left_out[name] = str(error)
    return Portfolio(entries, left_out)


def forms_of(spec: ArchitectureSpec, task: Task) -> Iterator[ArchitectureSpec]:
    """Yield a spec as the task's input has it, and then ever smaller ones."""
    if not isinstance(spec, LayeredSpec) or not spec.layers:
        yield spec
        return
    fitted = smaller(coarser(smaller(spec, task), task), task)
    layers, reduce = len(fitted.layers), fitted.reduce
    if reduce == _FLAT and len(task.input_shape) > 1:
        every = product(_SHRINKINGS, range(layers))
        for shrinking, lost in sorted(every, key=lambda pair: (sum(pair[0]) + pair[1], -pair[1])):
            yield _form(fitted, task, _FLAT, layers - lost, shrinking)
        reduce = _NOT_FLAT
    for depth, shrinking in product(range(layers, 0, -1), _SHRINKINGS):
        yield _form(fitted, task, reduce, depth, shrinking)


def smaller(spec: LayeredSpec, task: Task) -> LayeredSpec:
    """Return `spec` without the pooling, the strides of convolutions, and the join, that its input is too small for."""
    index, shape = 0, task.input_shape
    if spec.join is not None and _after(spec.join, shape) is None:
        spec = replace(spec, join=None)
    least = min(LEAST, *shape[1:]) if len(shape) > 1 else 0
    while index < len(spec.layers) and len(shape) > 1:
        layer = spec.layers[index]
        after = _after(layer, shape)
        if after is not None and min(after[1:], default=least) >= least:
            index, shape = index + 1, after
        elif isinstance(layer, Convolution) and layer.stride > 1:
            spec = replace_layer(spec, index, replace(layer, stride=1))
        elif isinstance(layer, Pool):
            spec = remove_layer(spec, index)
        else:
            break
    return spec


def coarser(spec: LayeredSpec, task: Task) -> LayeredSpec:
    """Return `spec` with strides of 2, from the first convolution on, until little enough of a large input is left."""
    for strides in range(len(spec.layers) + 1):
        found = strided(spec, strides)
        if max(_extents(found, task), default=0) <= GREATEST.get(task.kind, 0):
            break
    return found


def strided(spec: LayeredSpec, count: int) -> LayeredSpec:
    """Return `spec` with strides of 2 in the first `count` convolutions that have none, if there are so many."""
    convolutions = [(index, layer) for index, layer in enumerate(spec.layers) if isinstance(layer, Convolution)]
    for index, layer in [(index, layer) for index, layer in convolutions if layer.stride == 1][:count]:
        spec = replace_layer(spec, index, replace(layer, stride=2))
    return spec


def narrower(spec: LayeredSpec, divisor: int) -> LayeredSpec:
    """Return `spec` with all widths divided, rounded down, and 1 at least."""
    layers = (
        replace(layer, width=max(1, layer.width // divisor)) if isinstance(layer, Weighted) else layer
        for layer in spec.layers
    )
    return replace(spec, layers=tuple(layers))


def _form(spec: LayeredSpec, task: Task, reduce: str, depth: int, shrinking: tuple[int, int]) -> LayeredSpec:
    halvings, strides = shrinking
    form = replace(spec, layers=spec.layers[:depth], reduce=reduce)
    return narrower(smaller(strided(form, strides), task), 2**halvings)


def _after(layer: Layer, shape: tuple[int, ...]) -> tuple[int, ...] | None:
    """Return the shape after a layer; a vector where it wants one, None where it does not fit."""
    if 0 in layer.axes:
        return shape[:1]
    network = GraphBuilder(shape)
    try:
        return network.shape(layer.core(network, layer.op, INPUT))
    except SpecError:
        return None


def _extents(spec: LayeredSpec, task: Task) -> tuple[int, ...]:
    """Return the spatial extents that are reduced to a vector in the end; none where a front end leaves none."""
    shape = task.input_shape
    for layer in spec.layers:
        if 0 in layer.axes or (after := _after(layer, shape)) is None:
            break
        shape = after
    return shape[1:]


def _fitting(spec: ArchitectureSpec, task: Task, space: SearchSpace) -> ArchitectureSpec:
    """Return the first form of `spec` that belongs to the space; raises `SpecError`, for the last, where none does."""
    form = spec
    for form in map(space.nearest, forms_of(spec, task)):
        if space.contains(form):
            break
    space.check(form)
    return form


def _parsed(values: Mapping[str, Any], recipes: RecipeSpace) -> Identity:
    """Return an entry of the file, its recipe as far as it is offered."""
    default = recipes.default
    recipe = TrainingSettings.from_json({**default.to_json(), **values.get("recipe", {})})
    return ArchitectureSpec.from_dict(values["spec"]), recipes.within(recipe)
