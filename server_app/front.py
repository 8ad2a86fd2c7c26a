"""The front of a search with several objectives: which of it are trained to the end, and how far it reaches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from common.groups import FinalConfig
    from server_app.objectives.base import Objective
    from server_app.stages.search import Search
    from server_app.trials import Trial

_BEYOND = 0.1
"""Part of the range of the trials by which the reference point lies beyond the worst of them."""


def num_of_front(final: FinalConfig, size: int) -> int:
    """Return how many of a front of this size are trained to the end."""
    if isinstance(final.front, int):
        return min(final.front, size)
    return size if final.front == "all" else min(1, size)


def of_front(search: Search, final: FinalConfig) -> list[Trial]:
    """Return those of the front that are trained to the end: the knee, then those with most room about them.

    Where no trial keeps all constraints there is no front, and the winner, which breaks them least, is alone.
    """
    front = search.front
    return front[: num_of_front(final, len(front) if feasible(front) else 1)]


def feasible(front: Sequence[Trial]) -> bool:
    """Tell whether a front is one of trials that keep all constraints; either all of it do, or none."""
    return all(trial.scores[-1].feasible for trial in front)


def reference_point(terms: Sequence[Objective], values: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Return for each term a value a tenth of the range beyond the worst of some trials.

    So the ends of their front count, too: H. Ishibuchi, R. Imada, Y. Setoguchi and Y. Nojima, "How to Specify a
    Reference Point in Hypervolume Calculation for Fair Performance Comparison", Evolutionary Computation 26, 2018.
    Where all have one value, it is a tenth of that beyond, or 0.1 beyond 0.

    Examples
    --------
    >>> from server_app.objectives.base import Objective
    >>> accuracy, macs = Objective("accuracy", "max"), Objective("macs", "min")
    >>> reference_point([accuracy, macs], [{"accuracy": 0.5, "macs": 1000.0}, {"accuracy": 1.0, "macs": 3000.0}])
    {'accuracy': 0.45, 'macs': 3200.0}
    """
    found = {}
    for term in terms:
        own = [one[term.name] for one in values]
        beyond = _BEYOND * ((max(own) - min(own)) or abs(own[0]) or 1.0)
        found[term.name] = min(own) - beyond if term.direction == "max" else max(own) + beyond
    return found


def hypervolume(
    terms: Sequence[Objective], values: Sequence[Mapping[str, float]], reference: Mapping[str, float]
) -> float:
    """Return the volume that a front dominates, up to a reference point, in the product of the units of its terms.

    E. Zitzler and L. Thiele, "Multiobjective Evolutionary Algorithms: A Comparative Case Study and the Strength Pareto
    Approach", IEEE Transactions on Evolutionary Computation 3, 1999; computed by moocore. What is no better than the
    reference in some term adds nothing.

    Parameters
    ----------
    terms : sequence of Objective
        What the front is of.
    values : sequence of mappings
        Of its members, by name of a term.
    reference : mapping of str to float
        Likewise.

    Examples
    --------
    Two boxes of 0.4 x 100 and 0.3 x 150 share one of 0.3 x 100:

    >>> from server_app.objectives.base import Objective
    >>> both = [Objective("accuracy", "max"), Objective("macs", "min")]
    >>> front = [{"accuracy": 0.9, "macs": 100.0}, {"accuracy": 0.8, "macs": 50.0}]
    >>> round(hypervolume(both, front, {"accuracy": 0.5, "macs": 200.0}), 9)
    55.0
    """
    if not values:
        return 0.0
    moocore: Any = import_module("moocore")  # a third of a second, which no round should take
    points = [[term.oriented(one[term.name]) for term in terms] for one in values]
    corner = [term.oriented(reference[term.name]) for term in terms]
    return float(moocore.hypervolume(points, ref=corner, maximise=True))


def measured(search: Search) -> dict[str, Any]:
    """Return the hypervolume of a search's front, and the reference point that it is measured from.

    Without a reference of one's own it comes from the trials that came as far as the front, and that keep all
    constraints; without such trials there is none.
    """
    terms, front = search.objectives.dimensions(), search.front
    given: Mapping[str, float] = search.objectives.options.reference or {}
    reference = {search.objectives.resolved(name): float(value) for name, value in given.items()}
    if not front or not feasible(front):
        return {"hypervolume": 0.0, "reference": reference or None}
    rung = front[0].rung
    peers = [one.scores[-1] for one in search.ranking if one.ranks and one.rung == rung and one.scores[-1].feasible]
    reference = reference or reference_point(terms, [score.values for score in peers])
    values = [trial.scores[-1].values for trial in front]
    return {"hypervolume": hypervolume(terms, values, reference), "reference": reference}
