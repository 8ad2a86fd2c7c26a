"""Columns that tell where a row stands in its file, which a network must not learn from.

Programs write them unasked: pandas an ``Unnamed: 0`` or ``__index_level_0__``, R a first column without a name.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from common.data.formats.cells import Table, is_whole_text, listed

DECLARE = "declare it in a schema (flwr-nas data check FILE --write-schema schema.yaml)"
_UNNAMED = re.compile(r"Unnamed: \d+(?:_level_\d+)?(?:\.\d+)*|__index_level_\d+__|\.\.\.\d+|rownames|row\.names")
COUNTERS = frozenset({"index", "id", "row", "row_id", "rowid", "row id", "nr", "no", "no.", "#"})
"""Columns of these names that number the rows, each with another, are no features; of others we ask."""


def these(names: Sequence[str]) -> str:
    """Begin a sentence about columns that ends in what they are."""
    some = listed(list(names))
    return f"The column {some} is" if len(names) == 1 else f"The columns {some} are"


def without_unnamed(table: Table, kept: Sequence[str] = ()) -> tuple[list[str], list[str]]:
    """Return the columns but for those without a name of their own, and what to tell of these; some may be kept."""
    unnamed = [name for name in table.columns if name not in kept and _UNNAMED.fullmatch(name)]
    filled = [name for name in unnamed if not table.columns[name].is_empty]
    notes = []
    if filled:
        notes.append(f"{these(filled)} left out: what has no name of its own mostly counts rows. To use it, {DECLARE}.")
    return [name for name in table.columns if name not in unnamed], notes


def without_counters(table: Table, label: str) -> tuple[list[str], list[str]]:
    """Return the columns that do not count the rows, and what to tell of those that do."""
    names, notes = without_unnamed(table, (label,))
    counting = [name for name in names if name not in (label, "client", "split") and counts_rows(table, name)]
    counters = [name for name in names if name.lower() in COUNTERS and name != label and numbers_rows(table, name)]
    others = [name for name in counting if name not in counters]
    if counters:
        notes.append(f"{these(counters)} left out, as no more than the numbers of the rows. To use it, {DECLARE}.")
    notes += [f"The column {name!r} counts the rows, from the first to the last. Is that a feature?" for name in others]
    return [name for name in names if name not in counters], notes


def numbers_rows(table: Table, name: str) -> bool:
    """Tell whether a column has another whole number in each row, of which there are at least 3."""
    texts = list(table.columns[name].texts())
    return 3 <= len(texts) == len(set(texts)) and all(map(is_whole_text, texts))


def counts_rows(table: Table, name: str) -> bool:
    """Tell whether a column counts the rows, of which there are at least 3, from 0 or 1."""
    if len(table.rows) < 3:
        return False
    column = table.columns[name]
    texts = column.texts()
    if (first := next(texts)) not in ("0", "1"):
        return False
    return all(text == str(number) for number, text in enumerate(texts, int(first) + 1))
