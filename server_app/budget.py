"""What computing costs, in currencies that do not depend on who measures: MACs x examples above all.

    mac_examples    MACs of one example forward x examples that went through the network on a node: those of a round of
                    training once an epoch, those of a score or a test once, with those that
                    batch norm is calibrated by, those that proxies look at once for each score that does, the
                    architecture's own of a bilevel search as often as each step of it takes, and of models of a
                    node's own those of all that it trains and scores
    node_seconds    of computing, as the nodes measured them, summed over nodes
    bytes           of weights, both ways, summed over nodes
    seconds         by the clock, from the command on

The way back of training costs about twice the way forward, for every architecture alike, and is not counted apart. Nor
is what a server computes on a test set of its own, or what a node computed for nothing: a result that failed, that was
refused, or that came too late has no examples.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass
from typing import TYPE_CHECKING

from common.errors import ConfigError
from common.models.proxies import DATA_PASSES
from common.personal import COEFFICIENTS

if TYPE_CHECKING:
    from common.groups import BudgetConfig
    from common.jobs import Work
    from common.settings import BilevelSettings, PersonalSettings
    from server_app.trials import Ledger, Trial

PASSES = {"first": 1, "mixed": 2, "second": 4}
"""By order of a bilevel search, how often an example of the architecture's own goes forward for a step of it."""


def mac_examples(macs: int, work: Work, examples: int, train: float = math.inf) -> int:
    """Return the MACs x examples of one job.

    Parameters
    ----------
    macs : int
        Of one example forward.
    work : Work
        What was done: training goes through its examples once an epoch, a score once, and a proxy job through those of
        its mini-batch once for each score that looks at them.
    examples : int
        Of the node that did it.
    train : float
        Training examples of that node; a score is calibrated by no more.
    """
    calibrated = min(work.calibration * work.training.batch_size, train) if work.calibration else 0
    return macs * (_passes(work, examples) + int(calibrated))


def _passes(work: Work, examples: int) -> int:
    """Return how many examples go forward through the network, those that do so again counted again."""
    if work.kind == "bilevel":
        assert work.bilevel is not None
        return bilevel_passes(work.bilevel, examples) * work.training.epochs
    return examples * {"train": work.training.epochs, "score": 1, "proxy": DATA_PASSES}[work.kind]


def bilevel_passes(settings: BilevelSettings, examples: int) -> int:
    """Return how many examples go forward through a mixed network in an epoch of a node that has so many.

    Weights are trained on all but the architecture's own, which go through as often as a step of it takes; see
    `client_app.bilevel`. Of a node whose own examples are of one class they do not, which nobody knows here.

    Examples
    --------
    >>> from common.settings import BilevelSettings
    >>> [bilevel_passes(BilevelSettings(order, fraction=0.25), 100) for order in ("first", "mixed", "second")]
    [100, 125, 175]
    >>> bilevel_passes(BilevelSettings(fraction=0.25, steps_alphas=False), 100)
    75
    """
    own = round(settings.fraction * examples)
    return examples - own + (PASSES[settings.order] * own if settings.steps_alphas else 0)


def personal_passes(
    settings: PersonalSettings, epochs: int, rounds: int, train: int, validation: int, test: int
) -> int:
    """Return how many examples go forward through the network on a node that makes a model of its own.

    It trains from scratch for the rounds, fine-tunes that, and fine-tunes the common weights; each checkpoint of the
    first and what either came to is scored on validation, as the common model is, and three models are tested. What it
    had no time for counts all the same. A node without validation examples tests the common model.

    Parameters
    ----------
    settings : PersonalSettings
        What it does.
    epochs, rounds : int
        Of the recipe, and of the final training.
    train, validation, test : int
        Examples of the node.

    Examples
    --------
    >>> from common.settings import PersonalSettings
    >>> settings = PersonalSettings("all", epochs=3, checkpoints=(2, 4))
    >>> personal_passes(settings, 1, 4, 100, 10, 5) == 100 * (4 + 2 * 3) + 10 * (1 + 1 + 2 + 1) + 3 * 5
    True
    >>> personal_passes(settings, 1, 4, 100, 0, 5)
    5
    """
    if not validation:
        return test
    scores = 1 + (len(COEFFICIENTS) if settings.method == "mix" else 1) + len(settings.checkpoints) + 1
    return train * (rounds * epochs + 2 * settings.epochs) + validation * scores + 3 * test


@dataclass(frozen=True)
class Spent:
    """What something has cost, or is going to.

    Parameters
    ----------
    mac_examples, node_seconds, bytes, seconds
        In each of the currencies.
    """

    mac_examples: int = 0
    node_seconds: float = 0.0
    bytes: int = 0
    seconds: float = 0.0

    def __add__(self, other: Spent) -> Spent:
        return Spent(*(one + more for one, more in zip(astuple(self), astuple(other), strict=True)))

    @classmethod
    def of(cls, trials: Iterable[Trial]) -> Spent:
        """Return what trials have cost, but for the clock, which they share."""
        return cls.of_ledgers([trial.ledger for trial in trials])

    @classmethod
    def of_ledgers(cls, ledgers: Sequence[Ledger]) -> Spent:
        """Return what ledgers tell together."""
        return cls(
            sum(ledger.mac_examples for ledger in ledgers),
            sum(ledger.node_seconds for ledger in ledgers),
            sum(ledger.bytes_down + ledger.bytes_up for ledger in ledgers),
        )


@dataclass(frozen=True)
class Shortage:
    """What a budget does not have.

    Parameters
    ----------
    currency : str
        Which limit would be exceeded.
    spent, reserved, limit : float
        What was spent so far, what is reserved for all that would follow, and the limit.
    """

    currency: str
    spent: float
    reserved: float
    limit: float

    @property
    def part(self) -> float:
        """How much there would have to be, in parts of what there is; above 1."""
        return (self.spent + self.reserved) / self.limit


def shortage_of(limits: BudgetConfig, spent: Spent, reserved: Spent) -> Shortage | None:
    """Return the first limit that would be exceeded; None where all that was spent and is reserved fits each of them.

    Parameters
    ----------
    limits : BudgetConfig
        A limit in each currency, or None.
    spent, reserved : Spent
        What was spent so far, and what all that would follow costs.
    """
    for name, limit in limits.limits.items():
        if getattr(spent, name) + getattr(reserved, name) > limit:
            return Shortage(name, getattr(spent, name), getattr(reserved, name), limit)
    return None


def too_little(shortage: Shortage) -> ConfigError:
    """Return the error that a budget pays for no search at all."""
    name, least = f"search.budget.{shortage.currency}", shortage.spent + shortage.reserved
    return ConfigError(
        f"{name} must pay for one trial on all rungs and for the final training, which cost {least:,.0f} here",
        shortage.limit,
        fix="Raise it, or lower fidelity.max_rounds, final.rounds, final.finalists or final.seeds",
    )
