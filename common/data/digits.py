"""scikit-learn's embedded handwritten digits: 1797 images of 8 x 8 pixels, 10 classes.

They are the test part of UCI's "Optical Recognition of Handwritten Digits" (Alpaydin and Kaynak,
1998), as ``sklearn.datasets.load_digits`` gives them, scaled from 0..16 to [0, 1].
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from common.data.base import NoOptions, parse_options
from common.data.embedded import read_table
from common.data.pool import Pool, PooledDataset
from common.settings import DatasetSettings
from common.tasks import Classification, Task

_PIXEL_MAX = 16


class Digits(PooledDataset):
    """The embedded digits as images of shape ``(1, 8, 8)``; no people are known and no test part is given."""

    unused = ("path",)

    def __init__(self, settings: DatasetSettings) -> None:
        super().__init__(settings)
        parse_options(NoOptions, settings)

    def pool(self, own_file: str | None = None) -> Pool:  # noqa: ARG002 - a node's own file is never of this data set
        """Return all 1797 digits."""
        return read_digits()


@lru_cache(maxsize=1)
def read_digits() -> Pool:
    """Read the digits from scikit-learn's own file, without importing scikit-learn.

    Raises
    ------
    DataError
        scikit-learn is not installed, or its file is not what we know.
    """
    table = read_table("digits", "digits.csv.gz", (1797, 65), ",", np.uint8)
    x = np.ascontiguousarray(table[:, :-1]).reshape(-1, 1, 8, 8)
    return Pool(x, table[:, -1].astype(np.int64), Task((1, 8, 8), Classification(10)), scale=_PIXEL_MAX)
