"""Processes with children, for whoever starts and ends them."""

import sys
import time

import pytest

from server_app.launcher.processes import end, start

FAMILY = """
import subprocess, sys
ignore = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(1, flush=True); time.sleep(600)"
for _ in range(2):
    subprocess.Popen([sys.executable, "-c", ignore])
print("parent", flush=True)
sys.stdin.readline()
"""


@pytest.fixture
def family(tmp_path):
    """A process with two children that ignore SIGTERM."""
    log = tmp_path / "log"
    leader = start([sys.executable, "-c", FAMILY], {}, log)
    while len(log.read_text().splitlines()) < 3:
        time.sleep(0.02)
    yield leader
    end([leader])
    leader.wait(10)
