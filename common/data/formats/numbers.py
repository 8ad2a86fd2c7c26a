"""Numbers as people and their programs write them.

``14.23`` is plain. Others part decimals with a comma (``14,23``), or thousands with commas, points, spaces or
apostrophes (``1,234.5``, ``1.234,5``, ``1 234``, ``1'234``). Which it is, a column says: what it holds is read in the
one way that fits all of its cells. Where both do, as with nothing but ``1,234``, the other columns of the file decide,
which the same program wrote; and where they do not either, the column is refused, for nobody could tell. A point parts
decimals unless the file has decimal commas: where it may part thousands nevertheless, that is told.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from common.data.formats.cells import ABSENT, Column

GAPS = ABSENT | {"#na", "-nan", "none", "nil", ".", "-", "--"}
"""What stands, in any case, in a cell of numbers that is empty."""

_POWER = r"(?:[eE][+-]?\d+)?"
_PLAIN = re.compile(rf"[+-]?(?:\d+\.?\d*|\.\d+){_POWER}|[+-]?(?:inf|infinity)", re.IGNORECASE)
_POINT = re.compile(rf"[+-]?(?:(?:\d+|[1-9]\d{{0,2}}(?:,\d{{3}})+)(?:\.\d*)?|\.\d+){_POWER}")
_COMMA = re.compile(rf"[+-]?(?:(?:\d+|[1-9]\d{{0,2}}(?:\.\d{{3}})+)(?:,\d*)?|,\d+){_POWER}")
_GROUPS = re.compile("([+-]?\\d{1,3})((?:[ \u00a0\u2009\u202f'\u2019]\\d{3})+)(?![\\d])")
_GROUPED_BY_POINTS = re.compile(r"[+-]?[1-9]\d{0,2}(?:\.\d{3})+")
_BELOW_THOUSAND = re.compile(r"[+-]?\d{1,3}")
_NEXT_UNLIKE = 2.0**24
"""Whole numbers up to here are what they are in 32 bits."""

TRUTHS = {"true": 1.0, "false": 0.0, "yes": 1.0, "no": 0.0, "y": 1.0, "n": 0.0, "t": 1.0, "f": 0.0}
"""Words for yes and no, in any case."""


@dataclass(frozen=True, eq=False)
class Numbers:
    """What a column comes to.

    Parameters
    ----------
    values : NDArray, optional
        float64, shape ``(n,)``: NaN where a cell is empty; None where one is no number.
    odd : int
        The first cell that is no number, or could be two, from 0; -1 where there is none.
    how : str
        How it was read, for people, unless plainly; or, where it was not, why.
    """

    values: NDArray[np.float64] | None
    odd: int = -1
    how: str = ""


def numbers_of(columns: Sequence[Column]) -> dict[str, Numbers]:
    """Read columns of one file as numbers, each by name."""
    found: dict[str, Numbers] = {}
    written: dict[str, _Written] = {}
    for column in columns:
        values = _plain(column)
        if values is not None:
            found[column.name] = Numbers(values)
        else:
            written[column.name] = _Written.of(column)
    styles = {each.style for each in written.values()}
    comma, point = "comma" in styles, "point" in styles
    plain = [column for column in columns if column.name in found and column.values is None]
    if comma:  # then 1.234 may be a thousand
        for column in plain:
            if _is_grouped_by_points(column):
                found[column.name] = _unclear(column, _is_pointed)
    elif not point:
        doubtful = [column for column in plain if _may_have_thousands(column)]
        if doubtful and not any(_has_point(column) for column in plain):
            found.update({column.name: _doubtful(column, found[column.name]) for column in doubtful})
    if "either" in styles and not point:
        point = any(_has_point(column) for column in plain)
    for name, each in written.items():
        found[name] = each.read(comma=comma and not point, point=point and not comma)
    return {column.name: found[column.name] for column in columns}


def truths_of(column: Column) -> NDArray[np.float64] | None:
    """Read a column of words for yes and no as 1 and 0, NaN where a cell is empty; None where it holds another."""
    texts = [text.lower() for text in column.texts()]
    if not {text for text in texts if text not in ABSENT} <= TRUTHS.keys() or not set(texts) - ABSENT:
        return None
    return np.array([TRUTHS.get(text, math.nan) for text in texts])


def loses_digits(values: NDArray[np.float64]) -> bool:
    """Tell whether all numbers of a column are whole, and some of them not what they are in 32 bits."""
    held = values[~np.isnan(values)]
    size = np.abs(held)
    if not len(held) or not _NEXT_UNLIKE < size.max() < 2.0**63 or (held % 1).any():
        return False
    return bool((held.astype(np.float32) != held).any() or size.max() >= 2.0**53)


def are_padded(column: Column) -> bool:
    """Tell whether a column of whole numbers has some with zeros before them, such as 01000; 00 to 09 are not meant."""
    firsts = [block.view("S1").reshape(len(block), -1)[:, 0] for block in column.blocks]
    began = [block[first == b"0"] for block, first in zip(column.blocks, firsts, strict=True)]
    if not any(len(cell) > 2 and cell.isdigit() for cells in began for cell in cells.tolist()):
        return False
    return all(cell.isdecimal() for cell in _raw(column) if cell.lower() not in GAPS)


@dataclass(frozen=True, eq=False)
class _Written:
    """A column that is not plain: its cells, and in which styles all of them are numbers."""

    cells: list[str]
    style: str

    @classmethod
    def of(cls, column: Column) -> _Written:
        cells = [_ungrouped(text) for text in _raw(column)]
        held = {cell for cell in cells if cell.lower() not in GAPS}
        fits = [all(style.fullmatch(cell) for cell in held) for style in (_POINT, _COMMA)]
        plain = all(_PLAIN.fullmatch(cell) for cell in held)
        names = {(True, True): "point" if plain else "either", (True, False): "point", (False, True): "comma"}
        return cls(cells, names.get((fits[0], fits[1]), "none"))

    def read(self, *, comma: bool, point: bool) -> Numbers:
        """Read it in its style, or where that is either in the one that the file has."""
        style = self.style
        if style == "either":
            style = "comma" if comma else "point" if point else "unclear"
        if style == "none":
            return Numbers(None, self._first_odd())
        if style == "unclear":
            at = next(place for place, cell in enumerate(self.cells) if "," in cell)
            return Numbers(None, at, _two_ways(self.cells[at]))
        values = np.array([_value(cell, style) for cell in self.cells])
        return Numbers(values, how=self._told(style))

    def _first_odd(self) -> int:
        """Return the first cell that is no number in the style that most have."""
        held = [cell for cell in self.cells if cell.lower() not in GAPS]
        style = max((_POINT, _COMMA), key=lambda one: sum(one.fullmatch(cell) is not None for cell in held))
        return next(
            place
            for place, cell in enumerate(self.cells)
            if cell.lower() not in GAPS and not (style.fullmatch(cell) or _PLAIN.fullmatch(cell))
        )

    def _told(self, style: str) -> str:
        mark = "," if style == "comma" or any("," in cell for cell in self.cells) else ""
        cell = next((cell for cell in self.cells if mark and mark in cell), "")
        return f"{cell} is read as {_value(cell, style):g}" if cell else ""


def _plain(column: Column) -> NDArray[np.float64] | None:
    """Return the numbers of a column whose cells Python reads as they are; None where one is another."""
    if column.values is not None:
        return column.values
    parts = []
    for block in column.blocks:
        try:
            if b"_" in block.tobytes():  # Python reads 1_000
                return None
            parts.append(block.astype(np.float64))
        except ValueError:
            cells = [cell.decode() for cell in block.tolist()]
            if not all(_PLAIN.fullmatch(cell) or cell.lower() in GAPS for cell in cells):
                return None
            parts.append(np.array([math.nan if cell.lower() in GAPS else float(cell) for cell in cells]))
    return np.concatenate(parts) if parts else np.zeros(0)


def _has_point(column: Column) -> bool:
    """Tell whether a column of plain numbers has one whose point can part nothing but decimals."""
    return any("." in cell and not _GROUPED_BY_POINTS.fullmatch(cell) for cell in _raw(column))


def _is_grouped_by_points(column: Column) -> bool:
    """Tell whether each point in a column of plain numbers may part thousands, and there is one."""
    if not any(b"." in block.tobytes() for block in column.blocks):
        return False
    pointed = False
    for cell in filter(_is_pointed, _raw(column)):
        if not _GROUPED_BY_POINTS.fullmatch(cell):
            return False
        pointed = True
    return pointed


def _is_pointed(cell: str) -> bool:
    return "." in cell and cell not in GAPS


def _may_have_thousands(column: Column) -> bool:
    """Tell whether points in a column of plain numbers look like those of thousands rather than of decimals."""
    if not _is_grouped_by_points(column):
        return False
    whole = [cell for cell in _raw(column) if "." not in cell and cell.lower() not in GAPS]
    return (column.semicolons or bool(whole)) and all(_BELOW_THOUSAND.fullmatch(cell) for cell in whole)


def _doubtful(column: Column, found: Numbers) -> Numbers:
    cell = next(filter(_is_pointed, _raw(column)))
    how = f"the point of {cell} is read as that of decimals (if it parts thousands here, write {cell.replace('.', '')})"
    return replace(found, how=how)


def _raw(column: Column) -> Iterator[str]:
    """Yield the cells as they were written: in one form, 1.000 would be 1."""
    return (cell.decode() for block in column.blocks for cell in block.tolist())


def _unclear(column: Column, doubtful: Callable[[str], bool]) -> Numbers:
    at, cell = next((place, cell) for place, cell in enumerate(_raw(column)) if doubtful(cell))
    return Numbers(None, at, _two_ways(cell))


def _two_ways(cell: str) -> str:
    digits = cell.replace(",", "").replace(".", "")
    return f"{cell} may be {digits} or {cell.replace(',', '.')}"


def _ungrouped(text: str) -> str:
    """Return a cell with the usual minus, and without spaces or apostrophes between thousands."""
    text = text.replace("\u2212", "-")
    found = _GROUPS.match(text)
    if found is None:
        return text
    return found[1] + "".join(letter for letter in found[2] if letter.isdigit()) + text[found.end() :]


def _value(cell: str, style: str) -> float:
    if cell.lower() in GAPS:
        return math.nan
    if style == "comma":
        return float(cell.replace(".", "").replace(",", "."))
    return float(cell.replace(",", ""))
