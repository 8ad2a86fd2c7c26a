import struct
import sys
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from common.data.formats import Reading, read
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


def test_what_file_managers_and_archives_leave_is_no_image(tmp_path: Path) -> None:
    put(tmp_path, "cat/a.png")
    put(tmp_path, "__MACOSX/cat/._a.png")
    for name in (".DS_Store", "cat/Thumbs.db", "cat/.hidden", "README.md"):
        (tmp_path / name).touch()
    raw = read(str(tmp_path))
    assert len(raw.y) == 1
    assert raw.notes == (
        "5 entries are left out as no data: .DS_Store, README.md, __MACOSX, cat/.hidden, cat/Thumbs.db.",
    )


def test_a_readme_beside_the_parts_is_left_out_too(tmp_path: Path) -> None:
    put(tmp_path, "train/cat/a.png")
    put(tmp_path, "test/dog/a.png")
    for name in ("README", "train/list.csv"):
        (tmp_path / name).touch()
    raw = read(str(tmp_path))
    assert raw.split is not None
    assert raw.split.tolist() == [0, 1]
    assert raw.notes == ("2 entries are left out as no data: README, train/list.csv.",)


def test_what_lies_deeper_in_a_class_is_of_that_class(tmp_path: Path) -> None:
    for name, step in (("cat/a.png", 0), ("cat/ann/b.png", 1), ("cat/bob/x/c.png", 2), ("dog/d.png", 3)):
        put(tmp_path, name, GREY + np.uint8(step))
    raw = read(str(tmp_path))
    assert (raw.y.tolist(), raw.x[:, 0, 0].tolist()) == ([0, 0, 0, 1], [0, 1, 2, 3])
    assert raw.notes == (
        "2 folders lie within the folder of a class, and what is there is taken for that class: cat/ann, cat/bob/x.",
    )


def test_formats_may_be_mixed(tmp_path: Path) -> None:
    for name in ("cat/a.png", "cat/b.bmp", "cat/c.jpg", "dog/d.pgm"):
        put(tmp_path, name)
    assert read(str(tmp_path)).x.shape == (4, 3, 4)


def test_a_photo_is_turned_as_its_camera_says(tmp_path: Path) -> None:
    """6: the camera was turned left, so what the file has on its left is the top, read from below."""
    for number, name in ((1, "cat/a.tif"), (6, "cat/b.tif")):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        exif = Image.Exif()
        exif[0x0112] = number
        square = GREY[:, :3]
        Image.fromarray(square).save(path, exif=exif)
    raw = read(str(tmp_path))
    assert raw.x[0].tolist() == square.tolist()
    assert raw.x[1].tolist() == [[row[column] for row in square[::-1].tolist()] for column in range(3)]
    assert raw.notes == ("1 image is turned, as the camera wrote into the file.",)


def saved(root: Path, *images: Image.Image, **options: object) -> np.ndarray:
    """Save images of a class, and return what is read."""
    (root / "cat").mkdir()
    for number, image in enumerate(images):
        image.save(root / f"cat/{number}.png", **options)
    x: np.ndarray = read(str(root)).x
    return x


def with_alpha(image: Image.Image, alpha: int) -> Image.Image:
    image.putalpha(alpha)
    return image


def test_a_palette_gives_its_colours(tmp_path: Path) -> None:
    image = Image.fromarray(GREY % 3).convert("P")  # its pixels are the numbers 0, 1 and 2
    image.putpalette([10, 20, 30, 40, 50, 60, 70, 80, 90])
    colours = np.array([[10, 20, 30], [40, 50, 60], [70, 80, 90]])
    assert saved(tmp_path, image)[0].tolist() == colours[GREY % 3].transpose(2, 0, 1).tolist()


def test_a_palette_of_greys_gives_grey(tmp_path: Path) -> None:
    image = Image.fromarray(GREY % 3).convert("P")
    image.putpalette([9, 9, 9, 200, 200, 200, 7, 7, 7])
    x = saved(tmp_path, image, Image.fromarray(GREY))
    assert x.tolist() == [np.array([9, 200, 7])[GREY % 3].tolist(), GREY.tolist()]


def test_alpha_that_is_opaque_is_dropped(tmp_path: Path) -> None:
    x = saved(tmp_path, with_alpha(Image.fromarray(RGB), 255), Image.fromarray(RGB))
    assert x.tolist() == [RGB.transpose(2, 0, 1).tolist()] * 2


def test_grey_with_opaque_alpha_is_grey(tmp_path: Path) -> None:
    assert saved(tmp_path, with_alpha(Image.fromarray(GREY), 255)).tolist() == [GREY.tolist()]


def test_a_colour_that_is_transparent_but_nowhere_seen_is_nothing(tmp_path: Path) -> None:
    assert saved(tmp_path, Image.fromarray(GREY), transparency=99).tolist() == [GREY.tolist()]


def test_black_and_white_is_grey(tmp_path: Path) -> None:
    assert saved(tmp_path, Image.fromarray(GREY > 5)).tolist() == [((GREY > 5) * 255).tolist()]


def test_16_bits_of_grey_keep_their_depth(tmp_path: Path) -> None:
    deep = (GREY.astype(np.uint16) * 257) + np.uint16(1)
    x = saved(tmp_path, Image.fromarray(deep), Image.fromarray(GREY))
    assert (x.dtype, x.shape) == (np.float32, (2, 1, 3, 4))
    assert np.rint(x[0, 0].astype(np.float64) * 65535).tolist() == deep.tolist()
    assert x[1, 0].tolist() == (GREY / np.float32(255)).tolist()
    raw = read(str(tmp_path))
    assert raw.notes == ("1 image is of 16 bits: all are kept as numbers from 0 to 1, at four times the memory.",)
    assert pool_of(raw, own=True).scale == 1
    assert pool_of(raw, own=True).task.input_shape == (1, 3, 4)


def test_grey_and_colour_are_told_apart_by_what_is_seen(tmp_path: Path) -> None:
    in_colour = np.repeat(GREY[..., None], 3, axis=2)
    x = saved(tmp_path, Image.fromarray(GREY), Image.fromarray(in_colour))
    assert x.tolist() == [GREY.tolist()] * 2
    assert read(str(tmp_path)).notes == ("1 of 2 images hold colours and show greys: all are taken as grey.",)


@pytest.mark.parametrize(
    ("colour", "grey", "coloured"),
    [
        ("rgb", np.repeat(GREY[None], 3, axis=0), RGB.transpose(2, 0, 1)),
        ("grey", GREY, (RGB @ np.array([0.299, 0.587, 0.114])).round()),  # ITU-R 601-2 luma, as Pillow has it
    ],
)
def test_grey_and_colour_become_what_is_asked_for(
    tmp_path: Path, colour: str, grey: np.ndarray, coloured: np.ndarray
) -> None:
    put(tmp_path, "cat/a.png", GREY)
    put(tmp_path, "dog/b.png", RGB)
    with pytest.raises(DataError, match=r"all in colour. Say convert=rgb") as caught:
        read(str(tmp_path))
    assert caught.value.detail == "grey: 1, in colour: 1"
    x = read(str(tmp_path), Reading(convert=colour)).x
    assert x[0].tolist() == grey.tolist()
    assert np.abs(x[1].astype(float) - coloured).max() <= (1 if colour == "grey" else 0)


def test_16_bits_of_grey_among_colours_have_a_way_out_that_is_taken(tmp_path: Path) -> None:
    """As RGB they would lose 8 bits, which is refused: so it is not what is said first."""
    put(tmp_path, "cat/a.png", GREY.astype(np.uint16) * 257)
    put(tmp_path, "dog/b.png", RGB)
    with pytest.raises(DataError, match=r"Say convert=grey, .*, or convert grey images of 16 bits to 8 and") as caught:
        read(str(tmp_path))
    assert caught.value.detail == "grey: 1, in colour: 1, grey of 16 bits: 1"
    with pytest.raises(DataError, match=r"lost by that. Save grey images of 16 bits with 8, or say convert=grey"):
        read(str(tmp_path), Reading(convert="rgb"))
    assert read(str(tmp_path), Reading(convert="grey")).x.shape == (2, 1, 3, 4)


def test_one_rule_that_is_broken_in_two_ways_is_told_once_with_both_ways_out(tmp_path: Path) -> None:
    of_mode("cat/a.png", "RGBA")(tmp_path)
    of_mode("dog/a.tif", "CMYK")(tmp_path)
    with pytest.raises(
        DataError, match=r"^Images must be grey.*that. Put what is see-.*background. Say convert=rgb"
    ) as caught:
        read(str(tmp_path))
    assert str(caught.value).count("Images must be") == 1


def test_printing_inks_become_rgb_where_that_is_asked_for(tmp_path: Path) -> None:
    (tmp_path / "cat").mkdir()
    Image.new("CMYK", (2, 2), (255, 0, 0, 0)).save(tmp_path / "cat/a.tif")
    assert read(str(tmp_path), Reading(convert="rgb")).x[0, :, 0, 0].tolist() == [0, 255, 255]


@pytest.mark.parametrize("fit", ["resize", "crop"])
def test_images_of_another_size_are_fitted_where_that_is_asked_for(tmp_path: Path, fit: str) -> None:
    wide = np.repeat(np.array([[10] * 3 + [50] * 6 + [90] * 3], np.uint8), 4, axis=0)  # 12 x 4
    put(tmp_path, "cat/a.png", wide)
    put(tmp_path, "dog/b.png", np.full((2, 2), 7, np.uint8))
    raw = read(str(tmp_path), Reading(size="2x2", fit=fit))
    assert raw.x.shape == (2, 2, 2)
    assert raw.x[1].tolist() == [[7, 7], [7, 7]]
    left, right = raw.x[0, 0].tolist()
    assert left == raw.x[0, 1, 0]
    # the middle third of the width alone is all 50; the whole has darker and brighter ends
    assert (left, right) == (50, 50) if fit == "crop" else left < 50 < right
    assert raw.notes == ("1 image is of another size, and brought to that which was asked for.",)


def test_a_size_alone_says_which_is_right(tmp_path: Path) -> None:
    put(tmp_path, "cat/a.png")
    put(tmp_path, "cat/b.png")
    put(tmp_path, "dog/c.png", GREY.T)
    with pytest.raises(DataError, match="of one size") as caught:
        read(str(tmp_path), Reading(size="3x4"))
    assert caught.value.detail == (
        "cat/a.png is 4 x 3, and not 3 x 4 as was asked for; cat/b.png is 4 x 3, and not 3 x 4 as was asked for"
    )


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def deep_colours(path: Path) -> None:
    """Write a PNG of one pixel with 16 bits of each colour; Pillow cannot."""
    path.parent.mkdir(parents=True, exist_ok=True)
    header = struct.pack(">IIBBBBB", 1, 1, 16, 2, 0, 0, 0)
    pixels = zlib.compress(bytes(7))
    whole = chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + whole)


def moving(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    first, second = (Image.fromarray(GREY + np.uint8(step)) for step in (0, 9))
    first.save(path, save_all=True, append_images=[second])


def of_mode(name: str, mode: str) -> Callable[[Path], object]:
    def make(root: Path) -> None:
        path = root / name
        path.parent.mkdir(parents=True)
        Image.new(mode, (2, 2), 0).save(path)

    return make


def text(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("hello")


def one_level_more(root: Path) -> None:
    put(root, "photos/cat/a.png")
    put(root, "photos/dog/a.png")


def with_validation(root: Path) -> None:
    put(root, "train/cat/a.png")
    put(root, "val/cat/a.png")


BAD: list[tuple[Callable[[Path], object], str, str]] = [
    (lambda root: root.mkdir(), "must hold images", ""),
    (lambda root: (root / "cat").mkdir(parents=True), "must hold images", ""),
    (lambda root: text(root / "notes.txt"), "must hold images", ""),
    (lambda root: put(root, "a.png"), "no images beside them", "a.png lies beside them"),
    (lambda root: put(root, "train/a.png"), "no images beside them", "train/a.png lies beside them"),
    (lambda root: text(root / "cat/notes.txt"), "must be an image", "cat/notes.txt cannot be read"),
    (one_level_more, "must lie at the top", "they seem to be in photos: cat, dog"),
    (with_validation, "train and test, for a node draws its validation part itself", "there is also val"),
    (
        of_mode("cat/a.png", "RGBA"),
        "by that. Put what is see-through on a background.",
        "cat/a.png is see-through in places",
    ),
    (of_mode("cat/a.png", "LA"), "on a background", "cat/a.png is see-through in places"),
    (of_mode("cat/a.tif", "CMYK"), "by that. Say convert=rgb", "cat/a.tif has colours of the kind CMYK"),
    (
        of_mode("cat/a.tif", "F"),
        "by that. Save such images as grey of 8 or 16 bits.",
        "cat/a.tif has numbers of 32 bits",
    ),
    (
        lambda root: deep_colours(root / "cat/a.png"),
        "by that. Save colours with 8 bits each.",
        "cat/a.png has 16 bits of each colour",
    ),
    (lambda root: moving(root / "cat/a.gif"), "save the one that is meant", "cat/a.gif holds 2 images"),
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


def test_an_image_that_differs_is_named(tmp_path: Path) -> None:
    for name in ("cat/a.png", "cat/c.png"):
        put(tmp_path, name)
    put(tmp_path, "cat/b.png", GREY.T)
    with pytest.raises(DataError, match=r"of one size. .*size and fit") as caught:
        read(str(tmp_path))
    assert caught.value.detail == "cat/b.png is 3 x 4, and not 4 x 3 as 2 of 3 are"


def broken(root: Path, *names: str) -> None:
    for name in names:
        put(root, name)
        whole = (root / name).read_bytes()
        (root / name).write_bytes(whole[:50])


def test_all_that_is_wrong_is_told_at_once(tmp_path: Path) -> None:
    put(tmp_path, "cat/a.png")
    put(tmp_path, "cat/b.png")
    put(tmp_path, "cat/c.png", GREY.T)
    broken(tmp_path, *(f"dog/{number:02}.png" for number in range(12)))
    of_mode("eel/a.png", "RGBA")(tmp_path)
    with pytest.raises(DataError, match=r"must be an image. .* must be of one size") as caught:
        read(str(tmp_path))
    unreadable, rest = caught.value.detail.split(" and 2 more; ")
    assert [part[:10] for part in unreadable.split("; ")] == [f"dog/{number:02}.png" for number in range(10)]
    assert "eel/a.png is see-through" in rest
    assert "cat/c.png is 3 x 4" in rest


def test_broken_images_are_left_out_where_that_is_asked_for(tmp_path: Path) -> None:
    put(tmp_path, "cat/a.png")
    put(tmp_path, "dog/a.png")
    broken(tmp_path, "cat/b.png", "dog/b.png")
    raw = read(str(tmp_path), Reading(skip_bad=True))
    assert raw.y.tolist() == [0, 1]
    assert raw.notes == ("2 files cannot be read, and are left out: cat/b.png, dog/b.png.",)


def test_where_all_are_broken_there_is_nothing_to_read(tmp_path: Path) -> None:
    broken(tmp_path, "cat/b.png")
    with pytest.raises(DataError, match="must hold images") as caught:
        read(str(tmp_path), Reading(skip_bad=True))
    assert caught.value.detail == "1 file cannot be read, and is left out: cat/b.png"


def test_without_pillow_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path, "cat/a.png")
    monkeypatch.setitem(sys.modules, "PIL.Image", None)
    with pytest.raises(DataError, match=r'package PIL must be installed. pip install "flwr-nas\[images\]"'):
        read(str(tmp_path))
