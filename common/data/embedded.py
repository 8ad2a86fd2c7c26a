"""Reads the tables that come with scikit-learn, without importing it.

Every process that computes for a node needs its data, and on 2 cores ``import sklearn.datasets`` takes more than
a second where reading the file takes 0.02 s.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from common.errors import DataError


def read_table(
    dataset: str, name: str, shape: tuple[int, ...], separator: str | None, kind: DTypeLike = np.float64
) -> NDArray[Any]:
    """Read one of scikit-learn's tables of numbers.

    Parameters
    ----------
    dataset : str
        What errors call it.
    name : str
        Of the file in ``sklearn/datasets/data``.
    shape : tuple of int
        That the table must have.
    separator : str, optional
        Between numbers; None for blanks.
    kind : dtype
        Of the numbers.

    Raises
    ------
    DataError
        scikit-learn is not installed, or its file is not what we know.
    """
    spec = find_spec("sklearn")
    if spec is None or spec.origin is None:
        raise DataError(
            f"The data set {dataset} is a part of scikit-learn, which is not installed", fix="pip install scikit-learn"
        )
    path = Path(spec.origin).parent / "datasets" / "data" / name
    try:
        table = np.loadtxt(path, delimiter=separator, dtype=kind)
    except (OSError, ValueError) as error:
        raise DataError(
            f"scikit-learn's {dataset} cannot be read ({error})", str(path), fix="Install scikit-learn again"
        ) from error
    if table.shape != shape:
        raise DataError(
            f"scikit-learn's {dataset} must have the shape {shape}", table.shape, fix="Install scikit-learn again"
        )
    return table
