"""What every format gives, and what several of them need."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from common.errors import DataError
from common.preprocessing.schema import Schema


@dataclass(frozen=True)
class Contents:
    """Examples as a file holds them, before anything that all formats share is checked.

    Parameters
    ----------
    x : NDArray
        Shape ``(n, ...)``.
    y : NDArray
        Shape ``(n,)``: a number for each example, the position in `classes` where these are named; or ``(n, ...)``,
        several for each, of which `classes` names the columns; of a schema with targets float32, shape
        ``(n, targets)``.
    classes : NDArray, optional
        Texts: the names of the classes, or of several labels.
    client : NDArray, optional
        Shape ``(n,)``: whose example it is.
    split : NDArray, optional
        Shape ``(n,)``: 0 train, 1 test.
    recording : NDArray, optional
        Shape ``(n,)``: which recording it was cut from; those of one come in their order in time.
    overlap : int
        How many of the windows after one in its recording share samples with it.
    notes : tuple of str
        What was done in reading that its people should know, in sentences; they stay with them.
    features : tuple of str
        What the columns of a table are called, in the order of the features; empty where they have no names.
    schema : Schema, optional
        What the columns were declared to be; then `x` may have gaps (NaN) where that allows them.
    """

    x: NDArray[Any]
    y: NDArray[Any]
    classes: NDArray[Any] | None = None
    client: NDArray[Any] | None = None
    split: NDArray[Any] | None = None
    notes: tuple[str, ...] = ()
    recording: NDArray[Any] | None = None
    overlap: int = 0
    features: tuple[str, ...] = ()
    schema: Schema | None = None


def optional_package(module: str, extra: str, files: str) -> Any:
    """Import what only one format needs.

    Typed as Any: a node's installation may lack it.

    Raises
    ------
    DataError
        It is not installed.
    """
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        raise DataError(
            f"To read {files}, the package {module.partition('.')[0]} must be installed",
            fix=f'pip install "flwr-nas[{extra}]"',
        ) from error


def named(texts: Sequence[str]) -> tuple[NDArray[np.int64], NDArray[Any]]:
    """Return texts as numbers, by their sorted order, and the names in that order."""
    names, numbers = np.unique(np.array(texts, dtype=np.str_), return_inverse=True)
    return numbers.astype(np.int64), names
