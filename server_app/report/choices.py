"""Which choices of a search mattered: permutation importance, and what each value of a choice went with.

A random forest (L. Breiman, "Random Forests", Machine Learning 45, 2001) is fitted on what trials chose and what they
scored. A choice matters as much as the forest errs more on trials that it has not seen once that choice is shuffled
among them (the same paper, section 10): so the importance is told in variance of the score that is lost. Where the
forest cannot foresee unseen trials, nothing is told: what it had learnt by heart would look important.

Scores of one rung compare, so they are of the rung that most trials have a score at. A search does not draw at random,
and good values are tried together with other good ones: beside the mean of what was tried stands what the forest would
give on average if all trials had a value (partial dependence, J. Friedman, "Greedy Function Approximation", Annals of
Statistics 29, 2001).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from itertools import pairwise
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray

from common.seeding import child_seed, generator

LEAST = 20
"""Trials with a score at one rung, at least: of fewer a forest learns nothing that holds for others."""
FORESEEN = 0.2
"""R2 on unseen trials, at least, for importances to be told."""
_FOLDS, _REPEATS, _TREES = 3, 5, 40
_MOST = 24
"""Choices that are looked at: those with most variety."""
_SHOWN = 6
"""Choices whose values are told one by one, and groups of values where they are numbers."""

Array = NDArray[np.float64]
Chosen = Mapping[int, Mapping[str, Any]]
"""By trial and by question of the space the answer: None, a number or a text."""


@dataclass(frozen=True)
class Column:
    """The answers to one question as numbers; NaN of who was not asked, and of None among numbers.

    Parameters
    ----------
    name : str
        The question.
    values : NDArray
        One a trial; of texts their place in `labels`.
    labels : tuple of str
        Of texts, in the order of their values; empty where answers are numbers.
    """

    name: str
    values: Array
    labels: tuple[str, ...]


def choices_of(chosen: Chosen, scores: Iterable[Mapping[str, Any]], sign: float, seed: int) -> dict[str, Any]:
    """Return what mattered.

    Parameters
    ----------
    chosen : mapping
        What trials chose; trials without an entry are left out.
    scores : iterable of mappings
        Of the search, as of `History`.
    sign : float
        -1 where less of a value is better; what is told of values stays in their own unit.
    seed : int
        Of the run.

    Returns
    -------
    dict
        ``why`` in a sentence where nothing can be told; else ``trials``, ``rung``, ``foreseen`` (R2 on unseen trials),
        ``importance`` (name, mean and deviation over shuffles, in parts of the variance, most important first) and
        ``effects`` (of the most important: the name, and for each value its label, the number of trials, mean and
        quartiles of what they scored, and ``adjusted``).
    """
    rung, found = _rung(chosen, scores)
    if len(found) < LEAST:
        return {
            "why": f"It takes {LEAST} trials with a score at one rung to tell which choices mattered, {_few(found)}."
        }
    numbers = sorted(found)
    columns = columns_of([chosen[number] for number in numbers])[:_MOST]
    y = np.array([sign * found[number] for number in numbers])
    if not columns or not np.ptp(y):
        return {"why": "All trials chose alike, or scored alike, so no choice can be told from another."}
    x = np.column_stack([column.values for column in columns])
    foreseen, importance = _importance(x, y, seed)
    facts = {"trials": len(numbers), "rung": rung, "foreseen": foreseen}
    if foreseen < FORESEEN:
        return {
            **facts,
            "why": "What trials chose does not foretell what unseen trials score (a random forest explains "
            f"{max(0.0, foreseen):.0%} of the variance), so no importance is told.",
        }
    order = np.argsort(-importance.mean(axis=1), kind="stable")
    forest = _forest(seed).fit(x, y)
    return {
        **facts,
        "importance": [
            {"name": columns[i].name, "mean": float(importance[i].mean()), "deviation": float(importance[i].std())}
            for i in order
        ],
        "effects": [
            _effect(columns[i], int(i), x, sign * y, lambda x: sign * forest.predict(x)) for i in order[:_SHOWN]
        ],
    }


def columns_of(rows: Sequence[Mapping[str, Any]]) -> list[Column]:
    """Return the questions that were answered in more than one way, those with most variety first.

    Variety is the entropy of the answers, that nothing was asked being one of them.
    """
    names = dict.fromkeys(name for row in rows for name in row)
    found = [(_entropy([_key(row.get(name)) for row in rows]), _column(name, rows)) for name in names]
    return [column for entropy, column in sorted(found, key=lambda pair: -pair[0]) if entropy > 0]


def _few(found: Mapping[int, float]) -> str:
    return "and none has one" if not found else f"and {len(found)} have"


def _rung(chosen: Chosen, scores: Iterable[Mapping[str, Any]]) -> tuple[int, dict[int, float]]:
    """Return the rung with most scores, of equal ones the highest, and by trial its score there."""
    by_rung: dict[int, dict[int, float]] = {}
    for score in scores:
        value = score["value"]
        if score["trial"] in chosen and value is not None and math.isfinite(value):
            by_rung.setdefault(score["rung"], {})[score["trial"]] = value
    rung = max(by_rung, key=lambda one: (len(by_rung[one]), one), default=0)
    return rung, by_rung.get(rung, {})


def _key(value: Any) -> str:
    return "" if value is None else str(value)


def _entropy(answers: Sequence[str]) -> float:
    shares = [count / len(answers) for count in Counter(answers).values()]
    return -math.fsum(share * math.log(share) for share in shares)


def _column(name: str, rows: Sequence[Mapping[str, Any]]) -> Column:
    answers = [row.get(name) for row in rows]
    given = [answer for answer in answers if answer is not None]
    if all(isinstance(answer, Real) and not isinstance(answer, bool) for answer in given):
        values = [math.nan if answer is None else float(answer) for answer in answers]
        return Column(name, np.array(values), ())
    labels = tuple(sorted({str(answer) for answer in given}))
    places = {label: float(place) for place, label in enumerate(labels)}
    values = [math.nan if answer is None else places[str(answer)] for answer in answers]
    return Column(name, np.array(values), labels)


def _forest(seed: int) -> Any:
    ensemble: Any = import_module("sklearn.ensemble")  # more than a second, which only those pay who have enough trials
    return ensemble.RandomForestRegressor(_TREES, min_samples_leaf=2, random_state=child_seed(seed, "report") % 2**32)


def _importance(x: Array, y: Array, seed: int) -> tuple[float, Array]:
    """Return R2 on unseen trials, and by column and shuffle the part of the variance that is lost by shuffling.

    All shuffles of a part are foreseen at once, where scikit-learn's own `permutation_importance` asks a forest for
    each: a tenth of the time.
    """
    rng = generator(seed, "report")
    foreseen, lost = np.zeros(len(y)), np.zeros((x.shape[1], _REPEATS))
    for unseen in np.array_split(rng.permutation(len(y)), _FOLDS):
        seen = np.setdiff1d(np.arange(len(y)), unseen)
        forest = _forest(seed).fit(x[seen], y[seen])
        foreseen[unseen] = forest.predict(x[unseen])
        shuffled = np.tile(x[unseen], (x.shape[1], _REPEATS, 1, 1))
        for column in range(x.shape[1]):
            for repeat in range(_REPEATS):
                shuffled[column, repeat, :, column] = rng.permutation(x[unseen, column])
        without = forest.predict(shuffled.reshape(-1, x.shape[1])).reshape(shuffled.shape[:-1])
        errors = np.sum((without - y[unseen]) ** 2, axis=-1)
        lost += errors - np.sum((foreseen[unseen] - y[unseen]) ** 2)
    variance = np.var(y)
    return 1 - float(np.mean((foreseen - y) ** 2) / variance), lost / len(y) / variance


def _effect(column: Column, place: int, x: Array, scores: Array, predict: Any) -> dict[str, Any]:
    """Return what each value of a choice, or each group of its values, went with."""
    return {
        "name": column.name,
        "values": [
            {
                "label": label,
                "trials": int(members.sum()),
                **_spread(scores[members]),
                "adjusted": float(predict(_all_with(x, place, value)).mean()),
            }
            for label, value, members in _groups(column)
        ],
    }


def _groups(column: Column) -> list[tuple[str, float, NDArray[np.bool_]]]:
    """Return label, value and members of each group of trials that chose alike; many numbers are put together."""
    values, asked = column.values, ~np.isnan(column.values)
    distinct = np.unique(values[asked])
    if column.labels or len(distinct) <= _SHOWN:
        found = [
            (column.labels[int(value)] if column.labels else f"{value:g}", float(value), values == value)
            for value in distinct
        ]
    else:
        edges = np.unique(np.quantile(values[asked], np.linspace(0, 1, _SHOWN + 1)))
        found = []
        for low, high in pairwise(edges):
            members = asked & (values >= low) & ((values < high) | (high == edges[-1]))
            if members.any():
                found.append((f"{low:.3g} to {high:.3g}", float(np.median(values[members])), members))
    return [*found, *([("none", math.nan, ~asked)] if not asked.all() else [])]


def _all_with(x: Array, place: int, value: float) -> Array:
    changed = x.copy()
    changed[:, place] = value
    return changed


def _spread(scores: Array) -> dict[str, float]:
    low, middle, high = np.quantile(scores, [0.25, 0.5, 0.75])
    return {"mean": float(scores.mean()), "low": float(low), "median": float(middle), "high": float(high)}
