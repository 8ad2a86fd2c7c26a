"""A quick start: on a deployed node every message is a new process, and most of what it does is to import torch."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def uncollected() -> Iterator[None]:
    """Let what is imported meanwhile live as long as the process, unseen by the garbage collector.

    Importing torch makes some 200,000 objects that all stay. Left to itself, the collector looks through them
    again and again while they come, and once more at the end of the process.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if enabled:
            gc.enable()
