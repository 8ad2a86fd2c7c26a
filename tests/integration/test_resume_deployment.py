"""The SuperLink of a deployment dies in a search, is started again, and the search goes on."""

from __future__ import annotations

import os
import signal

import pytest

from tests.integration.test_deployment import NODES, SETTINGS, save_data
from tests.support.federation import Federation

pytestmark = [pytest.mark.deployment, pytest.mark.thorough]


def test_a_search_whose_superlink_was_killed_is_resumed_and_finishes(tmp_path):
    with Federation(tmp_path / "federation", durable=True) as federation:
        for number, name in enumerate(NODES):
            save_data(tmp_path / f"{name}.npz", number)
            federation.node(name, data=str(tmp_path / f"{name}.npz"))
        superlink = federation.process
        run = federation.start_search(*SETTINGS, "fidelity.max_rounds=3", "federation.patience=120")
        run.wait_for("round", 2)
        os.kill(superlink.pid, signal.SIGKILL)
        superlink.wait(10)
        run.process.kill()
        run.process.wait(10)
        rounds = len(run.kinds("round"))
        assert rounds < 2 * 3

        federation.start_superlink()
        resumed = federation.resume(run)
        assert resumed.ended() == 0, resumed.output
        assert "Traceback" not in resumed.output
        assert [event["n"] for event in run.events] == list(range(len(run.events)))
        assert sorted((event["trial"], event["round"]) for event in run.kinds("round")) == sorted(
            [(f"trial-000{trial}", number) for trial in range(2) for number in range(1, 4)]
            + [(f"final-000{trial}", 1) for trial in range(4)]
        )
        assert run.kinds("resumed")[0]["missing"] == run.kinds("resumed")[0]["new"] == []
        assert run.result["winner"]["test"]["nodes"] == 2
