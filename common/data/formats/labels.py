"""Classes as tables name them: by words, or by numbers from any start."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from common.data.formats.cells import in_order, is_absent, is_whole_text
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
    name: str, texts: Sequence[str], rows: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.str_] | None, tuple[str, ...]]:
    """Return the number of each label, the names of the classes, and what its people should be asked.

    Whole numbers are names like all others, sorted by what they are: labels 1 to 3 are three classes, of which none
    is called 0. Those that are all from 0 on need no names (None), for that is what their numbers say. True and false
    are called so in whatever case they are written.

    Parameters
    ----------
    name : str
        Of the column.
    texts : sequence of str
        Its cells, none of which is empty.
    rows : NDArray
        The number of each row as its people see it.

    Raises
    ------
    DataError
        The labels are numbers with decimals, which name no classes.
    """
    if {text.lower() for text in texts} <= {"true", "false"}:  # spreadsheets shout what others whisper
        texts = [text.capitalize() for text in texts]
    names = in_order(set(texts))
    _refuse_decimals(name, texts, rows)
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


def _refuse_decimals(name: str, texts: Sequence[str], rows: NDArray[np.int64]) -> None:
    odd = -1
    for place, text in enumerate(texts):
        if is_whole_text(text):
            continue
        try:
            float(text)
        except ValueError:
            return  # words, whatever else there is
        odd = place if odd < 0 else odd
    if odd >= 0:
        raise DataError(
            f"The column {name!r} must hold whole numbers or names",
            fix=f"Correct it; {SAY_SO}",
            detail=f"row {rows[odd]}, column {name!r}: {texts[odd]!r}",
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
