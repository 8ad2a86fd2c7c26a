"""One image file, as an array: what it shows, whichever way it is stored, as long as nothing is lost by that.

A flag in a file may say how the camera was held: the image is turned so. Grey of 8 bits, of 16 bits and of 1 bit, RGB,
palettes, and alpha that is opaque everywhere are taken; what is partly see-through, printing inks, more than 8 bits of
a colour and moving images are not, since no single image of these kinds is in them.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from common.data.formats.contents import optional_package
from common.data.formats.reading import Reading

_DEPTH = 65535
"""Largest number of 16 bits."""
_FEWER_BITS = "Save such images as grey of 8 or 16 bits"
_ORIENTATION = 0x0112
"""The tag of EXIF that says how the camera was held: 1 upright."""


@dataclass(frozen=True)
class Picture:
    """What an image file shows.

    Parameters
    ----------
    pixels : NDArray
        Shape ``(height, width)`` if grey and ``(height, width, 3)`` if not: uint8, or for 16 bits of grey float32 from
        0 to 1, which holds each of its numbers.
    turned : bool
        Whether the file says that it lies on its side, or upside down.
    resized : bool
        Whether it had another size than was asked for.
    """

    pixels: NDArray[Any]
    turned: bool = False
    resized: bool = False


class NotPlain(Exception):  # noqa: N818
    """An image that cannot be taken without a loss.

    Parameters
    ----------
    why : str
        A clause after the file's name.
    fix : str
        The way out, as a sentence without its full stop.
    """

    def __init__(self, why: str, fix: str) -> None:
        super().__init__(why)
        self.fix = fix


def decode(path: Path, reading: Reading) -> Picture:
    """Read one image.

    Parameters
    ----------
    path : Path
        The file.
    reading : Reading
        ``convert``, ``size`` and ``fit`` are heeded; with a size, what has another one and is not to be fitted is
        returned as it is.

    Raises
    ------
    NotPlain
        Something would be lost.
    DataError
        Pillow is not installed.
    Exception
        Anything, by a decoder, for a broken file.
    """
    pillow, operations = (optional_package(f"PIL.{name}", "images", "images") for name in ("Image", "ImageOps"))
    with pillow.open(path) as image:
        _refuse_several(image)
        _refuse_deep_colours(image)
        turned = image.getexif().get(_ORIENTATION, 1) not in (0, 1)
        plain = _coloured(_plain(operations.exif_transpose(image), reading.convert), reading.convert)
    resized = bool(reading.fit) and plain.size != reading.pixels
    if resized:
        size, smooth = reading.pixels, pillow.Resampling.BILINEAR  # never leaves the range of the pixels
        plain = plain.resize(size, smooth) if reading.fit == "resize" else operations.fit(plain, size, smooth)
    return Picture(np.asarray(plain), turned, resized)


def _refuse_several(image: Any) -> None:
    frames = getattr(image, "n_frames", 1)
    if frames > 1 and image.format != "MPO":  # a photo of a telephone, with a preview of it
        raise NotPlain(
            f"holds {frames} images, and it is not said which one is meant",
            "Of moving images and of pages save the one that is meant",
        )


def _refuse_deep_colours(image: Any) -> None:
    if image.mode[0] != "I" and any(";16" in str(tile[3]) for tile in image.tile):  # as Pillow unpacks them
        raise NotPlain("has 16 bits of each colour, and 8 of them would be lost", "Save colours with 8 bits each")


def _plain(image: Any, convert: str) -> Any:
    """Return an image in the mode L, RGB, or F (grey from 0 to 1)."""
    palette = image.mode in ("P", "PA")
    if image.has_transparency_data:
        image = _opaque(image)
    if image.mode == "1":
        return image.convert("L")
    if palette:
        return _unpacked(image.convert("RGB"))
    if image.mode in ("L", "RGB"):
        return image
    if image.mode in ("I", "I;16", "I;16B", "I;16L"):
        return _of_16_bits(image)
    if image.mode == "F":
        raise NotPlain("has numbers of 32 bits, and it is not said which one is white", _FEWER_BITS)
    if not convert:
        raise NotPlain(
            f"has colours of the kind {image.mode}, some of which RGB has not",
            "Say convert=rgb, which takes the nearest colours of RGB, or convert=grey",
        )
    return image.convert("RGB")


def _opaque(image: Any) -> Any:
    """Return an image without its alpha, which must be opaque everywhere."""
    with_alpha = image.convert("LA" if image.mode in ("1", "L", "LA") else "RGBA")
    if image.mode[0] == "I" or with_alpha.getchannel("A").getextrema() != (255, 255):
        raise NotPlain(
            "is see-through in places, and it is not said what is behind it", "Put what is see-through on a background"
        )
    return with_alpha.convert(with_alpha.mode[:-1])


def _unpacked(image: Any) -> Any:
    """Return the RGB image of a palette, or a grey one where it shows greys only."""
    colours = image.getcolors(256) or [(1, (0, 0, 255))]
    return image.convert("L") if all(red == green == blue for _, (red, green, blue) in colours) else image


def _of_16_bits(image: Any) -> Any:
    from PIL import Image

    numbers = np.asarray(image).astype(np.int64)
    if numbers.min() < 0 or numbers.max() > _DEPTH:
        raise NotPlain("has numbers of more than 16 bits, of which it is not said what is white", _FEWER_BITS)
    return Image.fromarray(numbers.astype(np.float32) / np.float32(_DEPTH))


def _coloured(image: Any, convert: str) -> Any:
    if convert == "grey" and image.mode == "RGB":
        return image.convert("L")
    if convert == "rgb" and image.mode == "L":
        return image.convert("RGB")
    if convert == "rgb" and image.mode == "F":
        raise NotPlain(
            "is grey of 16 bits, of which 8 would be lost as RGB",
            "Save grey images of 16 bits with 8, or say convert=grey instead, which loses the colours of others",
        )
    return image
