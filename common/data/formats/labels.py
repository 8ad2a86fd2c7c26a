"""Classes as tables name them: by words, or by numbers from any start."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from common.data.formats.cells import Column, in_order, is_absent
from common.data.formats.numbers import numbers_of
from common.errors import DataError

SAY_SO = (
    'for numbers to predict say so: task="regression" in a node config, --task regression in a check, '
    "dataset.task=regression in a simulation"
)
"""The way to a regression."""


def labelled(texts: Sequence[str], classes: Sequence[str] = ()) -> NDArray[np.bool_]:
    """Return which rows have a label; a class that is called as what stands for nothing is one nevertheless."""
    return np.array([text in classes or not is_absent(text) for text in texts], dtype=np.bool_)


def classes_of(
    column: Column, rows: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.str_] | None, tuple[str, ...]]:
    """Return the number of each label, the names of the classes, and what its people should be asked.

    Whole numbers are names like all others, sorted by what they are: labels 1 to 3 are three classes, of which none
    is called 0. Those that are all from 0 on need no names (None), for that is what their numbers say. True and false
    are called so in whatever case they are written.

    Parameters
    ----------
    column : Column
        None of its cells is empty.
    rows : NDArray
        The number of each row as its people see it.

    Raises
    ------
    DataError
        The labels are numbers with decimals, which name no classes.
    """
    _refuse_decimals(column, rows)
    texts = list(column.texts())
    if {text.lower() for text in texts} <= {"true", "false"}:  # spreadsheets shout what others whisper
        texts = [text.capitalize() for text in texts]
    names = in_order(set(texts))
    place = {text: number for number, text in enumerate(names)}
    y = np.array([place[text] for text in texts], dtype=np.int64)
    if len(names) > 1 and names == [str(number) for number in range(len(names))]:
        return y, None, ()
    return y, np.array(names, dtype=np.str_), _questions(names)


def _questions(names: Sequence[str]) -> tuple[str, ...]:
    alike: dict[str, list[str]] = {}
    for name in names:
        alike.setdefault(name.casefold(), []).append(name)
    return tuple(
        f"The classes {' and '.join(repr(each) for each in same)} differ only in case, and are {len(same)} classes. "
        "Are they meant to be one?"
        for same in alike.values()
        if len(same) > 1
    )


def _refuse_decimals(column: Column, rows: NDArray[np.int64]) -> None:
    values = numbers_of([column])[column.name].values
    if values is None:
        return  # words, whatever else there is
    whole = np.isfinite(values)
    whole[whole] = values[whole] % 1 == 0
    if not whole.all():
        odd = int(np.argmin(whole))
        raise DataError(
            f"The column {column.name!r} must hold whole numbers or names",
            fix=f"Correct it; {SAY_SO}",
            detail=f"row {rows[odd]}, column {column.name!r}: {list(column.texts())[odd]!r}",
        )


def nothing_left(name: str) -> DataError:
    """Return the error of a table in which no row has a label."""
    return DataError("A table must have rows with a label", fix="Add the labels", detail=f"column {name!r} is empty")


def left_out(missing: NDArray[np.bool_], name: str, rows: NDArray[np.int64]) -> str:
    """Say which rows are left out for want of a label."""
    some = [str(row) for row in rows[missing].tolist()]
    return (
        f"{len(some)} of {len(missing)} rows {'has' if len(some) == 1 else 'have'} no label in {name!r} and "
        f"{'is' if len(some) == 1 else 'are'} left out: row {', '.join(some[:8])}"
        + (f" and {len(some) - 8} more." if len(some) > 8 else ".")
    )
