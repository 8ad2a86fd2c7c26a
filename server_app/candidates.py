"""What the final training trains: the winner of the search, and what it is compared with.

    winner     the best of the search
    baseline   what was known before the search, see `server_app.given`
    linear     the head's linear map on the inputs as they are
    constant   the network that does not look at its input

The last two say what the winner's figures are worth. Where the linear model is as good, no network was needed; where
the constant one is, nothing was learnt.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from common.architecture.kinds.constant import ConstantSpec
from common.architecture.kinds.layered import LayeredSpec
from common.config import Config
from common.tasks import Task
from server_app.given import baseline_of
from server_app.trials import Identity, Recipe, Trial

ROLES = ("winner", "baseline", "linear", "constant")
"""In the order of reports; the winner is the first model of the final training."""


def candidates_of(config: Config, task: Task, ranking: Sequence[Trial]) -> dict[str, Identity]:
    """Return what is trained, by role, in the order of `ROLES`; the baseline is left out where there is none.

    Parameters
    ----------
    config : Config
        What was chosen.
    task : Task
        That the handshake told.
    ranking : sequence of Trial
        Those of the search, best first; the first is the winner.

    Raises
    ------
    ConfigError
        Where the baseline does not fit the task.
    """
    found = {"winner": ranking[0].identity}
    if (baseline := baseline_of(config, task, ranking)) is not None:
        found["baseline"] = baseline
    return {**found, "linear": linear(config.training), "constant": constant(config.training)}


def linear(recipe: Recipe) -> Identity:
    """Return the linear model; it sees the examples as they are, and else trains with the recipe given."""
    return LayeredSpec(()), replace(recipe, augmentation=())


def constant(recipe: Recipe) -> Identity:
    """Return the constant model, which has the epochs and mini-batches of the recipe given, and else one of its own.

    Adam moves a number by its learning rate in a step, however small the gradient, and each node would move its own
    classes by as much. The steps of plain SGD are linear in the gradient. From zeros, where the network begins, the
    first one leads to the shares of the classes less ``1 / K``, and its mean over the nodes, weighted by examples, to
    those of all examples together: the majority class is right from then on. With a learning rate of 1/2 a step on a
    squared error, whose second derivative is 2, ends in the mean of its mini-batch; on a cross entropy, where that is
    1/2 at most, it goes a quarter of the way or less. What nodes move towards their own optimum in several steps of one
    round, and the noise of mini-batches, vanish with the learning rate, so that falls by a cosine.
    """
    return ConstantSpec(), Recipe(
        optimizer="sgd",
        learning_rate=0.5,
        schedule="cosine",
        batch_size=recipe.batch_size,
        epochs=recipe.epochs,
    )
