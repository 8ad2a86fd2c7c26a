"""Cuts one file into a file for each node, for trials of a deployment with data that are in one place.

The training part is cut as a simulation cuts it, by the same functions and seeds. A test part, which in a
simulation is the server's, is dealt out at random: a deployment's server has no data.
"""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from common.data.digits import read_digits
from common.data.formats import PLAIN, Reading
from common.data.local import LocalOptions, read_local
from common.data.partition import iid
from common.data.pool import Pool, check_people, class_names, partition_pool
from common.errors import ConfigError, StorageError
from common.files import write_aside
from common.seeding import generator
from common.settings import DatasetSettings

Arrays = dict[str, NDArray[Any]]

DIGITS = "digits"
"""What stands for the embedded digits; a file of that name is ``./digits``."""


def read_source(source: str, reading: Reading = PLAIN) -> Pool:
    """Read what is to be cut: a file or folder of any format, or the embedded digits.

    Raises
    ------
    DataError
        It is missing or malformed.
    """
    return read_digits() if source == DIGITS else read_local(source, LocalOptions.of(reading), own=True)


def divide(pool: Pool, settings: DatasetSettings, nodes: int, seed: int) -> list[Pool]:
    """Cut a pool into one for each node.

    Parameters
    ----------
    pool : Pool
        The whole.
    settings : DatasetSettings
        ``partition`` and ``alpha``, as for a simulation.
    nodes : int
        How many.
    seed : int
        The run's: a simulation with it gives its nodes the same examples to train on.

    Raises
    ------
    ConfigError
        There are too few examples or people, or it is not known whose the examples are.
    DataError
        With ``partition=natural`` somebody is in both the training and the test part.
    """
    if nodes < 1:
        raise ConfigError("There must be at least 1 node", nodes, fix="Use as many nodes as the trial has")
    if settings.partition == "natural":
        check_people(pool, settings)
    parts = partition_pool(pool, settings.partition, settings.alpha, nodes, seed)
    if pool.test_rows is not None:
        tests = iid(len(pool.test_rows), nodes, generator(seed, "cut", "test"))
        parts = [np.concatenate([part, pool.test_rows[test]]) for part, test in zip(parts, tests, strict=True)]
    return [_at(pool, rows) for rows in parts]


def write(parts: list[Pool], folder: Path, *, force: bool = False) -> list[Path]:
    """Write ``FOLDER/node-1/data.npz`` and so on; returns the paths.

    Raises
    ------
    StorageError
        A file is there already and `force` is False, or the folder cannot be written.
    """
    paths = [folder / f"node-{number}" / "data.npz" for number in range(1, len(parts) + 1)]
    there = [path for path in paths if path.exists()]
    if there and not force:
        raise StorageError(
            "Files that are there already are kept",
            str(there[0]),
            fix="Choose another --out, or overwrite with --force",
        )
    for path, part in zip(paths, parts, strict=True):
        stream = BytesIO()
        np.savez(stream, allow_pickle=False, **dict(_arrays(part)))
        write_aside(path, stream.getvalue())
    return paths


def _at(pool: Pool, rows: NDArray[np.int64]) -> Pool:
    """Return the pool of these rows."""
    people = None if pool.people is None else pool.people[rows]
    test = None if pool.test is None else pool.test[rows]
    recording = None if pool.recording is None else pool.recording[rows]
    x, y = pool.x[rows], pool.y[rows]
    return Pool(
        x, y, pool.task, pool.scale, people, test, recording=recording, overlap=pool.overlap, features=pool.features
    )


def _arrays(pool: Pool) -> Iterator[tuple[str, NDArray[Any]]]:
    """Yield a pool in the layout of ``common/data/formats/npz.py``."""
    as_stored = pool.scale == (255 if pool.x.dtype == np.uint8 else 1)
    yield "x", pool.x if as_stored else pool.take(np.arange(len(pool.y))).x
    yield "y", pool.y
    if names := class_names(pool):
        yield "classes", np.array(names)
    if pool.people is not None:
        yield "client", pool.people
    if pool.recording is not None:
        yield "recording", pool.recording
        yield "overlap", np.array(pool.overlap)
    if pool.test is not None:
        yield "split", pool.test.astype(np.uint8)
