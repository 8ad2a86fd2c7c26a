"""Dates as people and their programs write them, as days since 1970-01-01.

``2026-01-31`` with or without a time, ``20260131``, ``2026/01/31``, ``31.01.2026``, and ``31/01/2026`` or
``01/31/2026``, whichever fits all cells of a column.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from common.data.formats.cells import is_absent

_ISO = re.compile(r"\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?(?:Z|[+-]\d{2}(?::?\d{2})?)?)?|\d{8}")
_FORMATS = ("%Y-%m-%d", "%Y/%m/%d", "%d.%m.%Y", "%d.%m.%Y %H:%M", "%d.%m.%Y %H:%M:%S")
_DAY_FIRST, _MONTH_FIRST = "%d/%m/%Y", "%m/%d/%Y"
_DAY = 86_400.0
_START = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, eq=False)
class Dates:
    """What a column comes to.

    Parameters
    ----------
    values : NDArray, optional
        float64, shape ``(n,)``: days since 1970-01-01, in UTC where a time says its zone; NaN where a cell is empty.
        None where one is no date.
    odd : int
        The first cell that is no date, or could be two, from 0; -1 where there is none.
    how : str
        Why a cell could be two; else empty.
    """

    values: NDArray[np.float64] | None
    odd: int = -1
    how: str = ""


def dates_of(texts: Sequence[str]) -> Dates:
    """Read the texts of a column as dates, at least one of which is not empty."""
    if all(is_absent(text) for text in texts):
        return Dates(None, 0)
    read = [[_days(text, slashed) for text in texts] for slashed in (_DAY_FIRST, _MONTH_FIRST)]
    odd = [next((place for place, value in enumerate(values) if value is None), -1) for values in read]
    whole = [np.array(values, dtype=np.float64) for values, at in zip(read, odd, strict=True) if at < 0]
    if not whole:
        return Dates(None, max(odd))
    if len(whole) == 2 and not np.array_equal(whole[0], whole[1], equal_nan=True):
        at = int(np.argmax((whole[0] != whole[1]) & ~np.isnan(whole[0])))
        return Dates(None, at, f"{texts[at]} may begin with the day or with the month")
    return Dates(whole[0])


def _days(text: str, slashed: str) -> float | None:
    """Return the days of one text; NaN where it is empty, None where it is no date."""
    if is_absent(text):
        return math.nan
    try:
        moment = datetime.fromisoformat(text) if _ISO.fullmatch(text) else _parsed(text, slashed)
    except ValueError:  # no such day
        return None
    if moment is None:
        return None
    aware = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    return (aware - _START).total_seconds() / _DAY


def _parsed(text: str, slashed: str) -> datetime | None:
    for form in (*_FORMATS, slashed):
        try:
            return datetime.strptime(text, form).replace(tzinfo=UTC)
        except ValueError:
            continue
    return None


def are_dates(texts: Sequence[str]) -> bool:
    """Tell whether all cells are dates, but for empty ones, perhaps of a form that can be read in two ways."""
    found = dates_of(texts)
    return found.values is not None or bool(found.how)


def are_dates_as_numbers(values: NDArray[np.float64]) -> bool:
    """Tell whether all numbers, but for gaps, are dates of these times such as 20260131."""
    held = np.unique(values[~np.isnan(values)])
    if not len(held) or held[0] < 1900_01_01 or held[-1] > 2100_12_31 or (held % 1).any():
        return False
    return are_dates([f"{value:.0f}" for value in held.tolist()])
