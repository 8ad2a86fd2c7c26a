"""``flwr-nas personalize RUN``, whose run happens in this process."""

from __future__ import annotations

import json

import pytest

from server_app.cli import main
from server_app.personal_run import run_personal
from server_app.run import run


@pytest.fixture
def finished(make_grid, configure, tmp_path):
    """A finished run whose nodes made no models of their own."""
    grid = make_grid()
    grid.people("ab")
    config = configure(federation={"nodes": 2}, run={"dir": str(tmp_path / "run")})
    run(grid, {"config": config.to_json()})
    return tmp_path / "run"


@pytest.fixture
def launched(make_grid, monkeypatch):
    """The folders in which something was run, by commands that run it here."""
    folders = []

    def launch(run_config, federation, folder, rehearse, *, again, telling):
        grid = make_grid()
        grid.people("ab")
        folder.mkdir()
        run_personal(grid, run_config)
        folders.append(folder)
        return 0

    monkeypatch.setattr("server_app.launcher.launch", launch)
    return folders


def found_in(folder):
    return json.loads((folder / "personalize" / "personal.json").read_text())["personal"]


def test_a_run_that_made_none_is_mixed_and_what_was_found_is_shown(finished, launched, capsys):
    before = {path: path.read_bytes() for path in finished.rglob("*") if path.is_file()}
    assert main(["personalize", str(finished)]) == 0
    assert launched == [finished / "personalize"]
    found = found_in(finished)
    assert (found["method"], found["epochs"], found["num_nodes"]) == ("mix", 10, 2)
    words = " ".join(capsys.readouterr().out.split())
    assert "The winner on 2 nodes, each for itself" in words
    assert "cost of the nodes' own models:" in words
    assert {path: path.read_bytes() for path in before} == before, "the run is not touched"


def test_it_does_as_it_is_told_in_place_of_what_lay_there(finished, launched):
    assert main(["personalize", str(finished), "--method", "head", "--epochs", "2", "--rate", "0.5"]) == 0
    assert main(["personalize", str(finished), "--method", "all", "--epochs", "1"]) == 0
    assert len(launched) == 2
    found = found_in(finished)
    assert (found["method"], found["epochs"], found["learning_rate"]) == ("all", 1, pytest.approx(0.3 * 0.03))


def test_where_there_is_no_winner_nothing_is_started(tmp_path, launched, capsys):
    assert main(["personalize", str(tmp_path)]) == 1
    assert "A run that has finished has its result.json" in capsys.readouterr().err
    assert launched == []


@pytest.mark.parametrize("number", ["0", "-1"])
def test_a_number_that_makes_no_sense_is_told(finished, launched, capsys, number):
    assert main(["personalize", str(finished), "--epochs", number]) == 1
    assert "personal.epochs must be 1 or more" in capsys.readouterr().err
    assert launched == []
