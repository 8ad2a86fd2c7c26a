"""The deployment's own reverse proxy in front of a test's SuperLink: nginx with the rules of conf/deployment."""

from __future__ import annotations

import os
import re
import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from server_app.launcher.processes import end, start
from tests.support.federation import Federation, free_port, wait_for

CONF = Path(__file__).resolve().parents[2] / "conf" / "deployment" / "nginx.conf"


def available() -> bool:
    """Return whether there is an nginx to run, and rules to run it with."""
    return CONF.is_file() and shutil.which("nginx") is not None


@contextmanager
def proxy(federation: Federation) -> Iterator[str]:
    """Run nginx before the SuperLink of `federation`; yields its address.

    Only addresses, names and paths of the rules are changed to those of the test.
    """
    port, folder = free_port(), federation.folder
    (folder / "nginx").mkdir()
    rules = CONF.read_text(encoding="utf-8")
    for pattern, ours in {
        r"include [^;]*resolver[^;]*;": "",
        r"/tmp/": f"{folder}/nginx/",
        r"listen \d+ ssl": f"listen 127.0.0.1:{port} ssl",
        r"superlink:8000": federation.address,
        r"(proxy_ssl_name|Host) superlink": r"\1 localhost",
        r"/proxy/(?=server|ca)": f"{folder}/",
    }.items():
        rules, changed = re.subn(pattern, ours, rules)
        assert changed, f"{CONF} has no {pattern}: adapt this to its new rules"
    file = folder / "nginx.conf"
    file.write_text(rules, encoding="utf-8")
    alone = "daemon off; master_process off;"
    command = ["nginx", "-p", f"{folder}/nginx", "-c", str(file), "-e", "stderr", "-g", alone]
    log = folder / "nginx.log"
    process = start(command, os.environ, log)

    def listens() -> bool:
        assert process.poll() is None, log.read_text()
        with suppress(OSError):
            socket.create_connection(("127.0.0.1", port), 1).close()
            return True
        return False

    try:
        wait_for(listens, "an answer of nginx")
        yield f"127.0.0.1:{port}"
    finally:
        end([process])
        process.wait(10)
