import os

import pytest

from server_app.launcher import simulation
from server_app.launcher.simulation import slots


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


def test_cores_where_the_system_cannot_say_which(monkeypatch):
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 7)
    assert simulation.slots(100, 1.0) == 7
