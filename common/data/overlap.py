"""The order in which overlapping windows were taken, read from the windows themselves.

Windows over a signal often overlap by half: the second half of one is the first half of the next. A
file may hold them shuffled, and then its order does not say which windows share samples. The common
copies of UCI HAR are like this: shuffled within each person. The halves still match to the bit, so
the recordings can be put together again.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Index = NDArray[np.int64]


def recording_order(x: NDArray[Any]) -> Index:
    """Put windows that overlap by half into the order in which they were taken.

    Recordings come in the order of their first windows in the file. A file whose links all go forward
    is in order already and stays as it is, whatever else its windows overlap by; so does one without links.
    A shuffled file whose windows overlap by anything but half is not recognized.

    Parameters
    ----------
    x : NDArray
        Windows, shape ``(n, channels, time)``, as stored.

    Returns
    -------
    Index
        A permutation of the n positions.
    """
    following = overlap_links(x)
    if all(window < follower for window, follower in following.items()):
        return np.arange(len(x))
    order: list[int] = []
    seen: set[int] = set()
    firsts = sorted(set(range(len(x))) - set(following.values()))
    for first in [*firsts, *range(len(x))]:  # the second part is for rings, which have no first window
        window: int | None = first
        while window is not None and window not in seen:
            order.append(window)
            seen.add(window)
            window = following.get(window)
    return np.array(order, dtype=np.int64)


def overlap_links(x: NDArray[Any]) -> dict[int, int]:
    """Map windows to the window that begins with their second half.

    A half that begins, or ends, more than one window (a signal at rest) links nothing.
    """
    half = x.shape[-1] // 2
    if half == 0:
        return {}
    starts = _unique(x[..., :half])
    ends = _unique(x[..., x.shape[-1] - half :])
    return {end: starts[key] for key, end in ends.items() if starts.get(key, end) != end}


def _unique(halves: NDArray[Any]) -> dict[bytes, int]:
    rows: dict[bytes, list[int]] = {}
    for row, half in enumerate(halves):
        rows.setdefault(half.tobytes(), []).append(row)
    return {key: found[0] for key, found in rows.items() if len(found) == 1}
