"""Tables before anybody says what their columns mean: names, and cells as texts or as numbers.

Each format of tables gives a `Table`; `columns` says what the columns are by their names, `declared` by a schema.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

ABSENT = frozenset({"", "na", "n/a", "#n/a", "nan", "<na>", "null", "?"})
"""What stands, in any case, in a cell of texts that is empty: what pandas, R, spreadsheets and UCI's files write."""
_WHOLE = re.compile(r"([+-]?\d+)\.0*")


@dataclass(frozen=True, eq=False)
class Column:
    """One column.

    Parameters
    ----------
    name : str
        As in the header.
    blocks : tuple of NDArray
        The cells as texts in UTF-8, stripped, some rows after the others: numpy keeps them as narrow as each block
        needs, about the size of the file. Empty where there are `values`.
    values : NDArray, optional
        float64, shape ``(n,)``: the cells of a format that has numbers itself; NaN where a cell is empty.
    semicolons : bool
        Whether these part the cells of its file, as they do where decimals have commas.
    """

    name: str
    blocks: tuple[NDArray[np.bytes_], ...] = ()
    values: NDArray[np.float64] | None = None
    semicolons: bool = False

    def texts(self) -> Iterator[str]:
        """Yield each cell as a text in one form: characters composed (NFC), whole numbers without decimals."""
        if self.values is not None:
            yield from ("" if math.isnan(value) else number_text(value) for value in self.values.tolist())
            return
        for block in self.blocks:
            yield from (one_form(cell.decode()) for cell in block.tolist())

    def at(self, kept: NDArray[np.bool_]) -> Column:
        """Return the column of some of its rows."""
        if kept.all():
            return self
        if self.values is not None:
            return replace(self, values=self.values[kept])
        ends = np.cumsum([len(block) for block in self.blocks])
        parts = zip(self.blocks, np.split(kept, ends[:-1]), strict=True)
        return replace(self, blocks=tuple(block[chosen] for block, chosen in parts if chosen.any()))

    @property
    def is_empty(self) -> bool:
        """Whether nothing stands in any cell."""
        return all(not text for text in self.texts())


@dataclass(frozen=True, eq=False)
class Table:
    """A table.

    Parameters
    ----------
    columns : mapping of str to Column
        By name, in the order of the file.
    rows : NDArray
        int64, shape ``(n,)``: the number of each row, as its people see it.
    vectors : NDArray, optional
        float32, shape ``(n, length)``: all features, where one column of lists holds them.
    notes : tuple of str
        What was done in reading that its people should know.
    """

    columns: Mapping[str, Column]
    rows: NDArray[np.int64]
    vectors: NDArray[np.float32] | None = None
    notes: tuple[str, ...] = ()


def one_form(text: str) -> str:
    """Return a text in the form in which texts are compared: ``é`` is one character, and ``1.0`` is ``1``."""
    text = unicodedata.normalize("NFC", text.strip())
    whole = _WHOLE.fullmatch(text)
    return text if whole is None else whole[1]


def number_text(value: float) -> str:
    """Return a number as a text: whole ones without decimals."""
    return str(int(value)) if value.is_integer() and abs(value) < 2**53 else repr(value)


def is_absent(text: str) -> bool:
    """Tell whether a cell of texts stands for nothing."""
    return text.lower() in ABSENT


def in_order(names: set[str] | frozenset[str]) -> list[str]:
    """Return names sorted: whole numbers by what they are, before all others."""
    return sorted(names, key=lambda name: (0, int(name), name) if is_whole_text(name) else (1, 0, name))


def is_whole_text(text: str) -> bool:
    """Tell whether a text is a whole number."""
    return text.lstrip("+-").isdecimal() and text.isascii() and len(text) <= 18


def listed(names: list[str], most: int = 8) -> str:
    """Return names as a list for people, no longer than so many."""
    shown = ", ".join(repr(name) for name in names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"
