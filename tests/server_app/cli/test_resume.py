"""``flwr-nas search --resume``: what it reads, refuses, and hands to the launcher."""

from __future__ import annotations

import json
import os
import shlex
from dataclasses import replace
from pathlib import Path

import pytest

from common.config import compose_config, from_json
from common.errors import ConfigError, StorageError
from server_app.cli import main
from server_app.cli.resume import resume, resumption
from server_app.journal import START
from server_app.launcher.folder import kept
from server_app.state import write_state


@pytest.fixture
def launched(monkeypatch):
    """What the launcher was asked for."""
    calls = []

    def launch(run_config, federation, run_dir, rehearse=lambda: None, **rest):
        rehearse()
        calls.append({"run_config": run_config, "federation": federation, "run_dir": run_dir, **rest})
        return 0

    monkeypatch.setattr("server_app.launcher.launch", launch)
    return calls


def unfinished(folder, *overrides):
    """Make the folder of a run that did not finish; return its configuration."""
    config = compose_config(overrides)
    folder.mkdir()
    (folder / "config.yaml").write_text(config.to_yaml())
    (folder / "journal.jsonl").write_text('{"event": "start"}\n')
    return config


# ---------------------------------------------------------------- the command line


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([], None),
        (["controller=random", "-m"], None),
        (["run.name=--resume"], None),
        (["--resume", "runs/a", "--help"], None),
        (["-h", "--resume"], None),
        (["--resume", "runs/a"], ("runs/a", [])),
        (["--resume=runs/a b"], ("runs/a b", [])),
        (["f.a=3", "--resume", "runs/a", "f=b"], ("runs/a", ["f.a=3", "f=b"])),
        (["a=1", "--resume=b", "c=2"], ("b", ["a=1", "c=2"])),
    ],
)
def test_the_folder_and_the_overrides_are_told_apart(arguments, expected):
    assert resumption(arguments) == expected


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--resume"], r"--resume needs the folder of a run after it\. Usage: flwr-nas search --resume RUN_DIR"),
        (["--resume="], r"--resume needs the folder of a run after it\. Usage"),
        (["a=1", "--resume", "-m"], r"--resume needs the folder of a run after it, got '-m'\. Usage"),
        (["--resume", "a", "-m"], "goes on with one run.*got '-m'"),
        (["--cfg", "job", "--resume=a"], "got '--cfg'"),
        (["--resume=a", "--resume=b"], "got '--resume=b'"),
    ],
)
def test_what_makes_no_sense_is_one_sentence(arguments, words):
    with pytest.raises(ConfigError, match=words):
        resumption(arguments)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--resume", "nowhere"], ["config.yaml", "nowhere", "federation=deployment"]),
        (["--resume"], ["--resume needs the folder"]),
        (["--resume", "run", "-m"], ["'-m'"]),
        (["--resume", "run", "seed=4"], ["seed=0", "'seed=4'"]),
        (["--resume", "run", "federation.deadline=soon"], ["federation.deadline", "'soon'"]),
    ],
)
def test_the_command_says_what_is_wrong_and_starts_nothing(capsys, tmp_path, monkeypatch, launched, arguments, words):
    monkeypatch.chdir(tmp_path)
    unfinished(tmp_path / "run")
    assert main(["search", *arguments]) == 1
    out, err = capsys.readouterr()
    assert (out, err.count("\n"), launched) == ("", 1, [])
    assert all(word in err for word in ("flwr-nas: ", *words))


# ---------------------------------------------------------------- a folder that is here


@pytest.mark.parametrize("arguments", [["--resume", "nowhere", "--help"], ["-h", "--resume"], ["--help"]])
def test_help_is_help_beside_a_folder_too(monkeypatch, launched, arguments):
    asked = []
    monkeypatch.setattr("common.config.run_hydra", lambda _, words: asked.append(words))
    assert main(["search", *arguments]) == 0
    assert (asked, launched) == ([["--help"]], [])


def test_a_run_that_starts_is_not_one_without_a_configuration(tmp_path, launched):
    """Another command keeps the folder, where Flower starts and nothing of the run is there yet."""
    (tmp_path / "flower.log").touch()
    with kept(tmp_path), pytest.raises(StorageError, match=r"under way in this folder.*to go on with it\.$"):
        resume(str(tmp_path), [], 1.0)
    assert launched == []


def test_a_configuration_that_was_changed_by_hand_is_named_with_its_file(tmp_path, launched):
    config = unfinished(tmp_path / "run")
    write_state(tmp_path / "run", {}, START, config)
    (tmp_path / "run" / "config.yaml").write_text(compose_config(["seed=4"]).to_yaml())
    with pytest.raises(ConfigError, match=r"with seed=0, got 'seed=4' \(in .*config\.yaml\)\. Write there again"):
        resume(str(tmp_path / "run"), [], 1.0)
    assert launched == []


def test_a_simulation_goes_on_in_its_folder_with_its_configuration(tmp_path, monkeypatch, launched):
    monkeypatch.chdir(tmp_path)
    config = unfinished(tmp_path / "run", "seed=7", "run.dir=elsewhere", "federation.nodes=3")
    assert resume("run", ["federation.deadline=30", "federation=simulation"], 12.5) == 0
    (call,) = launched
    expected = replace(
        config,
        federation=replace(config.federation, deadline=30.0),
        run=replace(config.run, dir=str(tmp_path / "run"), resume=True, launcher_pid=os.getpid(), started_at=12.5),
    )
    assert from_json(call["run_config"]["config"]) == expected
    assert (call["run_dir"], call["resumed_at"]) == (tmp_path / "run", 12.5)
    assert call["federation"] == expected.federation


def test_home_is_understood(tmp_path, monkeypatch, launched):
    monkeypatch.setenv("HOME", str(tmp_path))
    unfinished(tmp_path / "run", "federation.nodes=3")
    assert resume("~/run", [], 1.0) == 0
    assert launched[0]["run_dir"] == tmp_path / "run"


def test_a_deployment_goes_on_where_its_serverapp_sees_it(tmp_path, launched):
    unfinished(tmp_path / "run", "federation=deployment", "run.dir=/app/runs/x")
    assert resume(str(tmp_path / "run"), ["federation=deployment", "federation.address=[::1]:1"], 2.0) == 0
    (call,) = launched
    sent = from_json(call["run_config"]["config"])
    assert (sent.run.dir, sent.run.launcher_pid, sent.run.resume) == ("/app/runs/x", 0, True)
    assert (call["run_dir"], call["federation"].address) == (tmp_path / "run", "[::1]:1")


def test_a_run_of_flwr_run_named_no_folder(tmp_path, launched):
    unfinished(tmp_path / "run", "federation=deployment")
    assert resume(str(tmp_path / "run"), [], 2.0) == 0
    assert from_json(launched[0]["run_config"]["config"]).run.dir == str(tmp_path / "run")


def test_a_run_that_has_finished_is_said(tmp_path, launched):
    unfinished(tmp_path / "run")
    (tmp_path / "run" / "journal.jsonl").write_text('{"event": "end", "status": "finished"}\n')
    with pytest.raises(StorageError, match=r"nothing to resume.*result\.json"):
        resume(str(tmp_path / "run"), [], 1.0)
    assert launched == []


@pytest.mark.parametrize(
    ("name", "content", "error", "words"),
    [
        ("state.json", "{", StorageError, "state that it wrote"),
        ("state.json", json.dumps({"format": 99}), StorageError, "states of format 9, got 99"),
        ("config.yaml", "{", ConfigError, "config.yaml must be YAML"),
        ("config.yaml", "seed: 1", ConfigError, "must be a group"),
        ("config.yaml", b"\xff", StorageError, "config.yaml of a run must be readable"),
    ],
)
def test_a_folder_that_was_tampered_with_is_said_at_once(tmp_path, launched, name, content, error, words):
    unfinished(tmp_path / "run")
    (tmp_path / "run" / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(error, match=words):
        resume(str(tmp_path / "run"), [], 1.0)
    assert launched == []


# ---------------------------------------------------------------- a folder that is on another machine


def test_a_folder_that_cannot_be_seen_is_left_to_the_serverapp(launched):
    assert resume("runs/far away", ["federation=deployment", "federation.deadline=9"], 2.5) == 0
    (call,) = launched
    words = shlex.split(call["run_config"]["overrides"])
    assert words == [
        "federation=deployment",
        "federation.deadline=9",
        "run.dir=runs/far away",
        "run.resume=true",
        "run.started_at=2.5",
    ]
    composed = compose_config(words)
    assert (composed.run.dir, composed.run.resume, composed.run.started_at) == ("runs/far away", True, 2.5)
    assert call["federation"] == composed.federation
    assert (call["run_dir"], call["resumed_at"]) == (Path("runs/far away"), 2.5)
