import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from common.data.formats import read
from common.errors import DataError

Save = Callable[..., str]

Y = np.arange(12) % 3
X = np.random.default_rng(0).standard_normal((12, 5)).astype(np.float32)


def test_arrays_come_as_they_are(save: Save) -> None:
    names = np.array(["cat", "dog", "eel"])
    raw = read(save(x=X, y=Y, classes=names, client=Y + 7, split=Y == 2, more=X))
    np.testing.assert_array_equal(raw.x, X)
    np.testing.assert_array_equal(raw.y, Y)
    assert raw.classes is not None
    assert raw.classes.tolist() == ["cat", "dog", "eel"]
    assert raw.client is not None
    assert raw.client.tolist() == (Y + 7).tolist()
    assert raw.split is not None
    assert raw.split.tolist() == (Y == 2).tolist()


def test_what_is_optional_may_be_missing(save: Save) -> None:
    raw = read(save(x=X, y=Y))
    assert (raw.classes, raw.client, raw.split) == (None, None, None)


def test_compressed_files_are_read(tmp_path: Path) -> None:
    path = tmp_path / "deflated.NPZ"  # numpy would add a small .npz
    with path.open("wb") as stream:
        np.savez_compressed(stream, x=X, y=Y)
    assert len(read(str(path)).y) == 12


@pytest.mark.parametrize(("arrays", "missing"), [({"x": X}, "y"), ({"y": Y}, "x")])
def test_a_missing_array_is_named(save: Save, arrays: dict[str, object], missing: str) -> None:
    with pytest.raises(DataError, match=f"must hold the array '{missing}'") as caught:
        read(save(**arrays))
    assert caught.value.detail == f"it holds {next(iter(arrays))}"


def test_objects_are_never_unpickled(save: Save) -> None:
    with pytest.raises(DataError, match="Its array 'y' cannot be read") as caught:
        read(save(x=X, y=Y.astype(object)))
    assert caught.value.detail.startswith("ValueError: Object arrays cannot be loaded")


def corrupt(path: Path) -> None:
    np.savez(path, x=X, y=Y)
    whole = bytearray(path.read_bytes())
    middle = whole.find(X[3].tobytes())
    whole[middle] ^= 0xFF
    path.write_bytes(whole)


def shortened(path: Path) -> None:
    np.savez(path, x=X, y=Y)
    path.write_bytes(path.read_bytes()[:200])


def not_arrays(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x.npy", "hello")
        archive.writestr("y.npy", "hello")


def bare_array(path: Path) -> None:
    with path.open("wb") as stream:
        np.save(stream, X)


@pytest.mark.parametrize(
    "write",
    [
        corrupt,
        shortened,
        not_arrays,
        bare_array,
        lambda path: path.write_bytes(b""),
        lambda path: path.write_text("x,y\n1,2\n"),
        lambda path: path.write_bytes(b"\x80\x04K\x01."),  # a pickle
    ],
    ids=["corrupt", "shortened", "not-arrays", "bare-array", "empty", "text", "pickle"],
)
def test_a_file_of_another_kind_is_one_clear_error(tmp_path: Path, write: Callable[[Path], object]) -> None:
    path = tmp_path / "data.npz"
    write(path)
    with pytest.raises(DataError, match=r"numpy\.savez"):
        read(str(path))
