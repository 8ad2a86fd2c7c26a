"""What the metrics of several nodes come to; the same in whatever order the nodes come."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from typing import Literal

from common.errors import DataError

Direction = Literal["max", "min"]
"""Whether more or less of a metric is better."""

Measured = tuple[Mapping[str, float], int]
"""One node's metrics, and the number of examples behind them."""


def summarise(values: Sequence[float], weights: Sequence[float], better: Direction = "max") -> dict[str, float]:
    """Sum up one metric over nodes; exactly the same in whatever order the nodes come.

    Parameters
    ----------
    values : sequence of float
        The metric on each node.
    weights : sequence of float
        Examples behind each value.
    better : {"max", "min"}
        Says at which end the worst are.

    Returns
    -------
    dict of str to float
        ``mean``, weighted; ``std`` over nodes, unweighted, 0 for one node; ``worst_decile``, the mean of
        the worst tenth of the nodes, rounded down but at least one.

    Raises
    ------
    DataError
        A number is not finite, there are not as many weights as values, or no weight is above 0.
    """
    numbers = all(math.isfinite(value) for value in (*values, *weights))
    if not numbers or len(values) != len(weights) or min(weights, default=0) < 0 or not sum(weights) > 0:
        raise DataError("A mean over nodes needs values with weights above 0", (list(values), list(weights)))
    total = math.fsum(weights)
    centre = math.fsum(values) / len(values)
    variance = math.fsum((value - centre) ** 2 for value in values) / len(values)
    worst = sorted(values, reverse=better == "min")[: max(1, len(values) // 10)]
    return {
        "mean": math.fsum(value * weight for value, weight in zip(values, weights, strict=True)) / total,
        "std": math.sqrt(variance),
        "worst_decile": math.fsum(worst) / len(worst),
    }


def over_nodes(
    scores: Mapping[str, Measured], primary: tuple[str, Direction], partly: Collection[str] = ()
) -> dict[str, float]:
    """Fold the scores of nodes (or of people) into one table.

    Parameters
    ----------
    scores : mapping
        By name: the metrics and the number of examples behind them.
    primary : tuple of str and {"max", "min"}
        The metric whose spread is told, and its direction.
    partly : collection of str
        Metrics that not every node can have.

    Returns
    -------
    dict of str to float
        Of each metric that all have, the mean weighted by examples; of each in `partly` the same over those that have
        it. Where these are not all, ``_nodes`` after its name says how many they are, since such a mean does not
        compare with one over others. Of the primary metric also ``_std`` (standard deviation over the names) and
        ``_worst_decile``; ``nodes`` and ``examples`` of all.
    """
    having = {
        metric: [(metrics[metric], size) for metrics, size in scores.values() if metric in metrics]
        for metric in sorted({metric for metrics, _ in scores.values() for metric in metrics})
    }
    told = {metric: pairs for metric, pairs in having.items() if len(pairs) == len(scores) or metric in partly}
    summaries = {
        metric: summarise([value for value, _ in pairs], [size for _, size in pairs], primary[1])
        for metric, pairs in told.items()
    }
    spread = summaries.get(primary[0], {})
    return {
        **{metric: summary["mean"] for metric, summary in summaries.items()},
        **{f"{metric}_nodes": float(len(pairs)) for metric, pairs in told.items() if len(pairs) < len(scores)},
        **{f"{primary[0]}_{part}": value for part, value in spread.items() if part != "mean"},
        "nodes": float(len(scores)),
        "examples": float(sum(size for _, size in scores.values())),
    }
