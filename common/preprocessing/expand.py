"""From the columns of a table to the vector that a network sees, as a schema says and without looking at any data.

::

    number      its value; a gap is NaN
    date        days since 1970-01-01; a gap is NaN
    yes_no      1 or 0; a gap is NaN
    category    one 0 or 1 for each allowed value (and one for others, where there may be such); all 0 where it is empty
    indicator   of a column whose cells may be empty: 1 where this one is

Numbers and dates are fitted afterwards (`common.preprocessing.scaling`), with sums over the nodes; all others are the
same at each node, so that nothing of them has to leave it. What is NaN becomes 0 when inputs are scaled, which is the
mean of the federation: mean imputation with an indicator (M. Jones, "Indicator and stratification methods for missing
explanatory variables in multiple linear regression", JASA 91, 1996; for networks M. Le Morvan et al., "What's a good
imputation to predict with missing values?", NeurIPS 2021). It biases effects that are read off coefficients, and is no
loss for prediction by a model that can use the indicator; who leaves it out assumes that cells are empty at random.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from common.preprocessing.schema import Declared, Schema

OTHER = -2
"""Code of a category's value that is not listed."""
EMPTY = -1
"""Code of a category whose cell is empty."""


@dataclass(frozen=True)
class Expansion:
    """The vector of a schema, known before any data are.

    Parameters
    ----------
    names : tuple of str
        Of the features, for people.
    fitted : tuple of int
        Places of those that scaling fits: numbers and dates.
    gaps : tuple of int
        Places of those that may be NaN.
    ranges : mapping of int to tuple of float
        By place, the declared range of a number.
    """

    names: tuple[str, ...]
    fitted: tuple[int, ...]
    gaps: tuple[int, ...]
    ranges: Mapping[int, tuple[float, float]]


@lru_cache(maxsize=32)
def expansion_of(schema: Schema) -> Expansion:
    """Return the vector of a schema."""
    names: list[str] = []
    fitted, gaps = [], []
    ranges: dict[int, tuple[float, float]] = {}
    for column in schema.features:
        if column.range is not None:
            ranges[len(names)] = column.range
        if column.role in ("number", "date"):
            fitted.append(len(names))
        if column.role != "category" and column.may_lack:
            gaps.append(len(names))
        names += _names(column)
    return Expansion(tuple(names), tuple(fitted), tuple(gaps), ranges)


def expand(schema: Schema, columns: Mapping[str, NDArray[np.float64]]) -> NDArray[np.float32]:
    """Return the vectors of some rows.

    Parameters
    ----------
    schema : Schema
        What the columns are.
    columns : mapping of str to NDArray
        Each feature by name, float64, shape ``(n,)``: numbers, days, 1 and 0, with NaN for gaps; or of a category the
        place of its value, `OTHER` or `EMPTY`.

    Returns
    -------
    NDArray
        float32, shape ``(n, width)``.
    """
    parts: list[NDArray[np.float64]] = []
    for column in schema.features:
        values = columns[column.name]
        if column.role == "category":
            codes = [*range(len(column.values)), *([OTHER] if column.other else [])]
            parts += [(values == code).astype(np.float64) for code in codes]
            missing = values == EMPTY
        else:
            parts.append(values)
            missing = np.isnan(values)
        if _has_indicator(column):
            parts.append(missing.astype(np.float64))
    return np.stack(parts, axis=1).astype(np.float32)


def _has_indicator(column: Declared) -> bool:
    return column.may_lack and column.indicator


def _names(column: Declared) -> list[str]:
    own = [column.name]
    if column.role == "category":
        own = [f"{column.name} = {value}" for value in column.values]
        own += [f"{column.name} = any other"] if column.other else []
    return [*own, *([f"{column.name} is missing"] if _has_indicator(column) else [])]
