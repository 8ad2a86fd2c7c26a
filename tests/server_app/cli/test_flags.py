"""``--quiet`` and ``--json``, but for real searches, which `tests/integration/test_quiet.py` has."""

from __future__ import annotations

import json

import pytest

from server_app.cli import main
from server_app.cli.flags import document_of, telling_of, without_flags
from server_app.reporting.telling import Aloud, Machine, Quiet


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        (["search"], Aloud),
        (["search", "--quiet", "seed=1"], Quiet),
        (["search", "seed=1", "--json"], Machine),
        (["search", "--json", "--quiet"], Machine),
    ],
)
def test_the_flags_may_stand_anywhere(words, kind):
    assert type(telling_of(words)) is kind
    assert without_flags(words) == [word for word in words if not word.startswith("--")]


def test_a_document_says_how_a_run_ended_and_where_it_is(tmp_path):
    (tmp_path / "result.json").write_text('{"status": "stopped", "seed": 3}')
    assert document_of(tmp_path, 0, "result.json") == {"status": "finished", "seed": 3, "folder": str(tmp_path)}
    assert document_of(tmp_path, 130, "nothing.json") == {"status": "stopped", "folder": str(tmp_path)}
    assert document_of(tmp_path / "no", 1, "result.json") == {"status": "failed", "folder": None}


@pytest.mark.parametrize(
    "words",
    [
        ["search", "--json", "search.trials=0"],
        ["search", "--resume", "no-such-run", "--json"],
        ["proxies", "--json", "nonsense=1"],
        ["benchmark", "--json", "controller=random"],
        ["compare", "no-such-run", "--json"],
        ["show", "no-such-run", "--json"],
        ["pick", "no-such-run", "--json"],
        ["export", "no-such-run", "--to", "python", "--json"],
        ["predict", "no-such-run", "no-such-file", "--json"],
    ],
)
def test_what_is_wrong_is_an_error_and_a_document(tmp_path, monkeypatch, capsys, words):
    monkeypatch.chdir(tmp_path)
    assert main(words) == 1
    out, err = capsys.readouterr()
    found = json.loads(out)
    assert (found["status"], found["folder"]) == ("failed", None)
    assert f"flwr-nas: {found['message']}\n" == err
    assert list(tmp_path.iterdir()) == []


def test_in_a_sweep_it_is_one_of_a_list(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["search", "--json", "-m", "nonsense=1,2"]) == 1
    assert [one["status"] for one in json.loads(capsys.readouterr().out)] == ["failed"]


def test_help_is_no_document(capsys):
    with pytest.raises(SystemExit):
        main(["search", "--json", "--help"])
    assert capsys.readouterr().out.startswith("flwr-nas search")


def test_data_are_split_checked_and_seen_by_programs(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["data", "split", "digits", "--nodes", "2", "--out", "parts", "--quiet"]) == 0
    assert capsys.readouterr() == ("parts\n", "")
    assert main(["data", "check", "parts/node-1/data.npz", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["status"], found["fits"], found["problem"]) == ("finished", True, None)
    assert found["summary"]["train"] + found["summary"]["test"] > 0
    assert main(["data", "check", "parts/node-1/data.npz", "--classes", "3", "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert (found["status"], found["fits"]) == ("finished", False)
    assert found["problem"]
    assert main(["data", "check", "parts/node-1/data.npz", "--classes", "3", "--quiet"]) == 1
    assert capsys.readouterr() == ("", "")


def test_a_space_is_told_with_what_was_drawn_from_it(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["show", "space=layered", "dataset=digits", "--samples", "5", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["space"], found["legal"]) == ("layered", 5)
    assert all(one["parameters"] > 0 and one["spec"] for one in found["drawn"])
