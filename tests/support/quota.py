"""A control group with a CPU quota: what is put into it, and all that it starts, computes for a part of a core at most.

Priorities (``nice``) would slow nobody down while a core is free; a quota does. Version 1 and version 2 of control
groups are known; the group is made below that of this process, and is gone when the block is left.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

_PERIOD = 100_000
"""Microseconds, the kernel's own."""
GROUPS = Path("/sys/fs/cgroup")


class NoQuota(Exception):  # noqa: N818
    """There is no control group that we may make, with the reason."""


@contextmanager
def quota(name: str, cores: float) -> Iterator[Quota]:
    """Make a group that may use so many cores, such as 0.1; raises `NoQuota` where that cannot be."""
    group = Quota.make(name, cores)
    try:
        yield group
    finally:
        group.close()


class Quota:
    """A group that was made.

    Parameters
    ----------
    folder : Path
        Of it.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @classmethod
    def make(cls, name: str, cores: float) -> Quota:
        """Make a group; see `quota`."""
        reasons = []
        for parent, files in _places():
            folder = parent / name
            try:
                folder.mkdir()
                for file, value in files(cores).items():
                    (folder / file).write_text(value, encoding="ascii")
            except OSError as error:
                reasons.append(f"{folder}: {error.strerror}")
                with suppress(OSError):
                    folder.rmdir()
                continue
            return cls(folder)
        raise NoQuota(
            "A node is slowed down by the CPU quota of a control group, and none can be made here "
            f"({'; '.join(reasons) or f'no CPU controller below {GROUPS}'}). Run this as root, or in a container with "
            f"{GROUPS} writable."
        )

    def put(self, pid: int) -> None:
        """Put a process, and all that it has started, into the group; what it starts from now on is in it, too."""
        for process in [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]:
            with suppress(ProcessLookupError):
                (self.folder / "cgroup.procs").write_text(str(process.pid), encoding="ascii")

    def throttled(self) -> float:
        """Return the seconds for which processes of the group had to wait for the next period."""
        values = dict(line.split() for line in (self.folder / "cpu.stat").read_text(encoding="ascii").splitlines())
        if "throttled_time" in values:  # version 1, in nanoseconds
            return int(values["throttled_time"]) / 1e9
        return int(values.get("throttled_usec", 0)) / 1e6

    def close(self) -> None:
        """Remove the group; what is left in it goes back to the one above."""
        with suppress(OSError):
            for pid in (self.folder / "cgroup.procs").read_text(encoding="ascii").split():
                with suppress(OSError):
                    (self.folder.parent / "cgroup.procs").write_text(pid, encoding="ascii")
            self.folder.rmdir()


def _version_1(cores: float) -> dict[str, str]:
    return {"cpu.cfs_period_us": str(_PERIOD), "cpu.cfs_quota_us": str(int(cores * _PERIOD))}


def _version_2(cores: float) -> dict[str, str]:
    return {"cpu.max": f"{int(cores * _PERIOD)} {_PERIOD}"}


def _places() -> Iterator[tuple[Path, Callable[[float], dict[str, str]]]]:
    """Yield where a group may be made, and what is to be written there; this process' own group first."""
    lines = Path("/proc/self/cgroup").read_text(encoding="utf-8").splitlines()
    own = {controllers: path.lstrip("/") for _, controllers, path in (line.split(":", 2) for line in lines)}
    for controllers, path in own.items():
        if "cpu" in controllers.split(","):
            for root in (GROUPS / controllers, GROUPS / "cpu"):
                if root.is_dir():
                    yield root / path, _version_1
                    yield root, _version_1
    if (path := own.get("")) is not None and (GROUPS / "cgroup.controllers").is_file():
        for parent in (GROUPS / path, (GROUPS / path).parent):
            with suppress(OSError):  # one that holds processes may not
                (parent / "cgroup.subtree_control").write_text("+cpu", encoding="ascii")
            yield parent, _version_2
