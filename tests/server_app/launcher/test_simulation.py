import json
import os
import sys

import pytest

from common.config import compose_config
from server_app.launcher import simulation
from server_app.launcher.processes import members, start
from server_app.launcher.simulation import Simulation, slots


@pytest.mark.parametrize(
    ("nodes", "cpus_per_node", "cores", "expected"),
    [
        (10, 1.0, 2, 2),  # as many as there are cores
        (10, 0.5, 2, 4),  # two on each core
        (10, 2.0, 2, 1),
        (10, 2.0, 5, 2),  # no half node
        (3, 1.0, 64, 3),  # no worker without a node
        (10, 8.0, 2, 1),  # a node that wants more than there is gets all there is
    ],
)
def test_nodes_at_the_same_time(monkeypatch, nodes, cpus_per_node, cores, expected):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(cores)), raising=False)
    assert slots(nodes, cpus_per_node) == expected


def test_what_a_simulation_has_started_is_on_record_until_it_is_gone(tmp_path, monkeypatch):
    def start_something(_, env, log):
        return start([sys.executable, "-c", "input()"], env, log)

    monkeypatch.setattr(simulation, "start", start_something)
    record = tmp_path / "processes.json"
    (tmp_path / "flower.log").write_text("of the run before\n")
    with Simulation(compose_config().federation, tmp_path / "flower.log"):
        sessions = [entry["pid"] for entry in json.loads(record.read_text())["sessions"]]
        assert len(sessions) == len(set(sessions)) == 2
        assert {process.pid for process in members(sessions)} >= set(sessions)
    assert members(sessions) == []
    assert [path.name for path in tmp_path.iterdir()] == ["flower.log"]
    assert (tmp_path / "flower.log").read_text().startswith("of the run before\n")


def test_a_run_without_an_end_is_told_by_what_its_log_says_since_the_command(tmp_path):
    log = tmp_path / "flower.log"
    log.write_text("OSError: [Errno 28] No space left on device\n")
    assert "Free some space" in str(simulation.unclosed(log))
    assert "start it again" in str(simulation.unclosed(log, log.stat().st_size))
    assert str(tmp_path / "journal.jsonl") in str(simulation.unclosed(log))
