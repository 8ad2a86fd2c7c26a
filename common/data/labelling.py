"""What the labels of examples are for: classes, several labels for each, or numbers to be predicted."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from common.data.formats import Contents
from common.data.formats.cells import is_whole_text
from common.data.formats.labels import SAY_SO, SEVERAL
from common.data.formats.npz import LAYOUT
from common.errors import DataError
from common.tasks import Head


def labelled(
    raw: Contents, num_classes: int | None, *, own: bool, task: str
) -> tuple[NDArray[np.int64] | NDArray[np.float32], Head]:
    """Return labels as a pool keeps them, and the head that they are for: as is said, or as the data say.

    Parameters
    ----------
    raw, num_classes, own, task
        As of `common.data.ingest.pool_of`.

    Raises
    ------
    DataError
        They are not what the task needs.
    """
    if raw.schema is not None and raw.schema.targets:
        return _targets(raw)
    several = raw.y.ndim == 2 and raw.y.shape[1] > 1 and raw.y.dtype.kind in "iub"
    kind = task or ("multilabel" if several else "classification")
    if kind == "classification":
        return _classes(raw, num_classes, own=own)
    if num_classes is not None:
        raise DataError(f"A {kind} task has no classes to be counted", fix="Leave out dataset.options.num_classes")
    return _targets(raw) if kind == "regression" else _several(raw)


def _classes(raw: Contents, num_classes: int | None, *, own: bool) -> tuple[NDArray[np.int64], Head]:
    """Return labels that are classes, and the head that they are for."""
    from common.tasks import Classification  # a node imports the head that its data need, and no other

    if raw.y.ndim != 1:
        raise DataError("'y' must have one axis", fix=f"Correct them; {SAY_SO}", detail=f"its shape is {raw.y.shape}")
    if raw.y.dtype.kind == "f" and (odd := np.flatnonzero(raw.y % 1 != 0)).size:
        raise DataError(
            "Labels must be whole numbers or names, and these are numbers with fractions",
            fix=f"Correct them; {SAY_SO}",
            detail=f"that of example {odd[0] + 1} is {raw.y[odd[0]]:g}",
        )
    y, classes = integers("labels", raw.y), raw.classes
    if classes is not None and num_classes is not None and _are_numbers(classes):
        y, classes = classes.astype(np.int64)[y], None  # so many classes are numbered from 0
    if classes is None:
        return y, Classification(_count_classes(y, num_classes, own=own))
    names = _names(classes, y, num_classes)
    if len(names) < 2 and not own:
        raise DataError("Data must hold at least 2 classes", fix="Add examples of another class")
    return y, Classification.of_names(names)


def _several(raw: Contents) -> tuple[NDArray[np.int64], Head]:
    """Return rows of 0 and 1, and the head that they are for."""
    from common.tasks import Multilabel

    y, there = raw.y, np.unique(raw.y)
    if y.ndim != 2 or y.shape[1] < 2 or y.dtype.kind not in "iub" or not np.isin(there, (0, 1)).all():
        raise DataError(
            "Several labels must be 'y' of shape (n, labels), whole numbers 0 and 1",
            fix=SEVERAL,
            detail=f"its shape is {y.shape}, its type {y.dtype}"
            + (f", it holds {there[:5]}" if len(there) > 2 else ""),
        )
    names = () if raw.classes is None else _texts(raw.classes)
    if names and len(names) != y.shape[1]:
        raise DataError(
            "With the names of labels given, each column of 'y' has one",
            fix="Name every label, in the order of the columns",
            detail=f"there are {len(names)} names, and {y.shape[1]} columns",
        )
    return y.astype(np.int64), Multilabel(y.shape[1], names)


def _targets(raw: Contents) -> tuple[NDArray[np.float32], Head]:
    """Return labels that are numbers to be predicted, and the head that they are for."""
    from common.tasks import Regression

    if raw.classes is not None or raw.y.dtype.kind not in "iuf":
        raise DataError(
            "A regression needs numbers, and these labels are names",
            fix="Name the column of numbers as the label, or leave out task=regression",
            detail="" if raw.classes is None else f"the names are {', '.join(map(str, raw.classes[:10]))}",
        )
    with np.errstate(over="ignore"):  # what does not fit becomes infinite, and is refused
        y = raw.y.reshape(len(raw.y), -1).astype(np.float32)
    outputs = y.shape[1]
    head = Regression((0.0,) * outputs, (1.0,) * outputs)
    head.check_labels(y)
    return y, head


def _count_classes(labels: NDArray[np.int64], num_classes: int | None, *, own: bool) -> int:
    """Return the number of classes of labels that are numbers."""
    from common.tasks import MOST_CLASSES

    present = np.unique(labels)
    least, most = int(present[0]), int(present[-1])
    if least < 0:
        raise DataError("Labels must be numbers from 0", fix="Number the classes from 0", detail=f"one is {least}")
    if num_classes is not None:
        if most >= num_classes:
            raise DataError(
                f"Labels must lie between 0 and {num_classes - 1} (dataset.options.num_classes={num_classes})",
                fix="Raise dataset.options.num_classes, or number the classes from 0",
                detail=f"one is {most}",
            )
        return num_classes
    if most >= MOST_CLASSES:
        raise DataError(
            f"Labels must be below {MOST_CLASSES}",
            fix="Number the classes from 0, or give them names",
            detail=f"one is {most}",
        )
    if not own and (len(present) != most + 1 or most < 1):
        shown = ", ".join(str(label) for label in present[:10])
        raise DataError(
            "Every label from 0 to the largest must occur, and at least 2 of them",
            fix="Number the classes from 0; where a file does not hold every class, set dataset.options.num_classes",
            detail=f"there are {shown}" + (f" and {len(present) - 10} more" if len(present) > 10 else ""),
        )
    return max(most + 1, 2)


def _texts(classes: NDArray[Any]) -> tuple[str, ...]:
    """Return the names of classes or labels."""
    if classes.dtype.kind != "U" or classes.ndim != 1:
        raise DataError("'classes' must hold texts, one for each class", fix=LAYOUT, detail=f"it is {classes.dtype}")
    names = tuple(str(name) for name in classes)
    strange = [name for name in names if not (name.strip() and name.isprintable())]
    if strange:
        raise DataError("The name of a class must be printable", fix="Rename it", detail=repr(strange[0]))
    if len(set(names)) < len(names):
        raise DataError("Classes must have different names", fix="Rename one", detail=", ".join(names))
    return names


def _names(classes: NDArray[Any], labels: NDArray[np.int64], num_classes: int | None) -> tuple[str, ...]:
    """Return the names of classes."""
    names = _texts(classes)
    if labels.min() < 0 or labels.max() >= len(names):
        raise DataError(
            "With the names of the classes given, a label is the place of a name, from 0",
            fix="Name every class, and number them from 0",
            detail=f"the number of names is {len(names)}, and labels go from {labels.min()} to {labels.max()}",
        )
    if num_classes is not None:
        raise DataError(
            "Classes that have names say themselves how many they are",
            fix="Leave out dataset.options.num_classes",
        )
    return names


def _are_numbers(classes: NDArray[Any]) -> bool:
    return all(is_whole_text(str(name)) for name in classes)


def integers(what: str, array: NDArray[Any]) -> NDArray[np.int64]:
    """Return whole numbers as int64; `what` they are begins the `DataError` of others."""
    if array.dtype.kind not in "iu" or (array.dtype == np.uint64 and int(array.max()) > np.iinfo(np.int64).max):
        raise DataError(f"{what} must be whole numbers", fix=LAYOUT, detail=f"they are of type {array.dtype}")
    return array.astype(np.int64)
