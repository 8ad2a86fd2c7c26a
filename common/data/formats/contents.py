"""What every format gives, and what several of them need."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from common.errors import DataError


@dataclass(frozen=True)
class Contents:
    """Examples as a file holds them, before anything that all formats share is checked.

    Parameters
    ----------
    x : NDArray
        Shape ``(n, ...)``.
    y : NDArray
        Shape ``(n,)``: a number for each example, the position in `classes` where these are named; or ``(n, ...)``,
        several for each, of which `classes` names the columns.
    classes : NDArray, optional
        Texts: the names of the classes, or of several labels.
    client : NDArray, optional
        Shape ``(n,)``: whose example it is.
    split : NDArray, optional
        Shape ``(n,)``: 0 train, 1 test.
    notes : tuple of str
        What was done in reading that its people should know, in sentences; they stay with them.
    """

    x: NDArray[Any]
    y: NDArray[Any]
    classes: NDArray[Any] | None = None
    client: NDArray[Any] | None = None
    split: NDArray[Any] | None = None
    notes: tuple[str, ...] = ()


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
