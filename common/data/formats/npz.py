"""Numpy's ``.npz``: arrays in one simple layout.

``numpy.savez`` writes it; nothing in it may need pickle::

    x        (n, ...)   the examples
    y        (n,)       integer labels from 0
             (n, k)     0 and 1: which of k labels an example has, each for itself
             (n,)       or (n, k) numbers to be predicted, where task=regression says so
    classes  (k,)       optional texts: the names of the classes, in the order of their labels, or of the columns of y
    client   (n,)       optional integers: whose example it is
    split    (n,)       optional: 0 train, 1 test
    recording (n,)      optional integers, of windows: from which recording, whose windows come in their order in time
    overlap  ()         optional integer, with recording: how many of the windows after one share samples with it

What `x` is follows from its type and its axes::

    (n, features)                float            vectors, taken as they are
                                 uint8            vectors, divided by 255
    (n, channels, time)          float            sequences, taken as they are
    (n, height, width)           uint8            grey images, divided by 255; the channel axis is added
    (n, channels, height, width) float or uint8   images, taken as they are or divided by 255

So three axes are images if they are uint8 and sequences if they are float.
A `split` without a single 1 counts as none.
"""

from __future__ import annotations

import lzma
import pickle
import zipfile
import zlib
from typing import Any

import numpy as np
from numpy.lib.npyio import NpzFile
from numpy.typing import NDArray

from common.data.formats.contents import Contents
from common.data.formats.reading import Reading
from common.errors import DataError

LAYOUT = "Write it with numpy.savez(path, x=..., y=...); the layout is described in common/data/formats/npz.py"

_NEEDED = ("x", "y")
_OPTIONAL = ("classes", "client", "split", "recording", "overlap")


def read(path: str, reading: Reading) -> Contents:  # noqa: ARG001 - arrays have fixed names
    """Read the arrays that we know of; errors as in `common.data.formats.read`."""
    name = "file"
    found: dict[str, NDArray[Any]] = {}
    try:
        with open(path, "rb") as stream:  # noqa: PTH123 - a str may hold what Path would change
            file = np.load(stream, allow_pickle=False)
            if not isinstance(file, NpzFile):
                raise DataError("An .npz file must hold several arrays, and this one holds a single one", fix=LAYOUT)
            for name in (*_NEEDED, *_OPTIONAL):
                if name in file.files:
                    found[name] = file[name]
                    if not isinstance(found[name], np.ndarray):  # an entry that is no array comes as bytes
                        raise ValueError(f"{name} is no array")
                elif name in _NEEDED:
                    raise DataError(
                        f"An .npz file must hold the array {name!r}",
                        fix=LAYOUT,
                        detail=f"it holds {', '.join(sorted(file.files)) or 'nothing'}",
                    )
    except (
        OSError,
        ValueError,
        EOFError,
        KeyError,
        NotImplementedError,
        RuntimeError,
        zipfile.BadZipFile,
        lzma.LZMAError,
        zlib.error,
        pickle.UnpicklingError,
    ) as error:
        what = "It cannot be read as .npz" if name == "file" else f"Its array {name!r} cannot be read"
        raise DataError(what, fix=LAYOUT, detail=f"{type(error).__name__}: {error}") from error
    classes, client, split, recording, overlap = (found.get(name) for name in _OPTIONAL)
    return Contents(
        found["x"], found["y"], classes, client, split, recording=recording, overlap=_number("overlap", overlap)
    )


def _number(name: str, array: NDArray[Any] | None) -> int:
    """Return a whole number, 0 where there is none."""
    if array is None:
        return 0
    if array.ndim or array.dtype.kind not in "iu" or array < 0:
        raise DataError(f"{name!r} must be a whole number from 0", fix=LAYOUT, detail=f"it is {array!r}"[:200])
    return int(array)
