"""Proxies of the environment: whatever they are, no process of a run asks one for this machine."""

from __future__ import annotations

import re

import pytest

from common.config import CONF
from tests.support.federation import Federation

ANY_PORT = "127.0.0.1:9"
"""Discard: nobody listens there."""

SMALL = (
    *("controller=random", "fidelity=full", "fidelity.max_rounds=1", "search.trials=2", "final.rounds=1"),
    *("final.finalists=1", "final.seeds=1"),
    *("space.max_layers=1", "space.width=[8]", "federation.nodes=1", "federation.min_nodes=1"),
)


@pytest.mark.thorough
@pytest.mark.simulation
def test_a_simulation_asks_no_proxy(search, tmp_path, monkeypatch):
    for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy"):
        monkeypatch.setenv(name, f"http://{ANY_PORT}")
    monkeypatch.setenv("ALL_PROXY", f"socks5://{ANY_PORT}")
    monkeypatch.setenv("NO_PROXY", "[::1],fd00::/8")
    run = search(tmp_path / "run", "search.trials=2")
    assert run.process.returncode == 0, run.output
    assert run.events[-1]["status"] == "finished"
    assert "Traceback" not in (run.folder / "flower.log").read_text()


@pytest.mark.thorough
@pytest.mark.deployment
def test_a_node_behind_a_proxy_works_with_the_exceptions_of_its_environment_file(tmp_path):
    """The command has no such exceptions and needs none."""
    proxies = {"HTTPS_PROXY": f"http://{ANY_PORT}", "HTTP_PROXY": f"http://{ANY_PORT}"}
    exceptions = dict(re.findall(r"^(NO_PROXY|no_proxy)=(.+)$", (CONF / "deployment" / "node.env").read_text(), re.M))
    with Federation(tmp_path, environment=proxies | exceptions) as federation:
        federation.node("kitchen", partition_id=0, num_partitions=1)
        federation.environment = proxies
        run = federation.search(*SMALL)
        assert run.process.returncode == 0, run.output
