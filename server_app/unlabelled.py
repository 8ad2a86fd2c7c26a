"""Examples of a file with or without labels.

The formats of nodes have labels, without which nothing is learnt. A table that lacks them gets a column of labels that
say nothing, of another file a copy with such labels is read, in the same way, and they are forgotten.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray

from common.data.formats import Contents, Reading, Table, contents_of, is_table, read, read_table
from common.data.formats.cells import Column
from common.data.formats.declared import features_of, is_labelled, learnt_of, matched
from common.data.ingest import pool_of
from common.preprocessing.schema import Schema
from common.tasks import Head


@dataclass(frozen=True)
class Inputs:
    """What is in a file.

    Parameters
    ----------
    x : NDArray
        float32, shape ``(n, *input_shape)``.
    y : NDArray, optional
        Labels as the head of the model has them; None where there are none.
    notes : tuple of str
        What was done in reading.
    """

    x: NDArray[np.float32]
    y: NDArray[Any] | None
    notes: tuple[str, ...]


def read_inputs(path: str, label: str, head: Head, schema: Schema | None = None) -> Inputs:
    """Read a file.

    Parameters
    ----------
    path : str
        As of `common.data.formats.read`; an .npz without ``y``, a table without a column of labels, and a folder with
        images in it and no folders will do, too.
    label : str
        The column of a table that has the labels, if there is one.
    head : Head
        Of the model: what labels are for.
    schema : Schema, optional
        Of the model. A table then needs its features, and may lack the rest.

    Raises
    ------
    DataError
        The file cannot be read, or its labels are none of the model's.
    """
    if schema is not None:
        return _by_schema(path, schema, head)
    if is_table(Path(path)):
        return _of_table(read_table(path), label, head)
    if not _lacks_labels(path):
        return _labelled(read(path, Reading(label, head.kind)), head)
    with _with_labels(path) as copy:
        return _without(read(str(copy), Reading(label)))


def _of_table(table: Table, label: str, head: Head) -> Inputs:
    if label in table.columns:
        return _labelled(contents_of(table, Reading(label, head.kind)), head)
    nothing = Column(label, (np.full(len(table.rows), b"0"),))
    return _without(contents_of(replace(table, columns={**table.columns, label: nothing}), Reading(label)))


def _labelled(contents: Contents, head: Head) -> Inputs:
    pool = pool_of(contents, own=True, task=head.kind)
    examples = pool.take(np.arange(len(pool.y)), head)
    return Inputs(examples.x, examples.y, pool.notes)


def _without(contents: Contents) -> Inputs:
    """Forget labels that say nothing."""
    pool = pool_of(contents, own=True)
    return Inputs(pool.take(np.arange(len(pool.y))).x, None, pool.notes)


def _by_schema(path: str, schema: Schema, head: Head) -> Inputs:
    """Read all rows of a table; labels count where every row has one."""
    table = read_table(path)
    columns, notes = matched(table, schema, schema.features)
    x, told = features_of(columns, schema, table.rows)
    notes += told
    if any(column.name not in table.columns for column in schema.learnt):
        return Inputs(x, None, tuple(notes))
    learnt, _ = matched(table, schema, schema.learnt)
    if not is_labelled(learnt, schema, table.rows).all():
        return Inputs(x, None, (*notes, "Not every row has a label, so none is looked at."))
    classes = np.array(schema.classes) if schema.classes else None
    pool = pool_of(Contents(x, learnt_of(learnt, schema, table.rows), classes, schema=schema), own=True)
    return Inputs(x, pool.take(np.arange(len(x)), head).y, tuple(notes))


def _lacks_labels(path: str) -> bool:
    place = Path(path)
    if place.is_dir():
        entries = [entry for entry in place.iterdir() if not entry.name.startswith(".")]
        return bool(entries) and not any(entry.is_dir() for entry in entries)
    if place.suffix.lower() == ".npz" and place.exists():
        return "y" not in _arrays(place)
    return False


@contextmanager
def _with_labels(path: str) -> Iterator[Path]:
    """Give a copy of a file whose labels say nothing."""
    place = Path(path)
    with TemporaryDirectory() as folder:
        copy = Path(folder) / place.name
        if place.is_dir():
            (copy / "all").mkdir(parents=True)
            for image in place.iterdir():
                (copy / "all" / image.name).symlink_to(image.absolute())
        elif place.suffix.lower() == ".npz" and place.exists():
            arrays = _arrays(place)
            x = arrays.get("x", np.zeros(0))
            np.savez(copy, x=x, y=np.zeros(len(x), np.int64))
        else:
            copy = place  # what cannot be copied is for its own format to refuse
        yield copy


def _arrays(place: Path) -> dict[str, NDArray[Any]]:
    try:
        with np.load(place, allow_pickle=False) as file:
            return {name: file[name] for name in file.files} if hasattr(file, "files") else {"x": file}
    except Exception:
        return {"y": np.zeros(0)}
