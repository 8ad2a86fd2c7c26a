"""What may be tried: architectures of a space, with recipes by which they may be trained."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from common.errors import ConfigError, SpecError
from common.recipes import check_recipe

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from common.architecture.cost import Cost
    from common.architecture.spec import ArchitectureSpec
    from server_app.spaces.base import Ask, SearchSpace
    from server_app.spaces.domains import Domain
    from server_app.spaces.recipes import RecipeSpace
    from server_app.trials import Identity, Recipe

_STEP = 100_000
"""MACs of an example that take about as long as its part of any step, of 32 examples on a CPU, where
tests/benchmarks/steps.py said 120,000 and 180,000."""


@dataclass(frozen=True)
class TrialSpace:
    """The product of a search space and a recipe space; its elements are identities of trials.

    Where there is one recipe, nothing is drawn but architectures, and they are drawn as `SearchSpace` does.

    Parameters
    ----------
    space : SearchSpace
        The architectures.
    recipes : RecipeSpace
        How they may be trained.
    """

    space: SearchSpace
    recipes: RecipeSpace

    def cost(self, spec: ArchitectureSpec) -> Cost:
        """Return what `spec` costs on the space's task."""
        return self.space.cost(spec)

    def effort(self, identity: Identity) -> float:
        """Return how long a round takes, in MACs forward for each example; 1 where trials are looked up.

        What any step takes is part of it, else small networks, none of which is faster than another, would look a
        hundred times cheaper than others.
        """
        spec, recipe = identity
        return 1.0 if self.space.why_offline else (self.cost(spec).macs + _STEP) * recipe.epochs

    def as_dear(self, one: Identity, other: Identity) -> bool:
        """Tell whether a round of `one` costs as much as one of `other`, or more, in MACs x examples and in bytes."""
        ours, theirs = (
            (cost.macs * recipe.epochs, cost.message_bytes)
            for cost, recipe in ((self.cost(spec), recipe) for spec, recipe in (one, other))
        )
        return all(mine >= its for mine, its in zip(ours, theirs, strict=True))

    def size(self) -> float:
        """Count the identities before constraints; infinite where a choice of the architecture is continuous."""
        return self.space.size() * self.recipes.size

    def encode(self, identity: Identity) -> NDArray[np.float64]:
        """Return the spec's vector and then the recipe's, equal only for equal identities (for surrogates)."""
        spec, recipe = identity
        return np.concatenate([self.space.encode(spec), self.recipes.encode(recipe)])

    def check(self, identity: Identity) -> None:
        """Raise where the spec does not belong to the space, or the recipe does not suit the task.

        Whether the recipe is among those that are offered is not asked: given trials bring recipes of their own.

        Raises
        ------
        SpecError
            As of `SearchSpace.check`.
        ConfigError
            As of `check_recipe`.
        """
        spec, recipe = identity
        self.space.check(spec)
        check_recipe(recipe, self.space.task)

    def contains(self, identity: Identity) -> bool:
        """Tell whether `check` passes."""
        try:
            self.check(identity)
        except (SpecError, ConfigError):
            return False
        return True

    def made(self, ask: Ask) -> Identity:
        """Return the trial that answers make; raises `SpecError` as of `SearchSpace.made`."""
        return self.space.made(ask), self.recipes.made(ask)

    def answers(self, identity: Identity) -> dict[str, Any]:
        """Return by question the answer of which `made` makes a trial.

        Settings of a given recipe that are not offered take the default. Raises `SpecError` where the space does not
        offer the spec.
        """
        spec, recipe = identity
        return {**self.space.answers(spec), **self.recipes.answers(recipe)}

    def asked(self, identity: Identity) -> dict[str, tuple[Domain, Any]]:
        """Return by question what may be answered, and the answer of which `made` makes a trial.

        What the space does not offer is left out; recipes are as of `answers`. Whether the spec is legal is not asked:
        limits may have become narrower since it was tried.
        """
        spec, recipe = identity
        found = _asked(self.recipes.made, self.recipes.answers(recipe))
        with suppress(SpecError):
            found = _asked(self.space.made, self.space.answers(spec)) | found
        return found

    def sample(self, rng: np.random.Generator) -> Identity:
        """Draw a legal spec and a recipe; raises `SpaceError` as of `SearchSpace.sample`."""
        return self.space.sample(rng), self.recipes.sample(rng)

    def sample_other(self, taken: Collection[Identity], rng: np.random.Generator) -> Identity | None:
        """Draw what is not among `taken`: a spec of which recipes are left, and one of them.

        Returns
        -------
        Identity or None
            None where there is none, or, in a space of more than 10,000 specs, where no recipe was left for any of 200
            samples, or one failed.
        """
        tried: defaultdict[ArchitectureSpec, set[Recipe]] = defaultdict(set)
        for taken_spec, taken_recipe in taken:
            if self.recipes.offers(taken_recipe):
                tried[taken_spec].add(taken_recipe)
        spent = {spent for spent, recipes in tried.items() if len(recipes) == self.recipes.size}
        spec = self.space.sample_other(spent, rng)
        if spec is None:
            return None
        recipe = self.recipes.sample_other(tried[spec], rng)
        assert recipe is not None
        return spec, recipe

    def mutate(self, identity: Identity, rng: np.random.Generator) -> Identity:
        """Return a neighbour: one thing is changed, where both can be, the recipe with probability 1/2.

        Settings of a given recipe that are not offered take the default. The result is `identity` only where that is
        alone.
        """
        spec, recipe = identity
        if self.recipes.searched and rng.random() < 0.5:
            return spec, self.recipes.within(self.recipes.mutate(recipe, rng))
        mutant = self.space.mutate(spec, rng)
        if mutant == spec:
            recipe = self.recipes.mutate(recipe, rng)
        return mutant, self.recipes.within(recipe)

    def crossover(self, a: Identity, b: Identity, rng: np.random.Generator) -> Identity:
        """Return a legal mix of the two specs with a mix of the two recipes, as far as those are offered."""
        spec = self.space.crossover(a[0], b[0], rng)
        return spec, self.recipes.within(self.recipes.crossover(a[1], b[1], rng))


def _asked(made: Callable[[Ask], object], answers: dict[str, Any]) -> dict[str, tuple[Domain, Any]]:
    found: dict[str, tuple[Domain, Any]] = {}

    def ask(name: str, domain: Domain) -> Any:
        found[name] = domain, answers[name]
        return answers[name]

    with suppress(SpecError):
        made(ask)
    return found
