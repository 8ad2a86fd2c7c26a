"""The curves of a benchmark, where matplotlib is there to draw them."""

import sys

import pytest

from common.errors import StorageError
from server_app.benchmark.picture import FILE, draw


def test_without_matplotlib_there_is_no_picture(found, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    assert draw(tmp_path, found) is None
    assert list(tmp_path.iterdir()) == []


def test_it_is_a_png_file(found, tmp_path):
    pytest.importorskip("matplotlib")
    path = draw(tmp_path, found)
    assert path == tmp_path / FILE
    assert path.read_bytes().startswith(b"\x89PNG")
    assert "matplotlib.pyplot" not in sys.modules


def test_a_regret_of_nothing_at_all_can_be_drawn(found, tmp_path):
    pytest.importorskip("matplotlib")
    runs = [{"incumbent": [0.0] * 30, "best_seen": [0.0] * 30}]
    nothing = {**found, "contenders": [{"name": "perfect", "runs": runs}]}
    assert draw(tmp_path, nothing) is not None


def test_a_folder_that_is_not_there_is_named(found, tmp_path):
    pytest.importorskip("matplotlib")
    with pytest.raises(StorageError, match="nowhere"):
        draw(tmp_path / "nowhere", found)
