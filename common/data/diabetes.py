"""scikit-learn's embedded diabetes data: 442 patients, 10 numbers each, and how far the disease went in a year.

From Efron, Hastie, Johnstone and Tibshirani, "Least Angle Regression" (Annals of Statistics, 2004). The numbers (age,
sex, body mass index, blood pressure, six of blood serum) are as they were measured, those of
``sklearn.datasets.load_diabetes(scaled=False)``: a search scales its inputs. The target is a number from 25 to 346.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from common.data.base import NoOptions, parse_options
from common.data.embedded import read_table
from common.data.pool import Pool, PooledDataset
from common.settings import DatasetSettings
from common.tasks import Regression, Task


class Diabetes(PooledDataset):
    """The embedded diabetes data as vectors of 10; no people are known and no test part is given."""

    unused = ("path",)

    def __init__(self, settings: DatasetSettings) -> None:
        super().__init__(settings)
        parse_options(NoOptions, settings)

    def pool(self, own_file: str | None = None) -> Pool:  # noqa: ARG002 - a node's own file is never of this data set
        """Return all 442 patients."""
        return read_diabetes()


@lru_cache(maxsize=1)
def read_diabetes() -> Pool:
    """Read the data from scikit-learn's own files, without importing scikit-learn.

    Raises
    ------
    DataError
        scikit-learn is not installed, or its files are not what we know.
    """
    x = read_table("diabetes", "diabetes_data_raw.csv.gz", (442, 10), None)
    targets = read_table("diabetes", "diabetes_target.csv.gz", (442,), None)
    y: NDArray[np.float32] = targets.astype(np.float32)[:, None]
    return Pool(x.astype(np.float32), y, Task((10,), Regression()))
