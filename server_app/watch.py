"""Why a run should stop before its time."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from server_app.run_folder import asked_to_stop


def stop_watch(folder: Path, launcher_pid: int) -> Callable[[], str | None]:
    """Return a function that tells why the run should stop: a file named ``stop``, or its launcher gone."""

    def stop() -> str | None:
        if asked_to_stop(folder):
            return "The run was asked to stop."
        if launcher_pid and not _alive(launcher_pid):
            return "The flwr-nas command that started the run is gone."
        return None

    return stop


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
