from pathlib import Path

import pytest

from common.data.formats import read
from common.errors import DataError


def test_what_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="must exist") as caught:
        read(str(tmp_path / "gone.csv"))
    assert caught.value.detail.endswith("gone.csv")


def test_what_cannot_be_looked_at_is_said(tmp_path: Path) -> None:
    """A file name may be too long to be one; to root, who may run this, nothing is forbidden."""
    with pytest.raises(DataError, match="must be readable"):
        read(str(tmp_path / ("a" * 300 + ".csv")))


@pytest.mark.parametrize("name", ["data.xlsx", "data", "data.json"])
def test_an_unknown_ending_lists_the_formats(tmp_path: Path, name: str) -> None:
    (tmp_path / name).touch()
    with pytest.raises(DataError, match=r"\.npz, \.csv, .*\.parquet.* or a folder of images") as caught:
        read(str(tmp_path / name))
    assert caught.value.detail == f"it is called {name}"


def test_a_folder_is_a_folder_of_images_whatever_it_is_called(tmp_path: Path) -> None:
    (tmp_path / "data.csv").mkdir()
    with pytest.raises(DataError, match="must hold images"):
        read(str(tmp_path / "data.csv"))
