"""Spaces that offer everything, for tasks of every shape, the smallest included; and spaces of trials."""

from collections.abc import Iterable
from dataclasses import replace

from common.architecture.kinds.layered import REDUCTIONS
from common.architecture.kinds.layers import LAYERS
from common.architecture.spec import ArchitectureSpec
from common.tasks import Classification, Task
from server_app.controllers.observations import Suggestion
from server_app.spaces.base import SearchSpace
from server_app.spaces.layered import LayeredSpace
from server_app.spaces.recipes import RecipeSpace
from server_app.spaces.trial_space import TrialSpace
from server_app.trials import Recipe

TASKS = (
    Task((5,), Classification(3)),
    Task((1,), Classification(2)),
    Task((3, 21), Classification(4)),
    Task((1, 2), Classification(2)),
    Task((2, 9, 7), Classification(3)),
    Task((1, 1, 4), Classification(2)),
)
OPTIONS = LayeredSpace.Options(
    min_layers=0,
    max_layers=6,
    operations=list(LAYERS),
    width=[1, 2, 6, 16, 33],
    kernel=[1, 3, 5],
    stride=[1, 2, 3],
    activation=["relu", "gelu", "silu", "tanh", "none"],
    norm=["group", "layer", "batch", "none"],
    dropout={"low": 0.0, "high": 0.5},
    skip=0.5,
    merge=["add", "concat"],
    dilation=[1, 2],
    squeeze_excite=[None, 2],
    kernels=[[1, 3], [1, 3, 5]],
    heads=[1, 2],
    patch=[1, 2],
    bands=[1, 5],
    reduce=list(REDUCTIONS),
    join=["none", "log_energy"],
    normalise=["none", "example"],
    max_parameters=None,
    max_macs=None,
)


def everything() -> list[LayeredSpace]:
    """Return two spaces for each task: one free in how a chain begins, one not."""
    return [LayeredSpace(task, replace(OPTIONS, begin=begin)) for task in TASKS for begin in ("any", "conv")]


def with_one_recipe(space: SearchSpace) -> TrialSpace:
    """Return what may be tried where all trials have the default recipe."""
    return TrialSpace(space, RecipeSpace.fixed(Recipe()))


def with_recipes(space: SearchSpace) -> TrialSpace:
    """Return what may be tried with 2 x 2 recipes, the default of which is that of `with_one_recipe`."""
    choices = {"learning_rate": [0.001, 0.003], "schedule": ["constant", "cosine"]}
    return TrialSpace(space, RecipeSpace.of(choices, space.task))


def given(specs: Iterable[ArchitectureSpec], recipe: Recipe = Recipe()) -> list[Suggestion]:  # noqa: B008 - frozen
    """Return a start of these specs with one recipe."""
    return [Suggestion((spec, recipe), "given") for spec in specs]
