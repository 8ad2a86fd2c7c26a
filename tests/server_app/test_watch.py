"""A run stops when it is asked to, or when nobody waits for it any more."""

from __future__ import annotations

import os
import subprocess
import sys

from server_app.watch import stop_watch


def test_a_run_stops_for_a_file_or_with_its_launcher(tmp_path):
    assert stop_watch(tmp_path, 0)() is None
    assert stop_watch(tmp_path, os.getpid())() is None
    assert stop_watch(tmp_path, 1)() is None
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    assert "flwr-nas command that started the run is gone" in stop_watch(tmp_path, ended.pid)()
    (tmp_path / "stop").touch()
    assert stop_watch(tmp_path, os.getpid())() == "The run was asked to stop."
