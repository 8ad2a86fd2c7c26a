"""What must hold of examples, whichever format they come in; what passes is a `Pool`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from common.data.formats import Contents
from common.data.formats.npz import LAYOUT
from common.data.labelling import integers, labelled
from common.data.pool import Pool
from common.errors import DataError
from common.preprocessing.expand import expansion_of
from common.tasks import KINDS, Task

_UINT8_MAX = 255


def pool_of(raw: Contents, num_classes: int | None = None, *, own: bool = False, task: str = "") -> Pool:
    """Check what was read from a file, and make a pool of it.

    Parameters
    ----------
    raw : Contents
        As read.
    num_classes : int, optional
        Of labels that are numbers; by default the largest + 1.
    own : bool
        Whether these are a single node's data, which need not hold every class.
    task : str
        What the labels are for; see `Reading`.

    Raises
    ------
    DataError
        Something does not hold. The text tells nothing of what was read; `DataError.detail` does.
    """
    _check_lengths(raw)
    gaps = () if raw.schema is None else expansion_of(raw.schema).gaps
    x, scale = _inputs(raw.x, gaps)
    y, head = labelled(raw, num_classes, own=own, task=task)
    people = None if raw.client is None else integers("'client'", raw.client)
    test = None if raw.split is None else _test_mask(raw.split)
    recording = None if raw.recording is None else integers("'recording'", raw.recording)
    if recording is not None and test is not None and len(np.intersect1d(recording[test], recording[~test])):
        raise DataError("No recording may be in both the training and the test part", fix="Give each to one in 'split'")
    fits = Task(tuple(x.shape[1:]), head, schema=raw.schema)
    return Pool(x, y, fits, scale, people, test, raw.notes, recording, raw.overlap, raw.features)


def _check_lengths(raw: Contents) -> None:
    arrays = {"x": raw.x, "y": raw.y, "client": raw.client, "split": raw.split, "recording": raw.recording}
    there = {name: array for name, array in arrays.items() if array is not None}
    for name, array in there.items():
        if name not in ("x", "y") and array.ndim != 1:
            raise DataError(f"{name!r} must have one axis", fix=LAYOUT, detail=f"its shape is {array.shape}")
    lengths = {name: len(array) if array.ndim else 0 for name, array in there.items()}
    if len(set(lengths.values())) > 1:
        raise DataError(
            f"The arrays {', '.join(lengths)} must have the same length", fix=LAYOUT, detail=f"they have {lengths}"
        )
    if not lengths["x"]:
        raise DataError("'x' must hold examples", fix=LAYOUT, detail=f"its shape is {raw.x.shape}")


def _inputs(x: NDArray[Any], gaps: Sequence[int]) -> tuple[NDArray[Any], float]:
    """Return `x` as a pool keeps it, and its scale; features at these places may be NaN."""
    if x.dtype != np.uint8 and x.dtype.kind != "f":
        raise DataError(
            "'x' must be of a float type or uint8", fix="Convert it to float32", detail=f"it is of type {x.dtype}"
        )
    if x.ndim - 1 not in KINDS or 0 in x.shape:
        shapes = "(n, features), (n, channels, time), (n, height, width) or (n, channels, height, width)"
        raise DataError(f"'x' must have the shape {shapes}", fix="Reshape it", detail=f"its shape is {x.shape}")
    if x.dtype == np.uint8:
        return (x[:, None] if x.ndim == 3 else x), _UINT8_MAX
    if x.dtype.itemsize > 4:
        with np.errstate(over="ignore"):  # what does not fit becomes infinite, and is refused below
            x = x.astype(np.float32)
    good = np.isfinite(x)
    if gaps:
        good[:, list(gaps)] |= np.isnan(x[:, list(gaps)])
    finite = good.reshape(len(x), -1).all(axis=1)
    if not finite.all():
        row = int(np.argmin(finite))
        value = float(x[row][~good[row]].flat[0])
        raise DataError(
            "Every number in 'x' must be finite, and fit into 32 bits",
            fix="Clean the data",
            detail=f"{int((~finite).sum())} of {len(x)} examples are not so, the first of them at index {row}: {value}",
        )
    return x, 1.0


def _test_mask(split: NDArray[Any]) -> NDArray[np.bool_] | None:
    """Return which examples are for the test only, or None where none is."""
    values = np.unique(split)
    if split.dtype.kind not in "iub" or not np.isin(values, (0, 1)).all():
        raise DataError(
            "'split' must hold 0 (train) and 1 (test) only", fix=LAYOUT, detail=f"it has {values[:10].tolist()}"
        )
    mask = split.astype(np.bool_)
    if mask.all():
        raise DataError("'split' must leave examples to train on (0)", fix=LAYOUT, detail="all are 1")
    return mask if mask.any() else None
