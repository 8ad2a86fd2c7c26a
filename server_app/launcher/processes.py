"""Processes that we start, and all that they start in turn.

Each is the leader of a session of its own. Its descendants stay in that session whatever happens to their
parents, and whatever they call themselves (Ray's workers overwrite their title and, with it, the environment
that others could have known them by). So a session is found whole even after its leader died.
"""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from subprocess import Popen

import psutil

_POLL = 0.02


def start(command: Sequence[str], env: Mapping[str, str], log: Path) -> Popen[str]:
    """Start a process in a session of its own; its output is appended to `log`, its input is a pipe."""
    with log.open("a", encoding="utf-8") as output:
        return Popen(
            list(command),
            env=dict(env),
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )


def members(sessions: Iterable[int]) -> list[psutil.Process]:
    """Return the processes that are alive in these sessions."""
    wanted = set(sessions)
    alive = []
    for pid in psutil.pids():
        try:
            if os.getsid(pid) in wanted:
                process = psutil.Process(pid)
                if process.status() != psutil.STATUS_ZOMBIE:
                    alive.append(process)
        except (OSError, psutil.Error):
            continue
    return alive


def end(leaders: Sequence[Popen[str]], patience: float = 5.0) -> list[int]:
    """Kill the sessions of these processes.

    Nothing in them is worth a goodbye: a search that was asked to stop has closed its journal by now, and
    a goodbye is where Flower and Ray take their time (5 s and more).

    Parameters
    ----------
    leaders : sequence of Popen
        What `start` returned.
    patience : float
        Seconds to wait until they are gone.

    Returns
    -------
    list of int
        Process ids that are still there.
    """
    until = time.monotonic() + patience
    sessions = [leader.pid for leader in leaders]
    while (alive := members(sessions)) and time.monotonic() < until:
        for process in alive:
            try:
                process.kill()
            except psutil.Error:
                continue
        time.sleep(_POLL)
    for leader in leaders:
        leader.poll()
        if leader.stdin is not None:
            leader.stdin.close()
    return [process.pid for process in alive]
