"""Classes as tables name them: by words, or by numbers from any start."""

from __future__ import annotations

from collections import Counter
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

SEVERAL = (
    "Several labels for each example are a column of 1 and 0 for each, all of which a schema declares as role: label, "
    "without classes; or 'y' with a column for each in an .npz file"
)
"""The way to several labels."""


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
    return y, np.array(names, dtype=np.str_), questions_of(names)


def questions_of(names: Sequence[str]) -> tuple[str, ...]:
    """Ask about names of classes that may be meant as one, or each as several."""
    alike: dict[str, list[str]] = {}
    for name in names:
        alike.setdefault(_core(name), []).append(name)
    questions = [
        f"The classes {' and '.join(repr(each) for each in same)} differ only in "
        f"{'case' if len({name.casefold() for name in same}) == 1 else 'form'}, and are {len(same)} classes. "
        "Are they meant to be one?"
        for same in alike.values()
        if len(same) > 1
    ]
    if several := _joined(names, "|") or _joined(names, ";"):
        questions.append(
            f"The class {several!r} looks like several labels of one example, and is one class. {SEVERAL}."
        )
    return tuple(questions)


def _core(name: str) -> str:
    """Return what is left of a name without case, blanks and the way to write a number."""
    values = numbers_of([Column("", (np.array([name.encode()]),))])[""].values
    return " ".join(name.casefold().split()) if values is None or np.isnan(values[0]) else repr(float(values[0]))


def _joined(names: Sequence[str], sign: str) -> str:
    """Return the first name of words with a sign between, one of which is in another name too; empty without one."""
    words = {name: {word.strip() for word in name.split(sign)} for name in names}
    counts = Counter(word for each in words.values() for word in each)
    joined = (name for name, each in words.items() if len(each) > 1 and all(each))
    return next((name for name in joined if any(counts[word] > 1 for word in words[name])), "")


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
