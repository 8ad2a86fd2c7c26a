"""``flwr-nas watch``: it says where the page is, and Ctrl-C ends it."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from functools import partial

import pytest

from server_app.cli import main


def test_it_serves_until_it_is_interrupted(tmp_path):
    command = [sys.executable, "-m", "server_app.cli", "watch", str(tmp_path / "run")]
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    heard = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)  # who starts tests in the background ignores it
    with subprocess.Popen(command, preexec_fn=heard, **options) as process:  # noqa: PLW1509 - no thread runs here
        try:
            line = process.stdout.readline()
            address = re.fullmatch(r"Watching .*run at (http://127\.0\.0\.1:\d+/) \(Ctrl-C ends it\)\n", line)[1]
            with pytest.raises(urllib.error.HTTPError) as waiting:
                urllib.request.urlopen(address)
            with waiting.value:
                assert waiting.value.code == 503  # the run has not begun
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=60)
        finally:
            process.kill()
    assert (process.returncode, out.strip(), err) == (0, "", "")


def test_a_file_is_no_run(tmp_path, capsys):
    (tmp_path / "result.json").write_text("{}")
    assert main(["watch", str(tmp_path / "result.json")]) == 1
    assert "A run is a folder" in capsys.readouterr().err
