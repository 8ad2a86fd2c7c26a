"""The command from its run folder to its exit code, without the processes of Flower."""

import pytest

from common.config import compose_config
from server_app.launcher import launch
from server_app.launcher.follow import Ending, ResumedTail, Tail

FEDERATION = compose_config().federation


@pytest.fixture
def simulated(monkeypatch):
    """Say how a simulation ends, and what it leaves; returns what it was called with."""
    calls = []

    def ends(status, *names):
        def simulate(run_config, federation, tail, run_dir, interrupts, rehearse):
            calls.append((run_config, tail, run_dir))
            for name in names:
                (run_dir / name).touch()
            return Ending(status, "why")

        monkeypatch.setattr("server_app.launcher.simulation.simulate", simulate)
        return calls

    return ends


@pytest.mark.parametrize(
    ("status", "names", "code", "hint"),
    [
        ("stopped", ["state.json"], 130, True),
        ("failed", ["state.json"], 1, True),
        ("failed", ["flower.log"], 1, False),
        ("finished", ["flower.log"], 0, False),
    ],
)
def test_a_run_that_can_go_on_says_how(tmp_path, capsys, simulated, status, names, code, hint):
    folder = tmp_path / "my run"
    simulated(status, *names)
    assert launch({"config": "{}"}, FEDERATION, folder) == code
    out = capsys.readouterr().out
    assert f"Run folder: {folder}\n" in out
    assert (f"To go on: flwr-nas search --resume '{folder}'\n" in out) is hint


def test_a_new_run_and_one_that_goes_on_are_followed_differently(tmp_path, simulated):
    calls = simulated("finished")
    (tmp_path / "config.yaml").touch()
    launch({"config": "new"}, FEDERATION, tmp_path)
    (tmp_path / "journal.jsonl").touch()
    launch({"config": "old"}, FEDERATION, tmp_path, resumed_at=1.0)
    assert [(run_config["config"], type(tail)) for run_config, tail, _ in calls] == [
        ("new", Tail),
        ("old", ResumedTail),
    ]
