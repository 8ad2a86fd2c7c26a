"""How many threads some work is worth."""

from __future__ import annotations

_MACS_PER_THREAD = 5_000_000


def worth_threads(macs: int, given: int) -> int:
    """Return how many threads a node computes some multiply-accumulates with: 1 to `given`.

    Below some million a second thread saves nothing.
    """
    return max(1, min(given, macs // _MACS_PER_THREAD))
