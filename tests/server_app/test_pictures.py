import sys
from pathlib import Path

import pytest

from common.errors import StorageError
from server_app.pictures import new_figure, write_figure


def test_a_figure_is_as_large_as_it_was_asked_to_be(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    figure = new_figure(2, 1)
    figure.subplots()
    path = write_figure(figure, tmp_path / "some.png")
    header = path.read_bytes()[:24]  # of PNG: width and height from the 17th byte on
    assert [int.from_bytes(header[at : at + 4]) for at in (16, 20)] == [2 * 150, 1 * 150]


def test_without_matplotlib_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    assert new_figure(2, 1) is None


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    with pytest.raises(StorageError, match=r"can be written, got '.*none/some\.png'"):
        write_figure(new_figure(2, 1), tmp_path / "none" / "some.png")
