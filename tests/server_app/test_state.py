"""state.json, there and back, and what is refused."""

from __future__ import annotations

import json
import math

import pytest

from common import __version__
from common.digest import code_digest
from common.errors import StorageError
from server_app.journal import START
from server_app.state import SavedState, read_state, write_state

POSITION = {"line": 3, "bytes": 120, "time": 1.5}


def test_a_state_comes_back(tmp_path):
    state = {"stages": [{"trial": 1, "score": 0.1 + 0.2}], "weights": {"array": "f00"}, "best": math.inf}
    write_state(tmp_path, {"earlier": 1}, START)
    write_state(tmp_path, state, POSITION)
    assert read_state(tmp_path) == SavedState(__version__, code_digest(), POSITION, state)
    assert [path.name for path in tmp_path.iterdir()] == ["state.json"]


def test_a_run_without_a_state_has_none(tmp_path):
    assert read_state(tmp_path) is None


def test_the_name_is_on_the_disk_before_anything_else_is_deleted(tmp_path, monkeypatch):
    synced = []
    monkeypatch.setattr("server_app.state.sync", lambda path: synced.append([path, sorted(path.iterdir())]))
    write_state(tmp_path, {}, START)
    assert synced == [[tmp_path, [tmp_path / "state.json"]]]


def test_a_state_that_cannot_be_written_leaves_the_earlier_one(tmp_path):
    write_state(tmp_path, {"a": 1}, START)
    (tmp_path / "state.json.part").mkdir()
    with pytest.raises(StorageError, match=r"state\.json"):
        write_state(tmp_path, {"a": 2}, START)
    assert read_state(tmp_path).state == {"a": 1}


def change(path, **changes):
    content = json.loads(path.read_text()) | changes
    path.write_text(json.dumps({name: value for name, value in content.items() if value is not None}))


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"format": None}, "it says no format"),
        ({"format": "1"}, "it says no format"),
        ({"version": None}, "version is missing"),
        ({"digest": 3}, "digest is missing or no such thing"),
        ({"journal": []}, "journal is missing"),
        ({"journal": {"line": 1, "bytes": 2}}, "journal is missing"),
        ({"journal": {"line": -1, "bytes": 2, "time": 0.0}}, "journal is missing"),
        ({"journal": {"line": 1, "bytes": 2, "time": "now"}}, "journal is missing"),
        ({"state": 7}, "state is missing"),
    ],
)
def test_a_state_that_was_not_written_by_us_is_said(tmp_path, changes, why):
    write_state(tmp_path, {}, POSITION)
    change(tmp_path / "state.json", **changes)
    with pytest.raises(StorageError, match=rf"state that it wrote \({why}.*state\.json.*begin the run anew"):
        read_state(tmp_path)


@pytest.mark.parametrize("content", [b"", b'{"format": 1', b"[]", b"\xff"])
def test_a_file_that_is_no_json_object_is_said(tmp_path, content):
    (tmp_path / "state.json").write_bytes(content)
    with pytest.raises(StorageError, match=r"state that it wrote \(.*state\.json"):
        read_state(tmp_path)


def test_a_state_of_another_format_is_refused_with_the_version_that_reads_it(tmp_path):
    write_state(tmp_path, {}, POSITION)
    change(tmp_path / "state.json", format=7, version="9.1", state=None)
    with pytest.raises(StorageError, match=r"states of format 1, got 7\. Resume .* with flwr-nas 9\.1, or begin"):
        read_state(tmp_path)
