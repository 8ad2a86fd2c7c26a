"""What a simulation has started, on record, so that the next command on its run folder can end what is left of it.

A command that is killed ends nothing itself. Its processes see that within seconds, but nothing may begin to write to
a run folder before they are gone.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from subprocess import Popen

import psutil

from common.errors import FederationError
from common.files import write_aside
from server_app.launcher.processes import members
from server_app.machine import boot_id, started
from server_app.run_folder import PROCESSES

HOME = "flwr-nas-"
"""How the names of temporary folders begin."""

PATIENCE = 10.0
"""Seconds until processes that were killed must be gone."""

_POLL = 0.02


def remember(run_dir: Path, leaders: Sequence[Popen[str]], home: Path) -> None:
    """Write down the sessions that these processes lead, and the temporary folder that is theirs."""
    sessions = [{"pid": leader.pid, "started": started(leader.pid)} for leader in leaders]
    write_aside(run_dir / PROCESSES, json.dumps({"boot": boot_id(), "sessions": sessions, "home": str(home)}))


def forget(run_dir: Path) -> None:
    """Remove the record: all of them are gone."""
    with suppress(OSError):
        (run_dir / PROCESSES).unlink(missing_ok=True)


def end_left(run_dir: Path) -> int:
    """Kill what is left of a simulation whose command is gone, and return how many processes that were.

    They would have removed their temporary folder themselves, but for that.

    Raises
    ------
    FederationError
        Some are still there.
    """
    seen: set[int] = set()
    until = time.monotonic() + PATIENCE
    while alive := _left(run_dir):
        if time.monotonic() > until:
            left = [process.pid for process in alive]
            raise FederationError("An earlier simulation must be gone", left, fix="Kill its processes by hand")
        for process in alive:
            seen.add(process.pid)
            with suppress(psutil.Error):
                process.kill()
        time.sleep(_POLL)
    if (home := _home(run_dir)) is not None:
        shutil.rmtree(home, ignore_errors=True)
    forget(run_dir)
    return len(seen)


def _home(run_dir: Path) -> Path | None:
    """Return the temporary folder on record, if it is one of ours."""
    try:
        home = Path(json.loads((run_dir / PROCESSES).read_text(encoding="utf-8"))["home"])
    except (OSError, ValueError, LookupError, TypeError):
        return None
    ours = home.is_absolute() and home.name.startswith(HOME) and home.resolve().parent in _temporary()
    return home if ours and not home.is_symlink() else None


def _temporary() -> set[Path]:
    return {Path(tempfile.gettempdir()).resolve(), Path("/tmp").resolve()}


def _left(run_dir: Path) -> list[psutil.Process]:
    """Return the processes that are alive in the sessions on record."""
    try:
        record = json.loads((run_dir / PROCESSES).read_text(encoding="utf-8"))
        sessions = {int(entry["pid"]): float(entry["started"]) for entry in record["sessions"]}
        here = record["boot"] == boot_id()
    except (OSError, ValueError, LookupError, TypeError):
        return []
    if not here:
        return []
    # A session keeps its number from being given away, so a leader of another age means that all of it is gone.
    ours = {pid: since for pid, since in sessions.items() if started(pid) in (None, since) and pid != os.getsid(0)}
    return [
        process for pid, since in ours.items() for process in members([pid]) if (started(process.pid) or 0.0) >= since
    ]
