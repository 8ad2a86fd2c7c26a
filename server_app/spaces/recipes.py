"""How a trial may be trained: one value or choices for each training setting.

A space with one recipe draws nothing, so that a search of architectures alone is what it would be without this.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from numbers import Real
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from common.errors import ConfigError
from common.recipes import AXES, check_recipe
from common.settings import TrainingSettings
from common.tasks import Task
from common.typed import typed
from server_app.spaces.base import drawn_by
from server_app.spaces.domains import Choices
from server_app.trials import Recipe

if TYPE_CHECKING:
    from server_app.spaces.base import Ask
    from server_app.spaces.beliefs import Beliefs

_SETTINGS = {item.name: item.default for item in fields(TrainingSettings)}
_BY_DATA = ("augmentation", "label_smoothing", "class_weights")
"""Settings that may be left to the data."""
_AUGMENTATIONS: dict[str, tuple[tuple[str, ...], ...]] = {
    "vector": ((), ("jitter",)),
    "sequence": ((), ("jitter", "scale"), ("jitter", "scale", "shift")),
    "image": ((), ("crop",), ("flip", "crop")),
}
"""What is offered by the kind of input, for want of a better word from the user."""
_ROTATED = ("rotate", "jitter", "scale")


@dataclass(frozen=True)
class RecipeSpace:
    """The recipes that trials may have.

    Parameters
    ----------
    domains : mapping of str to Choices
        For each training setting what it may be; the first is the default.

    Raises
    ------
    ConfigError
        A setting has no domain, or there is no such setting.
    """

    domains: Mapping[str, Choices]

    def __post_init__(self) -> None:
        if strange := sorted(self.domains.keys() ^ _SETTINGS.keys()):
            raise ConfigError(f"A recipe space has a domain for each of {', '.join(_SETTINGS)}", strange)
        # one order, whatever that of the configuration: what is drawn and encoded must not depend on it
        object.__setattr__(self, "domains", {name: self.domains[name] for name in _SETTINGS})

    @classmethod
    def of(cls, values: Mapping[str, Any], task: Task) -> Self:
        """Read the configuration's ``training``, for a task that is known.

        Parameters
        ----------
        values : mapping
            As of `read_choices`.
        task : Task
            What the handshake told: nulls stand for what suits it.

        Raises
        ------
        ConfigError
            As of `read_choices`, and where the task does not have what a choice asks for.
        """
        read = read_choices(values)
        space = cls({name: _suiting(name, task) if choices is None else choices for name, choices in read.items()})
        for name, choices in space.domains.items():
            for value in choices.values:
                check_recipe(replace(space.default, **{name: value}), task)
        return space

    def expecting(self, beliefs: Beliefs) -> Self:
        """Return this space with what an expert expects of it; the default stays."""
        return type(self)({name: beliefs.of(f"training.{name}", one) for name, one in self.domains.items()})

    @classmethod
    def fixed(cls, recipe: Recipe) -> Self:
        """Return the space that offers this recipe only."""
        return cls({name: Choices((getattr(recipe, name),)) for name in _SETTINGS})

    # ------------------------------------------------------------ what there is

    @cached_property
    def default(self) -> Recipe:
        """The recipe of first choices."""
        return Recipe(**{name: choices.values[0] for name, choices in self.domains.items()})

    @property
    def largest(self) -> Recipe:
        """The recipe that needs most memory on a node."""
        return largest(self._varied(self.domains))

    @property
    def size(self) -> int:
        """Number of recipes."""
        return math.prod(len(choices.values) for choices in self.domains.values())

    @cached_property
    def searched(self) -> tuple[str, ...]:
        """The settings that have a choice."""
        return tuple(name for name, choices in self.domains.items() if len(choices.values) > 1)

    def enumerate(self) -> Iterator[Recipe]:
        """Yield the recipes that `size` counts, each once, in the order of the choices, the last setting fastest."""
        for values in itertools.product(*(choices.values for choices in self.domains.values())):
            yield Recipe(*values)

    def offers(self, recipe: Recipe) -> bool:
        """Tell whether each setting is among its choices."""
        return self.within(recipe) == recipe

    def within(self, recipe: Recipe) -> Recipe:
        """Return `recipe` with the default for each setting that is not among its choices."""
        foreign = [name for name, choices in self.domains.items() if getattr(recipe, name) not in choices]
        return replace(recipe, **{name: self.domains[name].values[0] for name in foreign}) if foreign else recipe

    # ------------------------------------------------------------ what is drawn

    def sample(self, rng: np.random.Generator) -> Recipe:
        """Draw a recipe, each setting uniformly."""
        return self.made(drawn_by(rng))

    def made(self, ask: Ask) -> Recipe:
        """Return the recipe that answers make; asked are the settings that have a choice, as ``training.epochs``."""
        answers = {name: ask(f"training.{name}", self.domains[name]) for name in self.searched}
        return replace(self.default, **answers) if answers else self.default

    def answers(self, recipe: Recipe) -> dict[str, Any]:
        """Return by question the answer of which `made` makes `recipe`, as far as that is offered."""
        return {f"training.{name}": getattr(self.within(recipe), name) for name in self.searched}

    def sample_other(self, taken: Collection[Recipe], rng: np.random.Generator) -> Recipe | None:
        """Draw one of the recipes that are not among `taken`, each as likely; None where there is none."""
        numbers = sorted({self._number(recipe) for recipe in taken if self.offers(recipe)})
        left = self.size - len(numbers)
        if not left:
            return None
        number = int(rng.integers(left)) if left > 1 else 0
        for passed in numbers:
            number += passed <= number
        return self._recipe(number)

    def mutate(self, recipe: Recipe, rng: np.random.Generator) -> Recipe:
        """Return `recipe` with another value for one setting that has a choice; `recipe` where none has.

        What is not among the choices is kept, unless it is the one that changes.
        """
        if not self.searched:
            return recipe
        name = self.searched[int(rng.integers(len(self.searched)))]
        return replace(recipe, **{name: self.domains[name].other(getattr(recipe, name), rng)})

    def crossover(self, a: Recipe, b: Recipe, rng: np.random.Generator) -> Recipe:
        """Return a mix: each setting that has a choice from one of the two, the rest from `a`."""
        differing = [name for name in self.searched if getattr(a, name) != getattr(b, name)]
        return replace(a, **{name: getattr((a, b)[int(rng.integers(2))], name) for name in differing})

    # ------------------------------------------------------------ for surrogates

    def encode(self, recipe: Recipe) -> NDArray[np.float64]:
        """Return a vector of fixed length, equal only for equal recipes of this space.

        Only settings that have a choice are part of it. Words and augmentations are one-hot, shape ``(choices,)``. A
        number is its rank among the choices, from 0 for the least to 1 for the greatest, for rates spread over
        decades and may be 0. What is not offered lies between the ranks of its neighbours; a word of that kind is 0.
        """
        parts = [_encoded(self.domains[name].values, getattr(recipe, name)) for name in self.searched]
        return np.concatenate([np.zeros(0), *parts])

    # ------------------------------------------------------------ inside

    def _varied(self, names: Iterable[str]) -> Iterator[Recipe]:
        """Yield the default with each choice of each of these settings in its turn."""
        for name in names:
            for value in self.domains[name].values:
                yield replace(self.default, **{name: value})

    def _number(self, recipe: Recipe) -> int:
        """Return where an offered recipe comes in `enumerate`."""
        number = 0
        for name in self.searched:
            values = self.domains[name].values
            number = number * len(values) + values.index(getattr(recipe, name))
        return number

    def _recipe(self, number: int) -> Recipe:
        """Return the recipe that comes at `number` in `enumerate`."""
        chosen = {}
        for name in reversed(self.searched):
            number, place = divmod(number, len(self.domains[name].values))
            chosen[name] = self.domains[name].values[place]
        return replace(self.default, **chosen)


def read_choices(values: Mapping[str, Any]) -> dict[str, Choices | None]:
    """Read the configuration's ``training``, before there is a task.

    Parameters
    ----------
    values : mapping
        By setting a value, or a list of choices. An augmentation is a list already, so its choices are lists of lists.

    Returns
    -------
    dict
        For each setting its choices, None for what goes by the data; one value is one choice.

    Raises
    ------
    ConfigError
        There is no such setting, or it has no choice, the same twice, or a value that it cannot have.
    """
    typed(TrainingSettings, {name: value for name, value in values.items() if name not in _SETTINGS}, "training")
    return {name: _read(name, values.get(name, default)) for name, default in _SETTINGS.items()}


def largest(recipes: Iterable[Recipe]) -> Recipe:
    """Return a recipe that needs at least as much memory on a node as each of these.

    Of each setting that `common.architecture.memory.peak_memory` looks at, it has what needs most.
    """
    given = list(recipes)
    return replace(
        given[0],
        optimizer="adam" if any(recipe.optimizer == "adam" for recipe in given) else given[0].optimizer,
        batch_size=max(recipe.batch_size for recipe in given),
        momentum=max(recipe.momentum for recipe in given),
        proximal_mu=max(recipe.proximal_mu for recipe in given),
    )


def _read(name: str, value: Any) -> Choices | None:
    if value is None and name in _BY_DATA:
        return None
    values = tuple(_value(name, one) for one in (value if _holds_choices(name, value) else [value]))
    if not values:
        raise ConfigError(f"training.{name} must have a value, or choices", value, fix=f"Name what training.{name} is")
    if len(set(values)) < len(values):
        raise ConfigError(f"training.{name} must not repeat a choice", value, fix="Remove the repeated ones")
    return Choices(values)


def _holds_choices(name: str, value: Any) -> bool:
    if not isinstance(value, (list, tuple)):
        return False
    return name != "augmentation" or any(isinstance(item, (list, tuple)) for item in value)


def _value(name: str, value: Any) -> Any:
    """Return a value with the type of its setting; raises `ConfigError` that names the setting."""
    return getattr(typed(TrainingSettings, {name: value}, "training"), name)


def _suiting(name: str, task: Task) -> Choices:
    """Return the choices of a setting that is left to the data."""
    if name == "label_smoothing":
        return Choices((0.0, 0.1) if task.head.smooths else (0.0,))
    if name == "class_weights":
        return Choices(("none", "balanced") if task.head.balances else ("none",))
    rotated = task.kind == "sequence" and task.input_shape[0] % AXES == 0
    return Choices((*_AUGMENTATIONS[task.kind], *([_ROTATED] if rotated else [])))


def _encoded(values: Sequence[Any], value: Any) -> NDArray[np.float64]:
    if isinstance(values[0], Real):
        return np.array([np.interp(value, sorted(values), np.linspace(0, 1, len(values)))], np.float64)
    return np.array([float(value == choice) for choice in values])
