"""Which process, which boot, which machine: a number of a process alone says nothing once that process is gone."""

from __future__ import annotations

import socket
from functools import cache
from pathlib import Path

import psutil

_PROC = Path("/proc")


def started(pid: int) -> float | None:
    """Return when a process was started, which tells it from a later one with its number; None where there is none.

    On Linux in ticks since the boot, which do not move when the clock is set; elsewhere in seconds since 1970.
    """
    try:
        if (_PROC / "self" / "stat").exists():
            content = (_PROC / str(pid) / "stat").read_text(encoding="utf-8", errors="replace")
            return float(content.rpartition(")")[2].split()[19])  # after the name, which may hold anything
        return float(psutil.Process(pid).create_time())
    except (OSError, psutil.Error):
        return None


@cache
def boot_id() -> str:
    """Return what is the same until this machine is started again."""
    try:
        return (_PROC / "sys" / "kernel" / "random" / "boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return str(round(psutil.boot_time()))


def host() -> str:
    """Return the name of this machine, or of this container."""
    return socket.gethostname()
