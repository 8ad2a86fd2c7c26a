"""Arrays as they travel: sets of packed arrays, such as what a job starts from or what it came to.

A set is a mapping from what an array is (``weights``) to the array. A record holds several sets, each under its number:
``3/weights``. Every array goes out through `pack` and comes in through `unpack`.
"""

from __future__ import annotations

import io
from collections import defaultdict
from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
from flwr.app import Array, ArrayRecord, RecordDict

from common.errors import ProtocolError
from common.jobs import Arrays, Weights
from common.precision import Precision, rounded

_MAX_HEADER = 1024
_MAX_NAME = 64


def pack(weights: Weights, precision: Precision = "float32") -> Array:
    """Make the array that travels; share it between the messages that carry the same weights."""
    return Array(rounded(weights, precision))


def unpack(what: str, array: Array, precision: Precision, size: int | None = None) -> Weights:
    """Read a received array of `size` numbers, or of as many as it holds, without a copy where it is float32.

    What it announces is compared with what it has before any of it is read; nothing is allocated by its word.
    """
    kind, shape = np.dtype(precision), tuple(array.shape)
    if (array.stype, array.dtype, len(shape)) != ("numpy.ndarray", precision, 1) or size not in (None, *shape):
        wanted = "" if size is None else f" of {size} numbers"
        raise ProtocolError(f"{what} must be one packed {precision} array{wanted}", (array.dtype, shape))
    header = len(array.data) - shape[0] * kind.itemsize
    try:
        stream = io.BytesIO(array.data)
        if not 0 < header <= _MAX_HEADER or np.lib.format.read_magic(stream) != (1, 0):
            raise ValueError("it has another length or version")
        if np.lib.format.read_array_header_1_0(stream) != (shape, False, kind) or stream.tell() != header:
            raise ValueError("it holds something else than it announces")
    except Exception as error:  # foreign bytes: numpy's readers raise whatever their parsers do
        raise ProtocolError(f"{what} must be readable", fix=str(error)) from error
    return np.frombuffer(array.data, kind, offset=header).astype(np.float32, copy=False)


class Packer:
    """Serializes each set of arrays once, however many jobs and messages carry it.

    Sets are told apart by identity: nobody may change one while a packer lives.

    Parameters
    ----------
    precision : {"float32", "float16"}
        In which type they travel.
    """

    def __init__(self, precision: Precision) -> None:
        self._precision: Precision = precision
        self._packed: dict[int, tuple[Arrays, dict[str, Array]]] = {}

    def packed(self, arrays: Arrays) -> Mapping[str, Array]:
        """Return the arrays that travel, by the names that they have in `arrays`."""
        key = id(arrays)
        if key not in self._packed:
            made = {name: pack(array, self._precision) for name, array in arrays.items()}
            self._packed[key] = arrays, made  # the set is kept too, or a later one could get its id
        return self._packed[key][1]


def record_of_sets(sets: Mapping[int, Mapping[str, Array]]) -> ArrayRecord:
    """Write sets of packed arrays, by their numbers."""
    return ArrayRecord({f"{number}/{name}": array for number, arrays in sets.items() for name, array in arrays.items()})


class ReceivedSets:
    """The sets in a received record, each of which is read when it is asked for, and once.

    Parameters
    ----------
    record : ArrayRecord
        From `record_of_sets`, or from anybody.
    precision : {"float32", "float16"}
        In which type its arrays must be.
    """

    def __init__(self, record: ArrayRecord, precision: Precision) -> None:
        self._precision: Precision = precision
        self._sets: dict[str, dict[str, Array]] = defaultdict(dict)
        for key, array in record.items():
            number, _, name = key.partition("/")
            self._sets[number][name] = array
        self._read: dict[tuple[int, tuple[tuple[str, int], ...]], Arrays] = {}

    def read(self, number: int, job: str, sizes: Mapping[str, int] = MappingProxyType({})) -> Arrays:
        """Return one set, empty where there is none.

        Parameters
        ----------
        number : int
            Of the set.
        job : str
            Whose it is, for errors.
        sizes : mapping of str to int
            By name, how many numbers arrays have that must be there.

        Raises
        ------
        ProtocolError
            Its arrays are others than that, malformed or of another type, or their names are none.
        """
        key = number, tuple(sizes.items())
        if key not in self._read:
            found = self._sets.get(str(number), {})
            for name in sizes:
                if name not in found:
                    raise ProtocolError(f"A job must come with its {name}", job)
            if not all(name.isprintable() and 0 < len(name) <= _MAX_NAME for name in found):
                raise ProtocolError(f"Names of arrays must be printable, with 1 to {_MAX_NAME} characters", job)
            self._read[key] = {
                name: unpack(f"The array {name!r} of {job!r}", array, self._precision, sizes.get(name))
                for name, array in found.items()
            }
        return self._read[key]


def num_bytes(content: RecordDict) -> int:
    """Count the bytes of the numbers in a message's arrays: what the byte ledger adds up.

    They are those that came, less NumPy's header (NPY format 1.0: a header of as many bytes as bytes 8 and 9 say begins
    at byte 10): what a foreign array says of its own type and shape may be anything.
    """
    arrays = [array.data for record in content.array_records.values() for array in record.values()]
    return sum(max(0, len(data) - 10 - int.from_bytes(data[8:10], "little")) for data in arrays)
