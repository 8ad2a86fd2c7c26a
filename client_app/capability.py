"""What a node has to compute with, and how much of it a job takes."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

import torch

from common.architecture.threads import worth_threads

_PROBE_SIZE = 128
_PROBE_SECONDS = 0.02


def cores() -> int:
    """Count the cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def memory_mb(root: Path = Path("/")) -> int:
    """Return the memory in MiB that this process may use; 0 where the system does not say.

    That of the machine, or of the control group (a container, a systemd unit) where that has less.

    Parameters
    ----------
    root : Path
        Where ``proc`` and ``sys`` are.
    """
    try:
        machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):
        return 0
    return min([machine, *_control_group_limits(root)]) // 2**20


def _control_group_limits(root: Path) -> Iterator[int]:
    """Yield the memory limits, in bytes, of this process' control group and those above it (version 2 and 1)."""
    groups = root / "sys/fs/cgroup"
    files = [groups / "memory/memory.limit_in_bytes"]
    with suppress(OSError, ValueError):
        lines = (root / "proc/self/cgroup").read_text().splitlines()
        own = groups / next((line[3:] for line in lines if line.startswith("0::")), "/").strip("/")
        files += [folder / "memory.max" for folder in (own, *own.parents) if folder.is_relative_to(groups)]
    for file in files:
        with suppress(OSError, ValueError):  # there is none, or it says "max"
            yield int(file.read_text())


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
    torch.set_num_threads(worth_threads(macs, given))
    try:
        yield
    finally:
        torch.set_num_threads(given)


@cache
def macs_per_second() -> int:
    """Measure the multiply-accumulates that one thread does in a second; once a process, in some 20 ms.

    Products of two float32 matrices of 128 x 128 (2 million multiply-accumulates each), after one that warms up: about
    what a layer of a small network is.
    """
    left = torch.full((_PROBE_SIZE, _PROBE_SIZE), 0.5, device=device())
    with threads_for(0):
        float((left @ left)[0, 0])
        began, count = time.perf_counter(), 0
        while (seconds := time.perf_counter() - began) < _PROBE_SECONDS or not count:
            float((left @ left)[0, 0])  # reading a number waits for a GPU
            count += 1
    return int(count * _PROBE_SIZE**3 / seconds)
