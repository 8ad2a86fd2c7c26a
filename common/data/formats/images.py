"""A folder of images: one folder for each class, as `common.data.formats.folders` says.

All images are of one size, and all grey or all in colour: `common.data.formats.pixels` says what is taken for either.
What differs is refused, each file by its name, unless those who have the images say what is to become of it (`Reading`:
``size``, ``fit``, ``convert``). What was turned, converted or left out in reading is told in `Contents.notes`.

Needs Pillow, which is imported only to read such a folder: ``pip install "flwr-nas[images]"``. A process decodes every
image anew; where that takes long, ``flwr-nas data split FOLDER --nodes 1`` makes one .npz file of them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from common.data.formats.contents import Contents, named
from common.data.formats.folders import Example, Wrong, list_classes, refusal, skipped
from common.data.formats.pixels import NotPlain, Picture, decode
from common.data.formats.reading import Reading
from common.errors import DataError

SUFFIXES = frozenset(
    f".{ending}" for ending in ("avif", "bmp", "gif", "heic", "jfif", "jp2", "jpeg", "jpg", "pbm", "pgm", "png", "ppm")
) | {".tif", ".tiff", ".webp"}
"""What a file ends in that is most likely an image; below the folder of a class it may end in anything."""

_UNREADABLE = (
    "Every file below the folder of a class must be an image",
    "Take the others out or repair them, or leave them out with skip_bad",
)
_LOSSY = "Images must be grey or RGB, and nothing of them may be lost by that"
_SIZES = ("All images must be of one size", "Convert those that differ, or say what becomes of them: size and fit")


@dataclass
class _Taken:
    """What was read so far: the pictures with the example of each, what is wrong with others, what was skipped."""

    pictures: list[tuple[Example, Picture]] = field(default_factory=list)
    wrong: Wrong = field(default_factory=dict)
    skipped: list[str] = field(default_factory=list)


def read(path: str, reading: Reading) -> Contents:
    """Read all images of a folder; errors as in `common.data.formats.read`."""
    root = Path(path)
    try:
        listing = list_classes(root, SUFFIXES, "images")
        taken = _decoded(root, listing.examples, reading)
    except OSError as error:
        raise DataError("The folder must be readable", fix="Check its permissions", detail=str(error)) from error
    _check_sizes(root, taken, reading)
    if taken.wrong:
        raise refusal(taken.wrong)
    if not taken.pictures:
        raise DataError("A folder of images must hold images", fix=_UNREADABLE[1], detail=skipped(taken.skipped))
    x, notes = _together([picture for _, picture in taken.pictures])
    y, classes = named([example.label for example, _ in taken.pictures])
    parts = np.array([example.part for example, _ in taken.pictures])
    told = [*listing.notes, *([f"{skipped(taken.skipped)}."] if taken.skipped else []), *notes]
    return Contents(x, y, classes, split=parts if parts.any() else None, notes=tuple(told))


def _decoded(root: Path, examples: Sequence[Example], reading: Reading) -> _Taken:
    taken = _Taken()
    for example in examples:
        name = example.path.relative_to(root)
        try:
            taken.pictures.append((example, decode(example.path, reading)))
        except (MemoryError, DataError):
            raise
        except NotPlain as error:
            taken.wrong.setdefault((_LOSSY, error.fix), []).append(f"{name} {error}")
        except Exception as error:  # of many formats, whose decoders raise anything for a broken file
            if reading.skip_bad:
                taken.skipped.append(str(name))
            else:
                taken.wrong.setdefault(_UNREADABLE, []).append(f"{name} cannot be read ({type(error).__name__})")
    return taken


def _check_sizes(root: Path, taken: _Taken, reading: Reading) -> None:
    """Note what has another size than it should, or than most."""
    sizes = Counter(_size(picture) for _, picture in taken.pictures)
    if not sizes:
        return
    usual, number = sizes.most_common(1)[0]
    wanted = reading.pixels or usual
    others = "was asked for" if reading.pixels else f"{number:,} of {sizes.total():,} are"
    wrong = [
        f"{example.path.relative_to(root)} is {_told(_size(picture))}, and not {_told(wanted)} as {others}"
        for example, picture in taken.pictures
        if _size(picture) != wanted
    ]
    if wrong:
        taken.wrong[_SIZES] = wrong


def _together(pictures: list[Picture]) -> tuple[NDArray[Any], list[str]]:
    """Return all images as one array, and what is to be told of them.

    The shape is ``(n, height, width)`` for grey ones, ``(n, 1, height, width)`` where some have 16 bits, and
    ``(n, 3, height, width)`` for colours.

    Raises
    ------
    DataError
        Some are grey, and some are not.
    """
    notes = list(_changes(pictures))
    pixels = [picture.pixels for picture in pictures]
    coloured = [image for image in pixels if image.ndim == 3]
    if 0 < len(coloured) < len(pixels):
        if any((image != image[..., :1]).any() for image in coloured):
            raise _mixed(pixels, len(coloured))
        notes.append(f"{len(coloured):,} of {len(pixels):,} images hold colours and show greys: all are taken as grey.")
        pixels = [image[..., 0] if image.ndim == 3 else image for image in pixels]
    deep = sum(image.dtype != np.uint8 for image in pixels)
    if deep:
        notes.append(f"{_images(deep)} of 16 bits: all are kept as numbers from 0 to 1, at four times the memory.")
        return np.stack([_from_0_to_1(image) for image in pixels])[:, None], notes
    x = np.stack(pixels)
    return (x if x.ndim == 3 else np.ascontiguousarray(x.transpose(0, 3, 1, 2))), notes


def _mixed(pixels: list[NDArray[Any]], coloured: int) -> DataError:
    deep = sum(image.ndim == 2 and image.dtype != np.uint8 for image in pixels)
    if deep:
        fix = "Say convert=grey, which loses the colours, or convert grey images of 16 bits to 8 and say convert=rgb"
    else:
        fix = "Say convert=rgb, which loses nothing, or convert=grey, which loses the colours"
    counts = f"grey: {len(pixels) - coloured:,}, in colour: {coloured:,}"
    return DataError(
        "All images must be grey, or all in colour",
        fix=fix,
        detail=counts + (f", grey of 16 bits: {deep:,}" if deep else ""),
    )


def _from_0_to_1(image: NDArray[Any]) -> NDArray[np.float32]:
    return image.astype(np.float32) / np.float32(255) if image.dtype == np.uint8 else image


def _changes(pictures: list[Picture]) -> Iterator[str]:
    if turned := sum(picture.turned for picture in pictures):
        yield f"{_images(turned)} turned, as the camera wrote into the file."
    if resized := sum(picture.resized for picture in pictures):
        yield f"{_images(resized)} of another size, and brought to that which was asked for."


def _images(number: int) -> str:
    return "1 image is" if number == 1 else f"{number:,} images are"


def _size(picture: Picture) -> tuple[int, int]:
    height, width = picture.pixels.shape[:2]
    return width, height


def _told(size: tuple[int, int]) -> str:
    return f"{size[0]} x {size[1]}"
