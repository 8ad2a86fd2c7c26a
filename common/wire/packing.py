"""Packed weights as the arrays that travel."""

from __future__ import annotations

import io

import numpy as np
from flwr.app import Array, ArrayRecord, RecordDict

from common.errors import ProtocolError
from common.jobs import Weights
from common.precision import Precision, rounded

_MAX_HEADER = 1024


def pack(weights: Weights, precision: Precision = "float32") -> Array:
    """Make the array that travels; share it between the messages that carry the same weights."""
    return Array(rounded(weights, precision))


def unpack(trial: str, arrays: ArrayRecord, precision: Precision, size: int | None = None) -> Weights:
    """Read a received array of `size` numbers, or of as many as it holds, without a copy where it is float32.

    What it announces is compared with what it has before any of it is read; nothing is allocated by its word.
    """
    if trial not in arrays:
        raise ProtocolError("A job must come with its weights", trial)
    array, kind = arrays[trial], np.dtype(precision)
    shape = tuple(array.shape)
    if (array.stype, array.dtype, len(shape)) != ("numpy.ndarray", precision, 1) or size not in (None, *shape):
        wanted = "" if size is None else f" of {size} numbers"
        raise ProtocolError(
            f"The array of {trial!r} must be one packed {precision} array{wanted}", (array.dtype, shape)
        )
    header = len(array.data) - shape[0] * kind.itemsize
    try:
        stream = io.BytesIO(array.data)
        if not 0 < header <= _MAX_HEADER or np.lib.format.read_magic(stream) != (1, 0):
            raise ValueError("it has another length or version")
        if np.lib.format.read_array_header_1_0(stream) != (shape, False, kind) or stream.tell() != header:
            raise ValueError("it holds something else than it announces")
    except Exception as error:  # foreign bytes: numpy's readers raise whatever their parsers do
        raise ProtocolError(f"The array of {trial!r} must be readable", fix=str(error)) from error
    return np.frombuffer(array.data, kind, offset=header).astype(np.float32, copy=False)


def num_bytes(content: RecordDict) -> int:
    """Count the bytes of the numbers in a message's arrays: what the byte ledger adds up.

    They are those that came, less NumPy's header (NPY format 1.0: a header of as many bytes as bytes 8 and 9 say begins
    at byte 10): what a foreign array says of its own type and shape may be anything.
    """
    arrays = [array.data for record in content.array_records.values() for array in record.values()]
    return sum(max(0, len(data) - 10 - int.from_bytes(data[8:10], "little")) for data in arrays)
