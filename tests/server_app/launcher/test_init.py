"""The command from its run folder to its exit code, without the processes of Flower."""

import pytest

from common.config import compose_config
from common.errors import ConfigError, FederationError
from server_app.launcher import launch
from server_app.launcher.follow import Ending, ResumedTail, Tail
from server_app.launcher.interrupts import Interrupted
from tests.server_app.report.conftest import Written

FEDERATION = compose_config().federation


def unfinished(folder):
    (folder / "config.yaml").write_text(compose_config().to_yaml())
    (folder / "journal.jsonl").write_text('{"event": "start"}\n')


def finished(folder):
    unfinished(folder)
    (folder / "journal.jsonl").write_text('{"event": "end", "status": "finished"}\n')


def damaged(folder):
    unfinished(folder)
    (folder / "state.json").write_text("{")


def nothing(folder):
    (folder / "flower.log").touch()


@pytest.fixture
def simulated(monkeypatch):
    """Say how a simulation ends, and what it leaves; returns what it was called with."""
    calls = []

    def ends(ending, leave=nothing):
        def simulate(run_config, federation, tail, run_dir, interrupts, rehearse, telling):
            calls.append((run_config, tail, run_dir))
            leave(run_dir)
            if isinstance(ending, Exception):
                raise ending
            return Ending(ending, "why")

        monkeypatch.setattr("server_app.launcher.simulation.simulate", simulate)
        return calls

    return ends


@pytest.mark.parametrize(
    ("ending", "leave", "code", "hint"),
    [
        ("stopped", unfinished, 130, True),
        (Interrupted(), unfinished, 130, True),
        ("failed", unfinished, 1, True),
        (FederationError("Flower's simulation process must live"), unfinished, 1, True),
        (ConfigError("An option must fit"), unfinished, 1, False),  # it comes again
        ("failed", damaged, 1, False),
        ("stopped", nothing, 130, False),  # there is nothing to go on with
        (FederationError("The SuperLink must answer"), nothing, 1, False),
        ("finished", finished, 0, False),
    ],
)
def test_a_run_that_can_go_on_says_how(tmp_path, capsys, simulated, ending, leave, code, hint):
    folder = tmp_path / "my run"
    simulated(ending, leave)
    assert launch({"config": "{}"}, FEDERATION, folder) == code
    out = capsys.readouterr().out
    assert f"Run folder: {folder}\n" in out
    assert (f"To go on: flwr-nas search --resume '{folder}'\n" in out) is hint


@pytest.mark.parametrize(("ending", "said"), [("stopped", True), ("failed", True), ("finished", False)])
def test_the_model_that_a_run_keeps_is_named_above_its_folder(tmp_path, capsys, simulated, monkeypatch, ending, said):
    monkeypatch.setattr("server_app.reporting.model.kept_model", lambda folder: f"The best is in {folder}")
    simulated(ending, finished if ending == "finished" else unfinished)
    launch({"config": "{}"}, FEDERATION, tmp_path)
    lines = capsys.readouterr().out.splitlines()
    assert (f"The best is in {tmp_path}" in lines) is said
    assert lines[int(said)] == f"Run folder: {tmp_path}"


def test_another_command_may_go_on_with_it(tmp_path, capsys, simulated):
    simulated("stopped", unfinished)
    launch({"config": "{}"}, FEDERATION, tmp_path / "run", again="flwr-nas compare runs/x")
    assert capsys.readouterr().out.endswith("\nTo go on: flwr-nas compare runs/x\n")


def test_where_nobody_reads_the_output_the_way_to_go_on_is_an_error(tmp_path, capsys, monkeypatch):
    def simulate(run_config, federation, tail, run_dir, interrupts, rehearse, telling):
        unfinished(run_dir)
        interrupts.stop_unread()
        return Ending("stopped", "The run was asked to stop.")

    monkeypatch.setattr("server_app.launcher.simulation.simulate", simulate)
    assert launch({"config": "{}"}, FEDERATION, tmp_path / "run") == 130
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines() == [
        "flwr-nas: Nobody reads the output any more, so the run was stopped.",
        f"Run folder: {tmp_path / 'run'}",
        f"To go on: flwr-nas search --resume {tmp_path / 'run'}",
    ]


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


def test_the_report_is_written_once_a_run_has_ended_and_stands_above_its_folder(tmp_path, capsys, simulated):
    def leave(folder):
        Written().begin("a").proposed(0).scored("trial-0000", 1, 0.5, 1).best("trial-0000", 1, 0.5).folder(folder)

    simulated("stopped", leave)
    launch({"config": "{}"}, FEDERATION, tmp_path / "run")
    lines = capsys.readouterr().out.splitlines()
    assert lines[:2] == [f"Report: {tmp_path / 'run' / 'report.html'}", f"Run folder: {tmp_path / 'run'}"]
    assert (tmp_path / "run" / "report.html").is_file()


def test_a_report_that_cannot_be_written_changes_nothing_about_the_run(tmp_path, capsys, simulated):
    def leave(folder):
        (folder / "journal.jsonl").write_text('{"event": "start"}\n{"event": "end", "status": "finished"}\n')
        (folder / "result.json").write_text("{}")
        (folder / "report.html").mkdir()

    simulated("finished", leave)
    assert launch({"config": "{}"}, FEDERATION, tmp_path) == 0
    assert "There is no report" in capsys.readouterr().out
