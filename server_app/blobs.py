"""Arrays on disk, each once, under the hash of its content: the weights and moments that a saved state names.

The order of a save makes it hold against a power cut: `put` what the state needs, `sync`, write the state,
`sweep` what it does not name. So a state that can be read names only arrays that are whole.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Collection, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from common.errors import StorageError
from common.files import sync

Array = NDArray[Any]

_MARK = "array"
"""The one name in a JSON object that stands for an array."""


_FEW = 8
"""Arrays in memory that are never a crowd."""


class Blobs:
    """Arrays by the hash of their content.

    A full disk does not end a search: an array that cannot be written stays in memory, and `sync` tries again.

    Parameters
    ----------
    folder : Path, optional
        Made when the first array comes. None keeps all in memory.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder
        self._memory: dict[str, bytes] = {}  # files that have no folder, or not yet
        self._swept = 0  # how many of them were left by the last sweep
        self._whole: set[str] = set()  # written or read by us; a file that a power cut left may be anything
        self._fresh: set[str] = set()  # written, but perhaps not on the disk yet

    def put(self, array: Array) -> str:
        """Keep an array and return its key; one that is there already is not written again.

        Parameters
        ----------
        array : array
            Numbers of any shape; the caller may change it afterwards.
        """
        content = _encoded(array)
        key = _key(content)
        if key in self._whole or key in self._memory:
            return key
        try:
            self._write(key, content)
        except OSError:
            self._memory[key] = content
        return key

    def get(self, key: str) -> Array:
        """Return the array of a key: a copy, of the same type and shape, bit for bit.

        Raises
        ------
        StorageError
            It is not there, or it is not what was put.
        """
        content = self._memory[key] if key in self._memory else self._read(key)
        array: Array = np.lib.format.read_array(io.BytesIO(content), allow_pickle=False)
        return array

    def check(self, keys: Collection[str]) -> None:
        """Raise as `get` does unless the arrays of all these keys are on the disk as they were put."""
        for key in sorted(keys):
            self._read(key)

    def put_state(self, state: Any) -> Any:
        """Return a state as JSON: each array in its dicts and lists is kept, and replaced by ``{"array": key}``."""
        if isinstance(state, np.ndarray):
            return {_MARK: self.put(state)}
        if isinstance(state, dict):
            if _stands_for_an_array(state) or not all(isinstance(name, str) for name in state):
                raise StorageError(
                    f"A state's names are texts, and {_MARK!r} alone stands for an array",
                    list(state),
                    fix="Report a bug",
                )
            return {name: self.put_state(value) for name, value in state.items()}
        if isinstance(state, (list, tuple)):
            return [self.put_state(value) for value in state]
        return state

    def get_state(self, plain: Any) -> Any:
        """Return what `put_state` was given, with lists for tuples; raises as `get` does."""
        if isinstance(plain, dict):
            if _stands_for_an_array(plain):
                return self.get(plain[_MARK])
            return {name: self.get_state(value) for name, value in plain.items()}
        if isinstance(plain, list):
            return [self.get_state(value) for value in plain]
        return plain

    def sync(self) -> None:
        """Return once all that was put is on the disk, and stays there if the power fails.

        One fsync for each new file, after all were written: the disk works on them at the same time. A sync of the
        whole machine is a little faster for many small files, but waits for what other programs write.

        Raises
        ------
        StorageError
            An array cannot be written.
        """
        if self._folder is None:
            return
        try:
            for key in list(self._memory):
                self._write(key, self._memory[key])
                del self._memory[key]
            if self._fresh:
                for key in self._fresh:
                    sync(self._path(key))
                sync(self._folder)  # the names
        except OSError as error:
            raise StorageError(
                "The weights of a run must be on disk", str(self._folder), fix=f"{error}; free some space"
            ) from None
        self._fresh.clear()

    @property
    def crowded(self) -> bool:
        """Whether what is in memory has doubled since it was swept: then that is worth its time once more."""
        return len(self._memory) > 2 * self._swept + _FEW

    def sweep(self, live: Collection[str]) -> None:
        """Delete all arrays but those of the keys in `live`, and what an interrupted write left."""
        kept = set(live)
        for key in self._memory.keys() - kept:
            del self._memory[key]
        self._swept = len(self._memory)
        self._whole &= kept
        self._fresh &= kept
        if self._folder is None or not self._folder.is_dir():
            return
        for path in self._folder.iterdir():
            if path.suffix != ".npy" or path.stem not in kept:
                with suppress(OSError):  # it will be tried again
                    path.unlink()

    def _read(self, key: str) -> bytes:
        """Return a file that is what was written; numpy would believe one that is damaged, or fail in many ways."""
        if self._folder is None:
            raise StorageError("An array must be kept before it is asked for", key, fix="Report a bug")
        path = self._path(key)
        try:
            content = path.read_bytes()
        except OSError as error:
            raise _lost(path, str(error)) from None
        if _key(content) != key:
            raise _lost(path, "its content has changed")
        self._whole.add(key)
        return content

    def _write(self, key: str, content: bytes) -> None:
        """Write aside and rename; raises `OSError`."""
        if self._folder is None:
            self._memory[key] = content
            return
        path = self._path(key)
        aside = path.with_suffix(".part")
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            aside.write_bytes(content)
            aside.replace(path)
        except OSError:
            with suppress(OSError):
                aside.unlink(missing_ok=True)
            raise
        self._whole.add(key)
        self._fresh.add(key)

    def _path(self, key: str) -> Path:
        assert self._folder is not None
        return self._folder / f"{key}.npy"


def keys_in(plain: Any) -> set[str]:
    """Return the keys of all arrays that a state names, as `Blobs.put_state` wrote it."""
    return set(_keys(plain))


def _keys(plain: Any) -> Iterator[str]:
    if isinstance(plain, dict):
        if _stands_for_an_array(plain):
            yield plain[_MARK]
        else:
            for value in plain.values():
                yield from _keys(value)
    elif isinstance(plain, list):
        for value in plain:
            yield from _keys(value)


def _stands_for_an_array(value: dict[Any, Any]) -> bool:
    return len(value) == 1 and isinstance(value.get(_MARK), str)


def _key(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _encoded(array: Array) -> bytes:
    """Return an array as a file; its layout in memory does not count."""
    buffer = io.BytesIO()
    np.save(buffer, np.asarray(array, order="C"), allow_pickle=False)
    return buffer.getvalue()


def _lost(path: Path, why: str) -> StorageError:
    return StorageError(
        f"A saved array must be as it was written ({why})", str(path), fix="Begin the run anew in another folder"
    )
