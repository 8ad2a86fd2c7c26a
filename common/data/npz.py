"""Any ``.npz`` file that holds examples in one simple layout.

``numpy.savez`` writes it; nothing in it may need pickle::

    x        (n, ...)   the examples
    y        (n,)       integer labels from 0
    client   (n,)       optional integers: whose example it is
    split    (n,)       optional: 0 train, 1 test

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
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.lib.npyio import NpzFile
from numpy.typing import NDArray

from common.architecture.task import KINDS, TaskShape
from common.data.base import parse_options
from common.data.pool import Pool, PooledDataset
from common.errors import ConfigError, DataError
from common.settings import DatasetSettings

Arrays = dict[str, NDArray[Any]]

_LAYOUT = "Write it with numpy.savez(path, x=..., y=...); the layout is described in common/data/npz.py"
_UINT8_MAX = 255


@dataclass(frozen=True)
class NpzOptions:
    """Options of `Npz`.

    Parameters
    ----------
    num_classes : int, optional
        Needed where a file does not hold every class, such as a node's own; by default the largest
        label + 1, and then every label below it must occur.
    """

    num_classes: int | None = None

    def __post_init__(self) -> None:
        if self.num_classes is not None and self.num_classes < 2:
            raise ConfigError("dataset.options.num_classes must be 2 or more", self.num_classes)


class Npz(PooledDataset):
    """One file that all nodes share (``dataset.path``), or each node's own."""

    def __init__(self, settings: DatasetSettings) -> None:
        super().__init__(settings)
        self.options = parse_options(NpzOptions, settings)

    @property
    def shared(self) -> bool:
        """Whether ``dataset.path`` is set."""
        return self.settings.path is not None

    def pool(self, own_file: str | None = None) -> Pool:
        """Return the examples of the node's own file if it has one, else those of ``dataset.path``."""
        path = self.settings.path if own_file is None else own_file
        if path is None:
            raise ConfigError(
                "The data set 'npz' needs a file",
                fix="Set dataset.path, or in a deployment name each node's own file as data in its --node-config",
            )
        return read_npz(path, self.options.num_classes)


@lru_cache(maxsize=2)
def read_npz(path: str, num_classes: int | None = None) -> Pool:
    """Read and check a file, once a process (LZMA-compressed entries take seconds).

    The two last files are kept, with `x` in the file's own type.

    Parameters
    ----------
    path : str
        An absolute path, or one relative to the working directory.
    num_classes : int, optional
        As in `NpzOptions`.

    Raises
    ------
    DataError
        The file is missing or malformed.
    """
    arrays = _arrays(path)
    _check_lengths(path, arrays)
    x, scale = _inputs(path, arrays["x"])
    y, classes = _labels(path, arrays["y"], num_classes)
    people = _integers(path, "client", arrays["client"]) if "client" in arrays else None
    test = _test_mask(path, arrays["split"]) if "split" in arrays else None
    return Pool(x, y, TaskShape(tuple(x.shape[1:]), classes), scale, people, test)


def _arrays(path: str) -> Arrays:
    """Open the file and read what we know of it."""
    name = "file"
    found: Arrays = {}
    try:
        with open(path, "rb") as stream:  # noqa: PTH123 - a str may hold what Path would change
            file = np.load(stream, allow_pickle=False)
            if not isinstance(file, NpzFile):
                raise DataError(f"{path} must be an .npz file, and it holds a single array", fix=_LAYOUT)
            for name in ("x", "y", "client", "split"):
                if name in file.files:
                    found[name] = np.asarray(file[name])
                elif name in ("x", "y"):
                    raise DataError(f"{path} must hold the array {name!r}", sorted(file.files), fix=_LAYOUT)
    except FileNotFoundError:
        raise DataError(
            "The data file must exist", path, fix="Check dataset.path, or data in the node's --node-config"
        ) from None
    except (
        OSError,
        ValueError,
        EOFError,
        KeyError,
        NotImplementedError,
        RuntimeError,
        MemoryError,
        zipfile.BadZipFile,
        lzma.LZMAError,
        zlib.error,
        pickle.UnpicklingError,
    ) as error:
        what = "It cannot be read as .npz" if name == "file" else f"Its array {name!r} cannot be read"
        raise DataError(f"{path}: {what} ({type(error).__name__}: {error})", fix=_LAYOUT) from error
    return found


def _check_lengths(path: str, arrays: Arrays) -> None:
    for name, array in arrays.items():
        if name != "x" and array.ndim != 1:
            raise DataError(f"{path}: {name!r} must have one axis", array.shape, fix=_LAYOUT)
    lengths = {name: len(array) if array.ndim else 0 for name, array in arrays.items()}
    if len(set(lengths.values())) > 1:
        raise DataError(f"{path}: its arrays must have the same length", lengths, fix=_LAYOUT)
    if not lengths["x"]:
        raise DataError(f"{path}: 'x' must hold examples", arrays["x"].shape, fix=_LAYOUT)


def _inputs(path: str, x: NDArray[Any]) -> tuple[NDArray[Any], float]:
    """Return `x` as a pool keeps it, and its scale."""
    if x.dtype != np.uint8 and x.dtype.kind != "f":
        raise DataError(f"{path}: 'x' must be of a float type or uint8", str(x.dtype), fix="Convert it to float32")
    if x.ndim - 1 not in KINDS or 0 in x.shape:
        shapes = "(n, features), (n, channels, time), (n, height, width) or (n, channels, height, width)"
        raise DataError(f"{path}: 'x' must have the shape {shapes}", x.shape, fix="Reshape it")
    if x.dtype == np.uint8:
        return (x[:, None] if x.ndim == 3 else x), _UINT8_MAX
    if x.dtype.itemsize > 4:
        with np.errstate(over="ignore"):  # what does not fit becomes infinite, and is refused below
            x = x.astype(np.float32)
    finite = np.isfinite(x).reshape(len(x), -1).all(axis=1)
    if not finite.all():
        row = int(np.argmin(finite))
        value = x[row][~np.isfinite(x[row])].flat[0]
        raise DataError(
            f"{path}: 'x' must be finite and fit into float32; {int((~finite).sum())} examples are not, the first of "
            f"them at index {row}",
            float(value),
            fix="Clean the data",
        )
    return x, 1.0


def _labels(path: str, y: NDArray[Any], num_classes: int | None) -> tuple[NDArray[np.int64], int]:
    """Return the labels and the number of classes."""
    labels = _integers(path, "y", y)
    present = np.unique(labels)
    least, most = int(present[0]), int(present[-1])
    if least < 0:
        raise DataError(f"{path}: 'y' must hold labels from 0", least, fix="Number the classes from 0")
    if num_classes is not None:
        if most >= num_classes:
            raise DataError(
                f"{path}: 'y' must hold labels from 0 to {num_classes - 1} (dataset.options.num_classes={num_classes})",
                most,
                fix="Raise dataset.options.num_classes, or number the classes from 0",
            )
        return labels, num_classes
    if len(present) != most + 1 or most < 1:
        shown = [int(label) for label in present[:10]]
        raise DataError(
            f"{path}: 'y' must hold every label from 0 to the largest, and at least 2 of them",
            shown if len(present) <= 10 else f"{shown} and {len(present) - 10} more",
            fix="Number the classes from 0; where a file does not hold every class, set dataset.options.num_classes",
        )
    return labels, len(present)


def _integers(path: str, name: str, array: NDArray[Any]) -> NDArray[np.int64]:
    if array.dtype.kind not in "iu" or (array.dtype == np.uint64 and int(array.max()) > np.iinfo(np.int64).max):
        raise DataError(f"{path}: {name!r} must hold integers", str(array.dtype), fix=_LAYOUT)
    return array.astype(np.int64)


def _test_mask(path: str, split: NDArray[Any]) -> NDArray[np.bool_] | None:
    """Return which examples are for the test only, or None where none is."""
    values = np.unique(split)
    if split.dtype.kind not in "iub" or not np.isin(values, (0, 1)).all():
        raise DataError(f"{path}: 'split' must hold 0 (train) and 1 (test) only", values[:10].tolist(), fix=_LAYOUT)
    mask = split.astype(np.bool_)
    if mask.all():
        raise DataError(f"{path}: 'split' must leave examples to train on (0)", values.tolist(), fix=_LAYOUT)
    return mask if mask.any() else None
