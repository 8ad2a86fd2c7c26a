import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from common.data.formats import read
from common.data.ingest import pool_of
from common.errors import DataError

GREY = np.arange(12, dtype=np.uint8).reshape(3, 4)  # 4 wide, 3 high
RGB = np.arange(36, dtype=np.uint8).reshape(3, 4, 3)


def put(root: Path, name: str, pixels: np.ndarray = GREY, mode: str | None = None) -> None:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.fromarray(pixels)
    image.convert(mode or image.mode).save(path)


def test_folders_are_classes(tmp_path: Path) -> None:
    for name, step in (("dog/b.png", 2), ("dog/a.png", 1), ("cat/c.png", 3)):
        put(tmp_path, name, GREY + np.uint8(step))
    raw = read(str(tmp_path))
    assert raw.classes is not None
    assert (raw.y.tolist(), raw.classes.tolist(), raw.split) == ([0, 1, 1], ["cat", "dog"], None)
    assert raw.x.tolist() == [(GREY + step).tolist() for step in (3, 1, 2)]
    assert pool_of(raw).task.input_shape == (1, 3, 4)


def test_colours_come_first(tmp_path: Path) -> None:
    put(tmp_path, "cat/a.png", RGB)
    put(tmp_path, "dog/a.png", RGB + np.uint8(1))
    raw = read(str(tmp_path))
    assert raw.x[1].tolist() == (RGB + 1).transpose(2, 0, 1).tolist()
    assert pool_of(raw).task.input_shape == (3, 3, 4)


def test_a_level_above_the_classes_may_say_what_is_for_the_test(tmp_path: Path) -> None:
    for name in ("train/cat/a.png", "train/dog/a.png", "test/eel/a.png"):
        put(tmp_path, name)
    raw = read(str(tmp_path))
    assert raw.classes is not None
    assert raw.split is not None
    assert raw.classes.tolist() == ["cat", "dog", "eel"]
    assert (raw.y.tolist(), raw.split.tolist()) == ([0, 1, 2], [0, 0, 1])


def test_classes_may_be_called_train_and_another(tmp_path: Path) -> None:
    put(tmp_path, "train/a.png")
    put(tmp_path, "bus/a.png")
    raw = read(str(tmp_path))
    assert raw.classes is not None
    assert raw.classes.tolist() == ["bus", "train"]


def test_what_file_managers_leave_is_no_image(tmp_path: Path) -> None:
    put(tmp_path, "cat/a.png")
    for name in (".DS_Store", "cat/Thumbs.db", "cat/.hidden"):
        (tmp_path / name).touch()
    assert len(read(str(tmp_path)).y) == 1


def test_formats_may_be_mixed(tmp_path: Path) -> None:
    for name in ("cat/a.png", "cat/b.bmp", "cat/c.jpg", "dog/d.pgm"):
        put(tmp_path, name)
    assert read(str(tmp_path)).x.shape == (4, 3, 4)


def text(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("hello")


BAD: list[tuple[Callable[[Path], object], str, str]] = [
    (lambda root: root.mkdir(), "must hold images", ""),
    (lambda root: (root / "cat").mkdir(parents=True), "must hold images", ""),
    (lambda root: text(root / "notes.txt"), "one folder for each class", "notes.txt is a file"),
    (lambda root: put(root, "train/a.png"), "one folder for each class", "train/a.png is a file"),
    (lambda root: text(root / "cat/notes.txt"), "must be an image", "cat/notes.txt cannot be read"),
    (lambda root: put(root, "cat/more/a.png"), "must be an image", "cat/more cannot be read"),
    (lambda root: put(root, "cat/a.png", RGB, "RGBA"), "grey (8 bits) or RGB", "cat/a.png has the mode RGBA"),
    (lambda root: put(root, "cat/a.png", RGB, "P"), "grey (8 bits) or RGB", "cat/a.png has the mode P"),
    (lambda root: put(root, "cat/a.png", GREY, "1"), "grey (8 bits) or RGB", "cat/a.png has the mode 1"),
]


@pytest.mark.parametrize(("make", "rule", "detail"), BAD, ids=[f"{rule}-{detail}" for _, rule, detail in BAD])
def test_a_folder_of_another_kind_names_the_file(
    tmp_path: Path, make: Callable[[Path], object], rule: str, detail: str
) -> None:
    make(tmp_path / "data")
    with pytest.raises(DataError) as caught:
        read(str(tmp_path / "data"))
    assert rule in str(caught.value)
    assert detail in caught.value.detail


@pytest.mark.parametrize(("pixels", "said"), [(GREY.T, "grey, 3 x 4"), (RGB, "RGB, 4 x 3")])
def test_an_image_that_differs_is_named(tmp_path: Path, pixels: np.ndarray, said: str) -> None:
    put(tmp_path, "cat/a.png")
    put(tmp_path, "dog/b.png", pixels)
    with pytest.raises(DataError, match="of one size") as caught:
        read(str(tmp_path))
    assert caught.value.detail == f"dog/b.png is {said}, and cat/a.png is grey, 4 x 3"


def test_a_broken_image_is_named(tmp_path: Path) -> None:
    put(tmp_path, "cat/a.png")
    whole = (tmp_path / "cat/a.png").read_bytes()
    (tmp_path / "cat/b.png").write_bytes(whole[:50])
    with pytest.raises(DataError, match="must be an image") as caught:
        read(str(tmp_path))
    assert "cat/b.png cannot be read" in caught.value.detail


def test_without_pillow_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path, "cat/a.png")
    monkeypatch.setitem(sys.modules, "PIL.Image", None)
    with pytest.raises(DataError, match=r'package PIL must be installed. pip install "flwr-nas\[images\]"'):
        read(str(tmp_path))
