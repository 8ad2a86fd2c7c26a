"""In which type weights travel; all computing is in float32."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from common.errors import ProtocolError

Precision = Literal["float32", "float16"]


def rounded(weights: NDArray[np.float32], precision: Precision) -> NDArray[Any]:
    """Return `weights` as they travel: contiguous, and infinite where they are beyond the type's range."""
    with np.errstate(over="ignore"):
        return np.ascontiguousarray(weights, dtype=precision)


def number_bytes(precision: Precision) -> int:
    """Return the bytes of one number on the wire."""
    return np.dtype(precision).itemsize


def wire_bytes(arrays: Mapping[str, NDArray[np.float32]], precision: Precision) -> int:
    """Count the bytes of packed arrays on the wire."""
    return sum(array.size for array in arrays.values()) * number_bytes(precision)


def check_finite(what: str, weights: NDArray[np.float32], precision: Precision) -> None:
    """Raise `ProtocolError` unless `weights` are finite, as they are and as they travel."""
    if np.isfinite(rounded(weights, precision)).all():
        return
    most = float(np.finfo(precision).max)
    fix = (
        "" if precision == "float32" else f"{precision} ends at {most:,.0f}; federation.precision=float32 goes further"
    )
    raise ProtocolError(f"{what} must be finite numbers in {precision}, and these are not", fix=fix)
