"""What the command does once nobody reads its output: ``flwr-nas ... | head -1``."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path

import pytest

from server_app.reporting import progress as screen
from server_app.reporting.progress import Progress

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("arguments", [["search", "--help"], ["search", "--cfg", "job"]])
def test_a_closed_pipe_is_no_traceback(tmp_path, arguments, unbuffered):
    """Python finds out with the first line that it prints, or at its end."""
    read, write = os.pipe()
    os.close(read)
    try:
        command = [sys.executable, "-m", "server_app.cli", *arguments]
        env = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": unbuffered}
        run = subprocess.run(command, cwd=tmp_path, env=env, stdout=write, stderr=subprocess.PIPE, check=False)
    finally:
        os.close(write)
    assert (run.returncode, run.stderr) == (141, b"")


class Unread(io.StringIO):
    def write(self, _: str) -> int:
        raise BrokenPipeError


def test_a_run_hears_once_that_nobody_reads_it(monkeypatch):
    told, silenced = [], []
    monkeypatch.setattr(sys, "stdout", Unread())
    monkeypatch.setattr(screen, "silence", lambda: silenced.append(1))
    progress = Progress(unread=lambda: told.append(1))
    for _ in range(3):
        progress.update({"event": "state_lost", "time": 1.0, "reason": "the disk is full"})
    assert (told, silenced) == ([1], [1])
