"""What a node has to compute with, and how much of it a job takes."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch

_MACS_PER_THREAD = 5_000_000


def cores() -> int:
    """Count the cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def memory_mb() -> int:
    """Return the machine's memory in MiB; 0 where the system does not say."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20
    except (AttributeError, OSError, ValueError):
        return 0


def device() -> torch.device:
    """Return where jobs are computed: the first GPU if torch can use one, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


@contextmanager
def threads_for(macs: int) -> Iterator[None]:
    """Let torch use as many threads as the work is worth, never more than it was given, then put that back.

    Below some million multiply-accumulates a second thread saves nothing, and where other processes
    (other nodes of the same machine) want the cores too, every operation waits for it: steps of a small
    model then took 15 times as long. What torch was given comes from OMP_NUM_THREADS, else from its cores.

    Parameters
    ----------
    macs : int
        Multiply-accumulates of one forward pass over a batch.
    """
    given = torch.get_num_threads()
    torch.set_num_threads(max(1, min(given, macs // _MACS_PER_THREAD)))
    try:
        yield
    finally:
        torch.set_num_threads(given)
