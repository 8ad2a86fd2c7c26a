"""What the final training trains: the winner of the search, and what it is compared with.

    winner     the finalist that was chosen, or the best of the search
    baseline   what was known before the search, see `server_app.given`
    linear     the head's linear map on the inputs as they are
    constant   the network that does not look at its input

The last two say what the winner's figures are worth. Where the linear model is as good, no network was needed; where
the constant one is, nothing was learnt.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from common.architecture.kinds.constant import ConstantSpec
from common.architecture.kinds.layered import LayeredSpec
from common.config import Config
from common.groups import PORTFOLIO, FinalConfig
from common.tasks import Task
from server_app.given import baseline_of, best_of_portfolio
from server_app.spaces.recipes import RecipeSpace
from server_app.trials import Identity, Recipe, Trial

ROLES = ("winner", "baseline", "linear", "constant")
"""In the order of reports; the winner is the first model of the final training."""
ONCE = frozenset({"constant"})
"""Roles that no seed changes: one run is enough."""
_LINEAR = LayeredSpec(())
_ALL = 10_000
"""Examples in a mini-batch that is to hold all of a node: more, where one is known to have more."""


def candidates_of(
    config: Config,
    task: Task,
    winner: Identity,
    ranking: Sequence[Trial],
    most: int,
    front: Mapping[str, Identity] = MappingProxyType({}),
) -> dict[str, Identity]:
    """Return what is trained, by role: in the order of `ROLES`, then what else is of the front.

    The baseline is left out where there is none.

    Parameters
    ----------
    config : Config
        What was chosen.
    task : Task
        That the handshake told.
    winner : Identity
        What was chosen.
    ranking : sequence of Trial
        Those of the search, best first.
    most : int
        Training examples of the node that has most.
    front : mapping of str to Identity
        Of a search with several objectives, by name, those that are as good as the winner.

    Raises
    ------
    ConfigError
        Where the baseline does not fit the task.
    """
    recipes = RecipeSpace.of(config.training, task)
    found = {"winner": winner}
    if (baseline := baseline_of(config, task, recipes, ranking)) is not None:
        found["baseline"] = baseline
    return {**found, "linear": linear(recipes.default), "constant": constant(most, task.head.constant_rate), **front}


def models_to_train(final: FinalConfig, several: bool = False) -> dict[str, int]:
    """Return how many models train after the search, by label of their stage: at most, as it is known at the start.

    Parameters
    ----------
    final : FinalConfig
        Of the search.
    several : bool
        Whether it has several objectives; how many are of the front is known later, if all of them train.
    """
    seeded = [role for role in ROLES if role not in ONCE]
    if several:
        others = final.front - 1 if isinstance(final.front, int) else 0
        return {"finalist": 0, "final": (len(seeded) + others) * final.seeds + len(ONCE)}
    finalists = final.finalists * final.seeds if final.finalists > 1 else 0
    return {"finalist": finalists, "final": len(seeded) * final.seeds + len(ONCE)}


def taken_over(final: FinalConfig, several: bool = False) -> int:
    """Return how many models of the final training are finalists, too, as it is known at the start.

    That is the winner, and the best of the portfolio where that is the baseline; see `finalists_of`. Where nodes were
    held out of the search, they train again none the less.

    Parameters
    ----------
    final, several
        As of `models_to_train`.
    """
    return 0 if several or final.finalists == 1 else 1 + (final.baseline == PORTFOLIO)


def finalists_of(ranking: Sequence[Trial], final: FinalConfig) -> list[Identity]:
    """Return what the best trials of a search try, best first, each once; trials without a score that counts are none.

    Where the winner is compared with the best of the portfolio, that is one of them: it trains anyway, and where a
    search has found nothing that is better in the end, it is what is chosen. So is the linear model where the search
    tried one, as the portfolio of vectors has it: a few rounds show what networks can do sooner than that it is enough.
    Either takes the place of the last one, if it is not among the best, but for the very best.

    Parameters
    ----------
    ranking : sequence of Trial
        Those of the search, best first.
    final : FinalConfig
        How many there are at most, and what the winner is compared with.
    """
    best = list(dict.fromkeys(trial.identity for trial in ranking if trial.ranks))
    known = best_of_portfolio(ranking) if final.baseline == PORTFOLIO else None
    sure = [] if known is None else [known.identity]
    sure += [identity for identity in best if identity[0] == _LINEAR][:1]
    sure = list(dict.fromkeys(sure))[: final.finalists - 1]
    others = [identity for identity in best if identity not in sure][: final.finalists - len(sure)]
    return [identity for identity in best if identity in sure or identity in others]


def linear(default: Recipe) -> Identity:
    """Return the linear model, with a recipe by which it comes close to its optimum in few rounds.

    It is convex, so a large rate that falls to 0 does no harm, and a pass over the examples costs next to nothing. With
    the rate of deep networks it would be far from what a linear model can do, and flatter what it is compared with.
    """
    epochs = max(5, default.epochs)
    return _LINEAR, Recipe(
        learning_rate=0.03, schedule="cosine", epochs=epochs, batch_size=default.batch_size, weight_decay=0.0001
    )


def constant(most: int, rate: float = 0.5) -> Identity:
    """Return the constant model, which takes one step over all examples of a node in a round.

    Then the mean over nodes, weighted by examples, is a step over all examples together. Several steps would lead each
    node to its own answer, and Adam's would all be of one length. From zeros, where the network begins, the first step
    leads to the shares of the classes less ``1 / K``, times the rate: the majority class is right from then on. On a
    squared error, whose second derivative is 2, a rate of 1/2 ends in the mean at once. Other heads have other rates.

    Parameters
    ----------
    most : int
        Training examples of the node that has most.
    rate : float
        See `Head.constant_rate`.
    """
    return ConstantSpec(), Recipe(optimizer="sgd", learning_rate=rate, epochs=1, batch_size=max(_ALL, most))
