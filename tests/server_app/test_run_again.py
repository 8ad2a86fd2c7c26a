"""A run that ended before its time goes on in its folder; nodes in this process, a real run folder."""

from __future__ import annotations

import json
import math
import shlex
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from common.config import from_yaml
from common.errors import ConfigError, StorageError
from common.models.builder import flat_state
from common.models.export import load_model
from server_app import run as running
from server_app.blobs import Blobs
from server_app.journal import Journal
from server_app.lock import RunLock
from server_app.run import read_config, run
from server_app.run_folder import ask_to_stop
from server_app.state import read_state

COMPLETE = {"config.yaml", "journal.jsonl", "history.json", "result.json", "best/spec.json", "best/model.safetensors"}


class Killed(BaseException):
    """As SIGKILL: nothing is written after it."""


@pytest.fixture(autouse=True)
def saved_each_time(monkeypatch):
    """Save whatever time it takes, so that what is lost does not depend on the clock."""
    monkeypatch.setattr(running, "_SHARE", math.inf)


@pytest.fixture
def config(configure, tmp_path):
    return configure(
        aggregation={"name": "fedadam"},
        federation={"nodes": 3},
        search={"trials": 3, "concurrency": 2},
        run={"dir": str(tmp_path / "run"), "name": "tiny", "started_at": 1.0},
    )


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "run"


@pytest.fixture
def go(make_grid, config):
    """Run, with changes to its ``run`` section, on three people."""

    def go(config=config, people="abc", **changes):
        grid = make_grid()
        grid.people(people)
        run(grid, {"config": replace(config, run=replace(config.run, **changes)).to_json()})

    return go


@pytest.fixture
def kill(monkeypatch, go):
    """Run until a number of events were written, and leave what a killed process leaves."""

    def kill(events, **changes):
        write, forget, written = Journal.write, running._close, 0

        def write_and_die(self, event, **fields):
            nonlocal written
            write(self, event, **fields)
            written += 1
            if written == events:
                raise Killed

        with monkeypatch.context() as patch:
            patch.setattr(Journal, "write", write_and_die)
            patch.setattr(running, "_close", lambda *_: None)
            with pytest.raises(Killed):
                go(**changes)
        assert running._close is forget

    return kill


def files(folder):
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def events(folder):
    return [json.loads(line) for line in (folder / "journal.jsonl").read_text().splitlines()]


def story(folder):
    """What happened, but for the clock, and for what says that a run went on."""
    told = [event for event in events(folder) if event["event"] not in ("anew", "resuming", "resumed", "node")]
    return [
        {key: value for key, value in event.items() if key not in ("time", "n", "started_at", "folder")}
        for event in told
    ]


def model(folder):
    return flat_state(load_model(folder / "best")).numpy()


def test_a_finished_run_holds_what_it_always_did(go, folder):
    go()
    assert files(folder) == COMPLETE
    assert {path.name for path in folder.iterdir() if path.is_dir()} == {"best"}


@pytest.mark.parametrize("number", [1, 4, 9, 14, 19, 24])
def test_killed_and_resumed_equals_never_interrupted(go, kill, folder, tmp_path, number):
    go(dir=str(tmp_path / "whole"))
    kill(number)
    assert "result.json" not in files(folder)
    go(resume=True, started_at=2.0)
    assert story(folder) == story(tmp_path / "whole")
    assert [event["n"] for event in events(folder)] == list(range(len(events(folder))))
    np.testing.assert_array_equal(model(folder), model(tmp_path / "whole"))
    assert json.loads((folder / "history.json").read_text()) == json.loads(
        (tmp_path / "whole" / "history.json").read_text()
    )
    assert files(folder) == COMPLETE


def test_a_run_that_was_killed_before_its_first_line_begins(go, folder, config):
    folder.mkdir()
    (folder / "config.yaml").write_text(config.to_yaml())
    go(resume=True)
    assert events(folder)[0]["event"] == "start"
    assert files(folder) == COMPLETE


def test_a_run_that_was_asked_to_stop_goes_on(go, folder, monkeypatch):
    build = running.build_strategy

    def stopping(config, journal, stop, *, save, **rest):
        def save_and_ask(state_of):
            save(state_of)
            ask_to_stop(folder)

        return build(config, journal, stop, save=save_and_ask, **rest)

    with monkeypatch.context() as patch:
        patch.setattr(running, "build_strategy", stopping)
        go()
    assert events(folder)[-1].items() >= {"event": "end", "status": "stopped"}.items()
    assert {"state.json", "result.json"} <= files(folder)
    assert "lock" not in files(folder)
    go(resume=True, started_at=2.0)
    assert [event["status"] for event in events(folder) if event["event"] == "end"] == ["finished"]
    assert files(folder) == COMPLETE


def test_a_run_is_saved_as_often_as_takes_four_hundredths_of_its_time(folder, config, monkeypatch):
    monkeypatch.setattr(running, "_SHARE", 0.04)
    clock, asked = [0.0], []
    monkeypatch.setattr(running.time, "monotonic", lambda: clock[0])

    def state():
        asked.append(clock[0])
        clock[0] += 2.0  # what a save takes
        return {}

    with Journal(folder / "journal.jsonl") as journal:
        save = running.saver(folder, config, journal, Blobs(folder / "weights"))
        while clock[0] < 150:
            save(state)
            clock[0] += 1.0
    # two seconds of every 2 / 0.04 = 50, after the two of the save themselves
    assert asked == [0.0, 52.0, 104.0]


def test_every_save_leaves_the_arrays_that_it_names_and_no_others(go, folder, monkeypatch):
    seen, saver = [], running.saver

    def watching(path, *rest):
        save = saver(path, *rest)

        def save_and_look(state_of):
            save(state_of)
            saved = json.loads((path / "state.json").read_text())
            assert saved["journal"]["bytes"] == (path / "journal.jsonl").stat().st_size
            assert saved["state"] == json.loads(json.dumps(state_of()))
            named = running.keys_in(saved["state"])
            assert {file.stem for file in (path / "weights").glob("*")} == named
            seen.append(len(named))

        return save_and_look

    monkeypatch.setattr(running, "saver", watching)
    go()
    assert len(seen) > 2
    assert max(seen) > 0


def test_what_was_left_half_written_is_swept(go, kill, folder):
    kill(9)
    (folder / "weights").mkdir(exist_ok=True)
    (folder / "weights" / "half.part").touch()
    (folder / "weights" / "f00.npy").touch()
    kill(3, resume=True)
    assert not {"weights/half.part", "weights/f00.npy"} & files(folder)


def test_it_says_from_where_it_goes_on_and_what_has_changed(go, kill, folder, config):
    kill(16)
    saved = json.loads((folder / "state.json").read_text())
    (folder / "state.json").write_text(json.dumps(saved | {"code": saved["code"] | {"digest": "f00"}}))
    federation = replace(config.federation, deadline=77.0)
    go(replace(config, federation=federation), resume=True, started_at=2.0)
    (event,) = [event for event in events(folder) if event["event"] == "resuming"]
    assert (event["n"], event["line"], event["started_at"]) == (saved["journal"]["line"],) * 2 + (2.0,)
    options, code = event["changes"]
    assert options.startswith("The run goes on with other options: federation.deadline is 77.0 (was ")
    assert code.startswith("The code has changed since the run was saved")
    kept = from_yaml((folder / "config.yaml").read_text())
    assert (kept.federation.deadline, kept.run.resume) == (77.0, False)


def test_another_configuration_is_refused_and_nothing_is_touched(go, kill, folder, config):
    kill(9)
    before = {name: (folder / name).read_bytes() for name in files(folder)}
    with pytest.raises(ConfigError, match=r"with seed=0, got 'seed=1'\. Leave out seed"):
        go(replace(config, seed=1), resume=True)
    assert {name: (folder / name).read_bytes() for name in files(folder)} == before


def test_a_run_that_has_finished_is_not_resumed(go, folder):
    go()
    before = (folder / "journal.jsonl").read_bytes()
    with pytest.raises(StorageError, match=r"nothing to resume.*result\.json"):
        go(resume=True)
    assert (folder / "journal.jsonl").read_bytes() == before


def test_where_there_is_no_run_none_is_resumed(go, folder):
    with pytest.raises(StorageError, match=r"config\.yaml"):
        go(resume=True)
    assert not folder.exists()


def test_the_same_command_again_says_how_to_go_on(go, kill, folder):
    kill(9)
    with pytest.raises(StorageError, match=r"has not finished.*flwr-nas search --resume .*, or set another run\.dir"):
        go()


def test_a_folder_to_which_another_run_writes_is_not_touched(go, kill, folder):
    kill(9)
    with RunLock(folder), pytest.raises(StorageError, match="One run at a time"):
        go(resume=True)
    (folder / "journal.jsonl").unlink()
    with RunLock(folder), pytest.raises(StorageError, match="One run at a time"):
        go()


@pytest.mark.parametrize("content", ["{", json.dumps({"format": 99})])
def test_a_state_that_cannot_be_read_leaves_the_journal_alone(go, kill, folder, content):
    kill(9)
    before = (folder / "journal.jsonl").read_bytes()
    (folder / "state.json").write_text(content)
    with pytest.raises(StorageError, match=r"state that it wrote|states of format 9"):
        go(resume=True)
    assert (folder / "journal.jsonl").read_bytes() == before


def test_a_disk_that_is_full_does_not_end_the_search(go, folder, monkeypatch):
    """The state cannot be written for a while: said once, and again after it went well in between."""
    write, calls = running.write_state, []

    def full(*arguments):
        calls.append(len(calls))
        if calls[-1] in (1, 2, 4):
            raise StorageError("The disk is full")
        write(*arguments)

    monkeypatch.setattr(running, "write_state", full)
    go()
    lost = [event["reason"] for event in events(folder) if event["event"] == "state_lost"]
    assert lost == ["The disk is full."] * 2
    assert len(calls) > 5
    assert events(folder)[-1]["status"] == "finished"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_run_whose_journal_was_lost_goes_on_from_where_that_still_was(folder, config):
    with Journal(folder / "journal.jsonl") as journal:
        save = running.saver(folder, config, journal, blobs := Blobs(folder / "weights"))
        journal.write("start")
        early = {"weights": {"array": blobs.put(np.full(3, 1.0))}}
        save(lambda: early)
        journal._file.close()
        journal._file = Path("/dev/full").open("wb")  # noqa: SIM115, the journal closes it
        journal.write("proposed")
        later = {"weights": {"array": blobs.put(np.full(3, 2.0))}}
        save(lambda: later)
    saved = read_state(folder)
    assert (saved.state, saved.journal["line"]) == (early, 1)
    assert {file.stem for file in (folder / "weights").iterdir()} == running.keys_in(early) | running.keys_in(later)


def test_what_a_full_disk_keeps_in_memory_is_what_is_needed(folder, config, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    heard = []
    with Journal(folder / "journal.jsonl", heard.append) as journal:
        save = running.saver(folder, config, journal, blobs := Blobs(folder / "weights"))
        kept = {"weights": {"array": blobs.put(np.zeros(3))}}
        save(lambda: kept)
        monkeypatch.setattr("pathlib.Path.write_bytes", full)
        keys = []
        for value in (1.0, 2.0):
            keys.append(blobs.put(np.full(3, value)))
            save(lambda: {"weights": {"array": keys[-1]}})
        assert blobs.get(keys[1]).tolist() == [2, 2, 2]
        with pytest.raises(StorageError):
            blobs.get(keys[0])
    assert read_state(folder).state == kept
    assert {file.stem for file in (folder / "weights").iterdir()} == running.keys_in(kept)
    assert [event["event"] for event in heard] == ["state_lost"]


def test_a_configuration_that_people_wrote_in_is_not_gone_on_with(go, kill, folder):
    kill(14)
    path = folder / "config.yaml"
    path.write_text(path.read_text().replace("seed: 0", "seed: 4"))
    before = (folder / "journal.jsonl").read_bytes()
    edited = from_yaml(path.read_text())
    with pytest.raises(ConfigError, match=r"with seed=0, got 'seed=4'.*Leave out seed"):
        go(edited, resume=True)
    assert (folder / "journal.jsonl").read_bytes() == before


def test_of_two_runs_that_looked_at_the_same_time_the_second_leaves_the_firsts_folder_alone(go, folder, monkeypatch):
    looked = running._free

    def finish_first(*arguments):
        told = looked(*arguments)
        monkeypatch.setattr(running, "_free", looked)
        go(name="first")
        return told

    monkeypatch.setattr(running, "_free", finish_first)
    with pytest.raises(StorageError, match="folder of its own"):
        go(name="second")
    assert from_yaml((folder / "config.yaml").read_text()).run.name == "first"
    assert files(folder) == COMPLETE


# ---------------------------------------------------------------- as after `flwr run`


def test_overrides_alone_resume_with_the_configuration_that_is_there(make_grid, kill, folder, config):
    kill(9)
    words = ["run.resume=true", f"run.dir={folder}", "run.started_at=3.5", "federation.patience=7"]
    found = read_config({"overrides": shlex.join(words)})
    expected = replace(
        config,
        run=replace(config.run, resume=True, started_at=3.5),
        federation=replace(config.federation, patience=7.0),
    )
    assert found == expected
    grid = make_grid()
    grid.people("abc")
    run(grid, {"overrides": shlex.join([*words, f"federation={config.federation.name}"])})
    assert events(folder)[-1]["status"] == "finished"


def test_overrides_that_name_no_folder_or_another_search_are_refused(kill, folder):
    kill(9)
    with pytest.raises(ConfigError, match=r"run\.resume needs the folder"):
        read_config({"overrides": "run.resume=true"})
    with pytest.raises(ConfigError, match=r"with seed=0, got 'seed=3'"):
        read_config({"overrides": f"run.resume=true run.dir={folder} seed=3"})
    with pytest.raises(ConfigError, match=r"with federation=simulation, got 'federation=deployment'"):
        read_config({"overrides": f"run.resume=true run.dir={folder}"}, "deployment")


def test_the_clock_of_a_run_stands_still_while_it_is_not_there(kill, go, folder, monkeypatch):
    kill(16)
    last = json.loads((folder / "state.json").read_text())["journal"]["time"]
    monotonic = time.monotonic
    monkeypatch.setattr("server_app.journal.time.monotonic", lambda: monotonic() + 1e6)
    go(resume=True)
    (event,) = [event for event in events(folder) if event["event"] == "resuming"]
    assert last <= event["time"] < 1e5
