"""Whether a site's data fit a search, before anything is joined.

The data go through what a node does with them in a search; what is found out stays with the caller.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from common.data import Holder, load_node_data, load_node_test
from common.data.formats import PLAIN, Reading
from common.data.formats.cells import is_whole_text
from common.data.local import LocalOptions, read_local
from common.data.pool import Pool, class_names
from common.data.tools.doubts import doubts
from common.data.tools.summary import Summary, summarize
from common.errors import DataError
from common.settings import DatasetSettings


@dataclass(frozen=True)
class Wanted:
    """What a search is for, as far as it is known.

    Parameters
    ----------
    num_classes : int, optional
        How many classes.
    classes : tuple of str
        Their names; empty where they are numbers, or not known.
    input_shape : tuple of int
        Shape of an example; empty where it is not known.
    """

    num_classes: int | None = None
    classes: tuple[str, ...] = ()
    input_shape: tuple[int, ...] = ()


@dataclass(frozen=True)
class Finding:
    """What was found out about data that can be read.

    Parameters
    ----------
    summary : Summary
        Figures.
    problem : DataError, optional
        Why they do not fit; None where they do.
    parts : tuple of int
        How many examples a search with the usual fractions trains on, validates on, and tests on; empty where they
        do not fit.
    missing : tuple of str
        Classes of the search that these data have no example of.
    notes : tuple of str
        What was done in reading, and what is to be asked, in sentences.
    """

    summary: Summary
    problem: DataError | None
    parts: tuple[int, ...]
    missing: tuple[str, ...]
    notes: tuple[str, ...] = ()


def check(path: str, wanted: Wanted, reading: Reading = PLAIN) -> Finding:
    """Look at a file or folder as a node would.

    Parameters
    ----------
    path : str
        The node's data.
    wanted : Wanted
        What the search is for.
    reading : Reading
        How it is read, as its node config will say.

    Raises
    ------
    DataError
        The data cannot be read; `DataError.detail` says where.
    """
    pool = read_local(path, LocalOptions.of(reading), own=True)
    parts: tuple[int, ...] = ()
    problem = None
    try:
        _compare(pool, wanted)
        parts = _parts(path, reading)
    except DataError as error:
        problem = error
    summary = summarize(pool)
    return Finding(summary, problem, parts, _missing(summary, wanted), (*pool.notes, *doubts(pool)))


def _compare(pool: Pool, wanted: Wanted) -> None:
    """Raise `DataError` where a pool is not what is wanted."""
    if wanted.input_shape and pool.task.input_shape != wanted.input_shape:
        raise DataError(
            f"The search is for examples of the shape {_shape(wanted.input_shape)}",
            fix="Convert the data to that shape, or ask for a search for this one",
            detail=f"these have the shape {_shape(pool.task.input_shape)}",
        )
    if wanted.classes:
        _compare_names(pool, wanted.classes)
    if wanted.num_classes is not None:
        names = class_names(pool)
        count = pool.task.head.output_width if pool.task.head.counts(pool.y, 1) else 0
        if not count:
            raise DataError(
                f"The search has {wanted.num_classes} classes, and these labels are numbers to be predicted",
                fix="Leave out task=regression, or ask for a search for a regression",
            )
        if count > wanted.num_classes:
            has = f"there are {count}" if names else f"one example has the label {count - 1}"
            raise DataError(
                f"The search has {wanted.num_classes} classes"
                + ("" if names else f", numbered from 0 to {wanted.num_classes - 1}"),
                fix="Ask for a search with more classes, or leave some out",
                detail=has,
            )


def _compare_names(pool: Pool, names: tuple[str, ...]) -> None:
    own = _called(pool)
    if not class_names(pool) and not all(map(is_whole_text, names)):
        raise DataError(
            "The classes of the search have names, and the labels of these data are numbers",
            fix="Write the names instead of the numbers",
            detail=f"the names are {', '.join(names)}",
        )
    strange = sorted(set(own) - set(names))
    if strange:
        raise DataError(
            f"The search has the classes {', '.join(names)}, in just these words",
            fix="Rename the others as the search calls them, or leave them out",
            detail=f"here are also {', '.join(strange)}",
        )


def _called(pool: Pool) -> tuple[str, ...]:
    """Return what the classes that a pool has examples of are called."""
    names = class_names(pool)
    return tuple(names[label] if names else str(label) for label in np.unique(pool.y).tolist())


def _parts(path: str, reading: Reading) -> tuple[int, int, int]:
    settings, holder = DatasetSettings("local"), Holder(path=path, reading=reading)
    data, test = load_node_data(settings, holder, 0), load_node_test(settings, holder, 0)
    return len(data.train), len(data.validation), 0 if test is None else len(test)


def _missing(summary: Summary, wanted: Wanted) -> tuple[str, ...]:
    held = {count.name for count in summary.counts if count.train + count.test}
    names: tuple[str, ...] = tuple(count.name for count in summary.counts)
    if wanted.classes:
        names = wanted.classes
    elif wanted.num_classes is not None and not summary.named:
        names = tuple(str(label) for label in range(wanted.num_classes))
    return tuple(name for name in names if name not in held)


def _shape(shape: tuple[int, ...]) -> str:
    return " x ".join(str(length) for length in shape)
