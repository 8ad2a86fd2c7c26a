import subprocess
import sys
import time

import psutil

from server_app.launcher import roles
from server_app.launcher.processes import end, members, start

LAUNCHER = """
import os, subprocess, sys
code = f'''
import importlib.util, sys, threading
spec = importlib.util.spec_from_file_location("role", {sys.argv[1]!r})
role = importlib.util.module_from_spec(spec)
spec.loader.exec_module(role)
role.ORPHAN_GRACE = 0.1
print("watching", flush=True)
role.end_with({os.getpid()}, {sys.argv[2]!r})
'''
child = subprocess.Popen([sys.executable, "-c", code], start_new_session=True)
print(child.pid, flush=True)
sys.stdin.readline()
"""


def test_a_child_ends_with_its_launcher_and_removes_its_folder(tmp_path):
    folder, log = tmp_path / "home", tmp_path / "log"
    folder.mkdir()
    launcher = start([sys.executable, "-c", LAUNCHER, roles.__file__, str(folder)], {}, log)
    try:
        while len(lines := log.read_text().split()) < 2:
            time.sleep(0.02)
        pid = next(int(line) for line in lines if line.isdigit())
        assert psutil.pid_exists(pid)
        assert folder.exists()
        launcher.kill()
        launcher.wait()
        while members([pid]):
            time.sleep(0.02)
        assert not folder.exists()
    finally:
        end([launcher])


def test_flowers_commands_are_there():
    assert callable(roles.command("flower-superlink"))


def test_a_child_imports_nothing_of_ours():
    code = f"import runpy, sys; runpy.run_path({roles.__file__!r}); print(*sys.modules)"
    names = subprocess.run(
        [sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()
    assert not {"server_app", "client_app", "common", "flwr", "ray"} & set(names)
