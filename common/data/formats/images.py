"""A folder of images: one folder for each class, which is called as the class is.

::

    cats/001.png  cats/002.png  dogs/001.png ...              all for training, or
    train/cats/...  train/dogs/...  test/cats/...             with a test part

All images are of one size, and all grey or all RGB. Needs Pillow, which is imported only here and only to read
such a folder: ``pip install "flwr-nas[images]"``. A process decodes every image anew; where that takes long,
``flwr-nas data split FOLDER --nodes 1`` makes one .npz file of them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from common.data.formats.contents import Contents, named, optional_package
from common.data.formats.reading import Reading
from common.errors import DataError

_PARTS = ("train", "test")
_MODES = {"L": "grey", "RGB": "RGB"}
_NO_IMAGES = ("Thumbs.db", "desktop.ini")  # what file managers leave behind, as files that begin with a dot
_LAYOUT = "Put the images of each class into a folder that is called as the class is"

Labelled = tuple[Path, str, int]
"""An image, its class and its part: 0 train, 1 test."""


def read(path: str, reading: Reading) -> Contents:  # noqa: ARG001 - folders have no columns
    """Read all images of a folder; errors as in `common.data.formats.read`."""
    root = Path(path)
    try:
        found = _listed(root)
        x = _pixels(root, [image for image, _, _ in found])
    except OSError as error:
        raise DataError("The folder must be readable", fix="Check its permissions", detail=str(error)) from error
    y, classes = named([name for _, name, _ in found])
    parts = np.array([part for _, _, part in found])
    return Contents(x, y, classes, split=parts if parts.any() else None)


def _listed(root: Path) -> list[Labelled]:
    """Return the images below `root`, sorted."""
    folders = _visible(root)
    with_parts = bool(folders) and all(folder.name in _PARTS for folder in folders)
    found: list[Labelled] = []
    for part, home in enumerate(root / name for name in _PARTS) if with_parts else [(0, root)]:
        for folder in _visible(home) if home.is_dir() else []:
            if not folder.is_dir():
                raise DataError(
                    "A folder of images must hold one folder for each class, and nothing beside them",
                    fix=_LAYOUT,
                    detail=f"{folder.relative_to(root)} is a file",
                )
            found += [(image, folder.name, part) for image in _visible(folder)]
    if not found:
        raise DataError("A folder of images must hold images", fix=_LAYOUT)
    return found


def _visible(folder: Path) -> list[Path]:
    return sorted(entry for entry in folder.iterdir() if entry.name[0] != "." and entry.name not in _NO_IMAGES)


def _pixels(root: Path, images: list[Path]) -> NDArray[np.uint8]:
    """Return all images, shape ``(n, height, width)`` if they are grey and ``(n, 3, height, width)`` if not."""
    first = _decode(root, images[0])
    x = np.empty((len(images), *first.shape), dtype=np.uint8)
    for row, image in enumerate(images):
        pixels = _decode(root, image)
        if pixels.shape != first.shape:
            raise DataError(
                "All images must be of one size, and all grey or all RGB",
                fix="Convert those that differ",
                detail=f"{image.relative_to(root)} is {describe(pixels.shape)}, and "
                f"{images[0].relative_to(root)} is {describe(first.shape)}",
            )
        x[row] = pixels
    return x if x.ndim == 3 else np.ascontiguousarray(x.transpose(0, 3, 1, 2))


def _decode(root: Path, path: Path) -> NDArray[np.uint8]:
    """Return one image, shape ``(height, width)`` or ``(height, width, 3)``."""
    pillow: Any = optional_package("PIL.Image", "images", "images")
    name = path.relative_to(root)
    try:
        with pillow.open(path) as image:
            mode = image.mode
            pixels: NDArray[np.uint8] = np.asarray(image)
    except MemoryError:
        raise
    except Exception as error:  # of many formats, whose decoders raise anything for a broken file
        raise DataError(
            "Every file below the folder of a class must be an image",
            fix="Take the file out, or repair it",
            detail=f"{name} cannot be read ({type(error).__name__})",
        ) from error
    if mode not in _MODES:
        raise DataError(
            "Images must be grey (8 bits) or RGB",
            fix="Convert those that are not",
            detail=f"{name} has the mode {mode}",
        )
    return pixels


def describe(shape: tuple[int, ...]) -> str:
    """Return the kind and size of an image of the shape ``(height, width)`` or ``(height, width, 3)``."""
    return f"{'grey' if len(shape) == 2 else 'RGB'}, {shape[1]} x {shape[0]}"
