"""A recording as a table of texts: its columns are channels, and its rows are time steps.

Fields and numbers are read as those of tables are: `common.data.formats.csv`, `common.data.formats.numbers`. There may
be a header: a first row with something that is no number. A column that it calls as time is, such as ``time``,
``timestamp`` or ``t``, is no channel and is left out, whatever it holds.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from common.data.formats.cells import Column, one_form
from common.data.formats.csv import read_nameless
from common.data.formats.numbers import numbers_of
from common.errors import DataError

_TIMES = ("", "time", "timestamp", "t", "seconds", "sample", "step", "index")


@dataclass(frozen=True, eq=False)
class Channels:
    """The columns of one recording.

    Parameters
    ----------
    samples : NDArray
        float32, shape ``(channels, time)``.
    names : tuple of str
        What the channels are called; empty where there is no header.
    timed : bool
        Whether a column of times was left out.
    how : str
        How numbers were read, for people, unless plainly.
    """

    samples: NDArray[np.float32]
    names: tuple[str, ...]
    timed: bool
    how: str


def read_channels(path: Path) -> Channels:
    """Read one recording.

    Raises
    ------
    ValueError
        It cannot be read, or holds something that is no finite number; the text says where.
    """
    try:
        table = read_nameless(str(path))
    except DataError as error:
        raise ValueError(error.detail) from error
    columns = list(table.columns.values())
    first = [one_form(column.blocks[0][0].decode()) for column in columns]
    header = _is_header(first)
    kept = [place for place, name in enumerate(first) if not (header and name.lower() in _TIMES)]
    rows = np.arange(len(table.rows)) >= int(header)
    lines = table.rows[rows]
    _check_gapless(lines)
    columns = [columns[place].at(rows) for place in kept]
    found = numbers_of(columns)
    samples = np.empty((len(kept), len(lines)), np.float32)
    for channel, (place, column) in enumerate(zip(kept, columns, strict=True)):
        called, numbers = repr(first[place]) if header else column.name, found[column.name]
        if numbers.values is None:
            text = numbers.how or f"{_cell(column, numbers.odd)!r} is no number"
            raise ValueError(f"line {lines[numbers.odd]}, column {called}: {text}")
        with np.errstate(over="ignore"):  # what does not fit becomes infinite
            samples[channel] = numbers.values
        _check_finite(samples[channel], column, called, lines)
    how = next((each.how for each in found.values() if each.how), "")
    return Channels(samples, tuple(first[place] for place in kept) if header else (), len(kept) < len(first), how)


def _check_gapless(lines: NDArray[np.int64]) -> None:
    """Raise `ValueError` where blank lines, which tables pass over, would shift the time of what follows.

    One after each row is none of these: that is what csv writes on Windows, unless it is told not to.
    """
    steps = np.diff(lines)
    if len(steps) and (steps != steps.min()).any():
        raise ValueError(f"line {lines[np.argmax(steps != steps.min())] + steps.min()} is empty")


def _is_header(cells: list[str]) -> bool:
    """Tell whether a first row is no samples; where its first cell is empty, it stands above pandas' index."""
    return not cells[0] or not all(_is_number(cell) for cell in cells)


def _is_number(cell: str) -> bool:
    found = numbers_of([Column("", (np.array([cell.encode()]),))])[""]
    return found.values is not None or bool(found.how)  # which says of 1,234 that it may be two numbers


def _cell(column: Column, at: int) -> str:
    return list(column.texts())[at]


def _check_finite(samples: NDArray[np.float32], column: Column, called: str, lines: NDArray[np.int64]) -> None:
    if np.isfinite(samples).all():
        return
    at = int(np.argmin(np.isfinite(samples)))
    where, cell = f"line {lines[at]}, column {called}", _cell(column, at)
    if np.isnan(samples[at]):
        raise ValueError(f"{where} is empty" + (f" ({cell!r})" if cell else ""))
    raise ValueError(f"{where}: {cell!r} is no finite number of 32 bits")
