"""Progressive search: the smallest networks first, and larger ones grown from the best.

C. Liu et al., "Progressive Neural Architecture Search", ECCV 2018, algorithm 1: all cells of one block are trained,
and a predictor is fitted; the best are expanded by one block, the predictor says which K of them train, and so on
until cells have all blocks.

Where we depart: any space can be grown. How large a network is tells the number of its operations that multiply or
pool, be they layers, nodes of cells or stages; of an entry of a table, which is no network, its MACs or else its
parameters. Draws of the space are cut into as many levels as are asked for, each as likely, and a level is open for
an equal part of all trials. Expanded are the best trials so far, by mutations that come to lie in the open level;
fresh draws of it are beside them, for what cannot be reached by growing. The predictor is a Gaussian process
(`server_app.surrogates.gp`) in place of an ensemble of LSTMs or perceptrons, fitted after each trial and not once a
level, so nobody waits for a level to end. As in the paper the best by its mean is chosen, with no bonus for doubt.
The paper ends with the largest level; here a last part of the trials may be of any size, for large is not everywhere
better. What is not foreseen can still be met: one proposal in ten is a draw.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from common.architecture.operations.pooling import Pool as Pooling
from common.errors import ConfigError, SpecError
from server_app.controllers.base import Suggestion
from server_app.controllers.guided import Guided, Pool

if TYPE_CHECKING:
    from common.architecture.spec import ArchitectureSpec
    from server_app.spaces.base import SearchSpace
    from server_app.trials import Identity

_DRAWS = 200
"""Of the space, by which it is cut into levels: the share of each is then known to about 3 percent."""
_FRESH = 0.1
"""Part of the proposals that are drawn: a guess; so few of them spoil little."""


class Progressive(Guided):
    """Opens one level of size after the other, and tries what a Gaussian process foresees most of there."""

    @dataclass(frozen=True)
    class Options:
        """How networks grow.

        Parameters
        ----------
        levels : int
            Levels of size; 1 opens all sizes at once.
        pool : int
            Mutations of the best trials among which to choose, and as many fresh draws.
        costs : bool
            Whether the model sees parameters and MACs.
        """

        levels: int = 4
        pool: int = 50
        costs: bool = True

        def __post_init__(self) -> None:
            for name in ("levels", "pool"):
                if getattr(self, name) < 1:
                    raise ConfigError(
                        f"controller.{name} must be 1 or more", getattr(self, name), fix=f"Leave controller.{name} out"
                    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._bounds: list[float] | None = None

    def suggest(self, rng: np.random.Generator) -> Suggestion:
        """Return what is foreseen to be best in the open level, or something random of it."""
        low, high = self._open(rng)

        def within(tried: Identity) -> bool:
            return low < size(self.space.space, tried[0]) <= high

        beliefs = None if rng.random() < _FRESH else self.beliefs(rng)
        pool = self.pool(within)
        if beliefs is not None:
            pool.mutate(self.from_best(), self.options.pool, rng)
            pool.mutate(pool.ideas, self.options.pool, rng)
        pool.draw(self.options.pool, rng)
        if not pool:  # all of the level was tried, or it is too rare
            return Suggestion(self.space.sample(rng), "sample")
        hope = rng.random(len(pool)) if beliefs is None else beliefs.predict(pool.identities)[0]
        return pool.first(hope, 1)[0]

    def extra_state(self) -> dict[str, Any]:
        """Return where levels end, beside the scores of all rungs."""
        return {**super().extra_state(), "bounds": self._bounds}

    def load_extra_state(self, state: dict[str, Any]) -> None:
        """Take back what `extra_state` returned."""
        super().load_extra_state(state)
        self._bounds = state["bounds"]

    def _open(self, rng: np.random.Generator) -> tuple[float, float]:
        """Return between which sizes the open level lies, the lower one excluded; at the end between all."""
        if self._bounds is None:
            drawn = Pool(self.space)
            drawn.draw(_DRAWS, rng)
            sizes = [size(self.space.space, spec) for spec, _ in drawn.identities]
            if not sizes:
                return -np.inf, np.inf
            cuts = np.quantile(sizes, np.arange(1, self.options.levels) / self.options.levels, method="inverted_cdf")
            self._bounds = sorted({float(cut) for cut in cuts if cut < max(sizes)})
        ends = [-np.inf, *self._bounds, np.inf]
        opened = len(self._proposed) * len(ends) // self.max_trials
        return (ends[opened], ends[opened + 1]) if opened < len(ends) - 1 else (-np.inf, np.inf)


def size(space: SearchSpace, spec: ArchitectureSpec) -> float:
    """Return how large an architecture is; only those of one space compare.

    Parameters
    ----------
    space : SearchSpace
        Says for which task, and what entries of a table cost.
    spec : ArchitectureSpec
        Of the space.
    """
    try:
        graph = spec.lower(space.task)
    except SpecError:  # an entry of a table
        cost = space.cost(spec)
        return float(cost.macs or cost.parameters)
    working = (
        isinstance(node.operation, Pooling) or node.operation.macs(*graph.entering(node)) > 0 for node in graph.nodes
    )
    return float(sum(working))
