"""How many cores there are for this process."""

from __future__ import annotations

import os


def cores() -> int:
    """Return the number of cores that this process may use, or of all where the system cannot say."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
