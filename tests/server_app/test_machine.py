import os
import subprocess
import sys

import psutil
import pytest

from server_app import machine
from server_app.machine import boot_id, host, started


@pytest.fixture
def child():
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    yield process
    process.communicate(b"\n")


def test_a_process_has_one_start(child):
    assert started(child.pid) == started(child.pid) >= started(os.getpid())


def test_a_process_that_is_gone_has_none():
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    assert started(ended.pid) is None


@pytest.mark.skipif(not os.path.exists("/proc/self/stat"), reason="needs /proc")  # noqa: PTH110
def test_the_start_is_counted_from_the_boot(child):
    seconds = started(child.pid) / os.sysconf("SC_CLK_TCK")
    assert abs(psutil.boot_time() + seconds - psutil.Process(child.pid).create_time()) < 2


def test_where_there_is_no_proc_psutil_says_it(child, monkeypatch, tmp_path):
    monkeypatch.setattr(machine, "_PROC", tmp_path)
    assert started(child.pid) == psutil.Process(child.pid).create_time()
    monkeypatch.setattr(psutil, "boot_time", lambda: 1234.4)
    boot_id.cache_clear()
    assert boot_id() == "1234"
    boot_id.cache_clear()


def test_a_machine_has_a_name_and_a_boot():
    assert host()
    assert boot_id() == boot_id() != ""
