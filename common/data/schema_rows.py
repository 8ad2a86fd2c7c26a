"""Rows as a program has them, by a schema: what a trained model takes.

::

    x = vectors_of(load_schema("runs/mine/best/schema.yaml"), [{"age": 63, "sex": "yes", "chol": None}])
    outputs = load_model("runs/mine/best")(torch.from_numpy(x))
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import date

import numpy as np
from numpy.typing import NDArray

from common.data.formats.cells import Column, number_text
from common.data.formats.declared import features_of
from common.preprocessing.schema import Schema


def vectors_of(schema: Schema, rows: Sequence[Mapping[str, object]]) -> NDArray[np.float32]:
    """Return the vectors of rows, as nodes make them of their tables.

    Parameters
    ----------
    schema : Schema
        What the columns mean.
    rows : sequence of mapping
        At least one: the cells by column, as texts, numbers, truth values or dates. One that is None, NaN, empty or
        not there is a gap; what is no feature is not looked at.

    Returns
    -------
    NDArray
        float32, shape ``(n, width)``; NaN stands for a gap.

    Raises
    ------
    DataError
        A cell is not what its column declares; `DataError.detail` says which, rows being counted from 1.
    """
    columns = {
        column.name: Column(column.name, (np.array([_text(row.get(column.name)).encode() for row in rows]),))
        for column in schema.features
    }
    return features_of(columns, schema, np.arange(1, len(rows) + 1))[0]


def _text(cell: object) -> str:
    if cell is None or (isinstance(cell, float | np.floating) and math.isnan(cell)):
        return ""
    if isinstance(cell, float | np.floating):
        return number_text(float(cell))
    return cell.isoformat() if isinstance(cell, date) else str(cell).strip()
