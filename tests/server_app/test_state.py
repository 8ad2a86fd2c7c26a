"""state.json, there and back, and what is refused."""

from __future__ import annotations

import json
import math

import pytest

from common import __version__
from common.config import compose_config
from common.digest import code_digest
from common.errors import StorageError
from server_app.journal import START
from server_app.state import PACKAGES, SavedState, read_state, this_code, write_state

CONFIG = compose_config(["controller=random", "seed=3"])
POSITION = {"line": 3, "bytes": 120, "time": 1.5}


def test_a_state_comes_back(tmp_path):
    state = {"stages": [{"trial": 1, "score": 0.1 + 0.2}], "weights": {"array": "f00"}, "best": math.inf}
    write_state(tmp_path, {"earlier": 1}, START, CONFIG)
    write_state(tmp_path, state, POSITION, CONFIG)
    assert read_state(tmp_path) == SavedState(this_code(), CONFIG, POSITION, state)
    assert [path.name for path in tmp_path.iterdir()] == ["state.json"]


def test_a_run_without_a_state_has_none(tmp_path):
    assert read_state(tmp_path) is None


def test_the_name_is_on_the_disk_before_anything_else_is_deleted(tmp_path, monkeypatch):
    synced = []
    monkeypatch.setattr("server_app.state.sync", lambda path: synced.append([path, sorted(path.iterdir())]))
    write_state(tmp_path, {}, START, CONFIG)
    assert synced == [[tmp_path, [tmp_path / "state.json"]]]


def test_a_state_that_cannot_be_written_leaves_the_earlier_one(tmp_path):
    write_state(tmp_path, {"a": 1}, START, CONFIG)
    (tmp_path / "state.json.part").mkdir()
    with pytest.raises(StorageError, match=r"state\.json"):
        write_state(tmp_path, {"a": 2}, START, CONFIG)
    assert read_state(tmp_path).state == {"a": 1}


def change(path, **changes):
    content = json.loads(path.read_text()) | changes
    path.write_text(json.dumps({name: value for name, value in content.items() if value is not None}))


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"format": None}, "it says no format"),
        ({"format": "1"}, "it says no format"),
        ({"code": None}, "code is missing"),
        ({"code": {"digest": 3, "versions": {}}}, "code is missing or no such thing"),
        ({"code": {"digest": "f00", "versions": [1]}}, "code is missing or no such thing"),
        ({"code": {"digest": "f00", "versions": {"torch": 2}}}, "code is missing or no such thing"),
        ({"code": {"digest": "f00", "versions": {}, "more": 1}}, "code is missing or no such thing"),
        ({"config": "seed: 3"}, "config is missing or no such thing"),
        ({"journal": []}, "journal is missing"),
        ({"journal": {"line": 1, "bytes": 2}}, "journal is missing"),
        ({"journal": {"line": -1, "bytes": 2, "time": 0.0}}, "journal is missing"),
        ({"journal": {"line": 1, "bytes": 2, "time": "now"}}, "journal is missing"),
        ({"state": 7}, "state is missing"),
    ],
)
def test_a_state_that_was_not_written_by_us_is_said(tmp_path, changes, why):
    write_state(tmp_path, {}, POSITION, CONFIG)
    change(tmp_path / "state.json", **changes)
    with pytest.raises(StorageError, match=rf"state that it wrote \({why}.*state\.json.*begin the run anew"):
        read_state(tmp_path)


STATE = {
    "turn": 3,
    "trials": [{"number": 0, "scores": [0.1 + 0.2, math.inf]}, {"number": 1}],
    "weights": {},
    "\u00fc": -0.0,
}


def damages(value):
    """Yield copies of a JSON value without one of its parts, or with another in its place."""
    items = list(value.items()) if isinstance(value, dict) else list(enumerate(value))
    for place, part in items:
        yield type(value)(item if isinstance(value, dict) else item[1] for item in items if item[0] != place)
        others = damages(part) if isinstance(part, (dict, list)) else ["x", None, 7]
        for other in others:
            changed = value.copy()
            changed[place] = other
            yield changed


def test_no_part_of_a_state_can_be_taken_away_or_changed(tmp_path):
    write_state(tmp_path, STATE, POSITION, CONFIG)
    assert read_state(tmp_path).state == STATE
    changed = list(damages(STATE))
    assert len(changed) > 20
    for state in [{}, *changed]:
        change(tmp_path / "state.json", state=state)
        with pytest.raises(StorageError, match=r"its content has changed.*state\.json.*begin the run anew"):
            read_state(tmp_path)


def test_a_state_that_was_laid_out_by_hand_is_whole_if_its_numbers_are(tmp_path):
    """A backup, say, that a tool indented."""
    write_state(tmp_path, STATE, POSITION, CONFIG)
    path = tmp_path / "state.json"
    path.write_text(json.dumps(json.loads(path.read_text()), indent=2))
    assert read_state(tmp_path).state == STATE


@pytest.mark.parametrize("content", [b"", b'{"format": 1', b"[]", b"\xff"])
def test_a_file_that_is_no_json_object_is_said(tmp_path, content):
    (tmp_path / "state.json").write_bytes(content)
    with pytest.raises(StorageError, match=r"state that it wrote \(.*state\.json"):
        read_state(tmp_path)


def test_a_state_of_another_format_is_refused_with_the_version_that_reads_it(tmp_path):
    write_state(tmp_path, {}, POSITION, CONFIG)
    change(tmp_path / "state.json", format=10, code={"versions": {"flwr-nas": "9.1"}}, state=None)
    with pytest.raises(StorageError, match=r"states of format 9, got 10\. Resume .* with flwr-nas 9\.1, or begin"):
        read_state(tmp_path)


def test_another_format_may_say_nothing_of_what_wrote_it(tmp_path):
    (tmp_path / "state.json").write_text('{"format": 10}')
    with pytest.raises(StorageError, match="with the flwr-nas that began it, or begin"):
        read_state(tmp_path)


def test_the_code_is_the_servers_too_and_what_it_runs_on():
    code = this_code()
    assert code.digest == code_digest("server_app") != code_digest()
    assert code.versions.keys() == {"flwr-nas", *PACKAGES}
    assert code.versions["flwr-nas"] == __version__
