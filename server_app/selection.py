"""Which finalist wins: the best, or the cheapest of those that cannot be told from it and cost half at most.

That is the one-standard-error rule of L. Breiman, J. H. Friedman, R. A. Olshen and C. J. Stone, "Classification and
Regression Trees", Wadsworth 1984, section 3.4.3: of all models whose score lies within one standard error of the best,
take the simplest. Theirs is the error of the best one's score, over the examples that scored it. Ours is that of the
difference of two means: over the nodes that scored both, or over seeds, with one variance for all finalists, since a
few seeds say little of the variance of one. The larger of the two counts, for each is of a chance that the other does
not see: that of who was asked, and that of the training. And a little cheaper is not simpler: of two that cost about
as much the one that scored better is still the likelier to be better.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from server_app.comparison import ByNode, mean_by_node, over_common_nodes
from server_app.noise import difference

BEST = "best mean"
CHEAPEST = "fewest MACs within one standard error"
_CHEAPER = 0.5
"""Part of the best one's MACs that another may have at most, to be taken in its place."""
ALONE = "no other"


@dataclass(frozen=True)
class Contender:
    """A finalist.

    Parameters
    ----------
    scores : tuple of mappings
        One a seed, by node, more is better; see `Score.comparable`. None of seeds that failed; without any it is out.
    feasible : bool
        Whether no score of it breaks a hard constraint.
    macs : int
        What it costs.
    """

    scores: tuple[ByNode, ...]
    feasible: bool
    macs: int


@dataclass(frozen=True)
class Choice:
    """What was chosen.

    Parameters
    ----------
    chosen : int
        Its place among the contenders.
    why : {BEST, CHEAPEST, ALONE}
        By what.
    scores : tuple of tuple of float
        Of each contender one a seed, over common nodes; none of those that are out.
    means : tuple of float or None
        Of each contender over its seeds; None of those that are out.
    error : float
        Standard error of the difference between the best mean and the chosen one, or where these are one, between it
        and the next best; 0 where no seed was repeated and no two nodes scored.
    """

    chosen: int
    why: str
    scores: tuple[tuple[float, ...], ...]
    means: tuple[float | None, ...]
    error: float


def choose(contenders: Sequence[Contender]) -> Choice:
    """Choose one of those with a score.

    The best is the one with the best mean over seeds, of equals the cheapest, then the first. With a mean ``m`` over
    ``n`` seeds another one is as good where

        m[best] - m <= max(e, s sqrt(1 / n[best] + 1 / n)),    s^2 = sum of (x - m)^2 / sum of (n - 1),

    with sums over all contenders, and their seeds. And ``e`` is the error of the difference over nodes, of the mean of
    each over its seeds: see `noise.difference`. Of these the one with the fewest MACs is chosen, if it has half of the
    best one's at most, then that with the better mean, then the earlier. Those that are not feasible are chosen only
    where none is.

    Parameters
    ----------
    contenders : sequence of Contender
        In the order of the search's ranking; one at least has a score.
    """
    values = iter(over_common_nodes([score for contender in contenders for score in contender.scores]))
    scores = [tuple(next(values) for _ in contender.scores) for contender in contenders]
    means = [fmean(own) if own else -math.inf for own in scores]
    spread = pooled_deviation(scores)
    running = [place for place, own in enumerate(scores) if own]
    open_to = [place for place in running if contenders[place].feasible] or running
    best, *others = sorted(open_to, key=lambda place: (-means[place], contenders[place].macs, place))

    by_node = [mean_by_node(contender.scores) for contender in contenders]

    def error(place: int) -> float:
        of_seeds = spread * math.sqrt(1 / len(scores[best]) + 1 / len(scores[place]))
        _, of_nodes = difference(by_node[best], by_node[place])
        return max(of_seeds, 0.0 if math.isinf(of_nodes) else of_nodes)

    most = _CHEAPER * contenders[best].macs
    cheap = [place for place in others if contenders[place].macs <= most]
    as_good = [best, *(place for place in cheap if means[best] - means[place] <= error(place))]
    chosen = min(as_good, key=lambda place: (contenders[place].macs, -means[place], place))
    beside = others[0] if others and chosen == best else chosen
    return Choice(
        chosen,
        ALONE if not others else BEST if chosen == best else CHEAPEST,
        tuple(scores),
        tuple(mean if own else None for mean, own in zip(means, scores, strict=True)),
        error(beside) if others else 0.0,
    )


def pooled_deviation(groups: Sequence[Sequence[float]]) -> float:
    """Return the standard deviation within groups, one for all of them; 0 where none has two values."""
    groups = [group for group in groups if group]
    squares = math.fsum((value - fmean(group)) ** 2 for group in groups for value in group)
    freedom = sum(len(group) - 1 for group in groups)
    return math.sqrt(squares / freedom) if freedom else 0.0
