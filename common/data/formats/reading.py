"""How a file or a folder is to be read, as far as it does not say so itself."""

from __future__ import annotations

import re
from dataclasses import dataclass, fields
from typing import Any

from common.errors import ConfigError

FITS = ("resize", "crop")
CONVERSIONS = ("grey", "rgb")


@dataclass(frozen=True)
class Reading:
    """What those who have the data say of them: in a node config, on a command line, or in ``dataset.options``.

    Parameters
    ----------
    label : str
        The column of a table that holds the labels.
    size : str
        Of images, all of which must have it, in pixels: width x height, such as ``64x64``. Empty: that of the images.
    fit : {"", "resize", "crop"}
        What becomes of images of another size: ``resize`` changes both sides, ``crop`` scales an image until it covers
        the size and takes the middle. Empty: they are refused.
    convert : {"", "grey", "rgb"}
        What images become, whatever they are: ``grey`` gives colours up, ``rgb`` takes grey for a colour. Empty: they
        stay what they are, which must be the same for all.
    skip_bad : bool
        Leave out, and count, files that cannot be read. False: they are refused.
    """

    label: str = "label"
    size: str = ""
    fit: str = ""
    convert: str = ""
    skip_bad: bool = False

    def __post_init__(self) -> None:
        if not self.label:
            raise ConfigError("The label must name a column", self.label, fix="The default is label")
        if self.size and not re.fullmatch(r"[1-9]\d{0,4}x[1-9]\d{0,4}", self.size):
            raise ConfigError("size must be width x height, in pixels", self.size, fix="Write it like 64x64")
        _one_of("fit", self.fit, FITS)
        _one_of("convert", self.convert, CONVERSIONS)
        if self.fit and not self.size:
            raise ConfigError("fit brings images to a size, which must be given", self.fit, fix="Add size=64x64")

    @property
    def pixels(self) -> tuple[int, int] | None:
        """Width and height that images must have; None where they say it themselves."""
        if not self.size:
            return None
        width, height = self.size.split("x")
        return int(width), int(height)

    @property
    def declared(self) -> dict[str, Any]:
        """What is not at its default, by name."""
        values = {item.name: (getattr(self, item.name), item.default) for item in fields(Reading)}
        return {name: value for name, (value, default) in values.items() if value != default}


def _one_of(name: str, value: str, choices: tuple[str, ...]) -> None:
    if value and value not in choices:
        raise ConfigError(f"{name} must be one of {', '.join(choices)}", value, fix="Leave it out for neither")


PLAIN = Reading()
"""Where nobody says anything."""
