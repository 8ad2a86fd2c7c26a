"""What a resumed run makes of its folder: when it began, what it took in all, and what if its state is lost."""

from __future__ import annotations

import json
import math
import time

import pytest

from common.config import from_yaml
from common.errors import StorageError
from server_app import run as running
from server_app.journal import Journal
from server_app.run import run
from server_app.state import read_state, write_state

HOUR = 3600.0


class Killed(BaseException):
    """As SIGKILL: nothing is written after it."""


@pytest.fixture(autouse=True)
def saved_each_time(monkeypatch):
    monkeypatch.setattr(running, "_SHARE", math.inf)


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "run"


@pytest.fixture
def go(make_grid, configure, folder):
    def go(**changes):
        config = configure(search={"trials": 2, "concurrency": 2}, run={"dir": str(folder), "name": "tiny", **changes})
        grid = make_grid()
        grid.people("abc")
        run(grid, {"config": config.to_json()})

    return go


@pytest.fixture
def kill(monkeypatch, go):
    """Run until so many events of a kind were written, and leave what a killed process leaves."""

    def kill(kind, count=1, **changes):
        write, written = Journal.write, []

        def write_and_die(self, event, **fields):
            write(self, event, **fields)
            written.append(event)
            if written.count(kind) == count:
                raise Killed

        with monkeypatch.context() as patch:
            patch.setattr(Journal, "write", write_and_die)
            patch.setattr(running, "_close", lambda *_: None)
            with pytest.raises(Killed):
                go(**changes)

    return kill


def events(folder, kind=None):
    lines = [json.loads(line) for line in (folder / "journal.jsonl").read_text().splitlines()]
    assert [line["n"] for line in lines] == list(range(len(lines)))
    return [line for line in lines if kind in (None, line["event"])]


def result(folder):
    return json.loads((folder / "result.json").read_text())


def contents(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file() and path.name != "lock"}


# ---------------------------------------------------------------- when, and how long


def test_the_seconds_of_all_processes_add_up(go, kill, folder):
    """Three commands were called an hour, two and four before their processes began: seven in all."""
    kill("scored", 2, started_at=time.time() - HOUR)
    kill("final", resume=True, started_at=time.time() - 2 * HOUR)
    before = read_state(folder).state["seconds"]
    go(resume=True, started_at=time.time() - 4 * HOUR)
    after = result(folder)["seconds"]
    assert before["handshake"] > 0
    assert before["start_up"] >= HOUR
    assert 7 * HOUR <= after["start_up"] < 8 * HOUR
    assert after["search"] >= round(before["search"], 3) > 0


def test_a_run_without_a_command_begins_with_its_process(go, folder):
    go()
    assert 0 <= result(folder)["seconds"]["start_up"] < HOUR


def test_the_configuration_keeps_when_the_run_first_began(go, kill, folder):
    kill("scored", 2, started_at=1.0)
    kill("final", resume=True, started_at=2.0)
    assert read_state(folder).config.run.started_at == 1.0
    go(resume=True, started_at=3.0)
    kept = from_yaml((folder / "config.yaml").read_text()).run
    assert (kept.started_at, kept.resume) == (1.0, False)
    assert [event["started_at"] for event in events(folder, "start")] == [1.0]
    assert [event["started_at"] for event in events(folder, "resuming")] == [2.0, 3.0]


# ---------------------------------------------------------------- where there is no state


def test_a_run_that_was_killed_before_anything_was_saved_begins_anew_and_says_so(go, kill, folder):
    kill("round", started_at=1.0)
    assert not (folder / "state.json").exists()
    go(resume=True, started_at=2.0)
    assert [event["event"] for event in events(folder)][:2] == ["start", "anew"]
    assert events(folder, "start")[0]["started_at"] == 2.0  # by which the command knows its run
    assert from_yaml((folder / "config.yaml").read_text()).run.started_at == 1.0
    assert events(folder)[-1]["status"] == "finished"


def test_one_that_had_not_come_further_than_its_start_has_nothing_to_say(go, kill, folder):
    kill("node")
    go(resume=True)
    assert events(folder, "anew") == []
    assert events(folder)[-1]["status"] == "finished"


@pytest.mark.parametrize("moment", [("scored", 2), ("final", 1)])
def test_a_run_whose_state_is_gone_is_not_begun_over_its_journal(go, kill, folder, moment):
    kill(*moment)
    (folder / "state.json").rename(folder / "elsewhere")
    before = contents(folder)
    with pytest.raises(StorageError, match=r"there is none, got '.*state\.json'\. Put that file back, or begin"):
        go(resume=True)
    assert contents(folder) == before
    (folder / "elsewhere").rename(folder / "state.json")
    go(resume=True)
    assert events(folder)[-1]["status"] == "finished"


# ---------------------------------------------------------------- where the state is damaged, or of another kind


def test_a_state_that_was_changed_is_refused_before_anything_is_touched(go, kill, folder):
    kill("scored", 2)
    content = json.loads((folder / "state.json").read_text())
    content["state"]["search"]["active"][0]["number"] = 7
    (folder / "state.json").write_text(json.dumps(content))
    before = contents(folder)
    with pytest.raises(
        StorageError, match=r"its content has changed\), got '.*state\.json'\. Put that file back, or begin"
    ):
        go(resume=True)
    assert contents(folder) == before


def cut(*path):
    def damage(state):
        for name in path[:-1]:
            state = state[name]
        del state[path[-1]]

    return damage


def put(value, *path):
    def damage(state):
        for name in path[:-1]:
            state = state[name]
        state[path[-1]] = value

    return damage


@pytest.mark.parametrize(
    "damage",
    [
        dict.clear,
        cut("task"),
        cut("nodes"),
        cut("counts"),
        cut("seconds"),
        cut("search"),
        cut("final"),
        cut("search", "weights"),
        cut("search", "controller", "proposed"),
        cut("search", "trials", 0),
        cut("search", "trials", 0, "recipe"),
        cut("search", "active", 0, "turn"),
        put(7, "search", "active", 0, "number"),
        put([], "counts"),
        put(None, "search", "trials"),
    ],
)
def test_a_state_that_another_code_laid_out_is_said_in_one_sentence(go, kill, folder, damage):
    """It is whole, and does not hold what is read of it."""
    kill("scored", 1)
    saved = read_state(folder)
    damage(saved.state)
    write_state(folder, saved.state, saved.journal, saved.config)
    words = (
        r"^A run is resumed from the state that it wrote \(.*Error: .*\), got '.*state\.json'\. Put that file back, or "
    )
    with pytest.raises(StorageError, match=words) as raised:
        go(resume=True)
    assert events(folder)[-1].items() >= {"event": "end", "status": "failed", "message": str(raised.value)}.items()
