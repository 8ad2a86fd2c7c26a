"""How a file or a folder is to be read, as far as it does not say so itself."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from common.errors import ConfigError
from common.tasks.base import HEADS

FITS = ("resize", "crop")
CONVERSIONS = ("grey", "rgb")
UNITS = ("samples", "seconds")


@dataclass(frozen=True)
class Reading:
    """What those who have the data say of them: in a node config, on a command line, or in ``dataset.options``.

    Parameters
    ----------
    label : str
        The column of a table that holds the labels, where no schema says it.
    task : str
        What the labels are for, a name in `HEADS`. Empty: what the data say. Whole numbers and names are classes, and
        rows of 0 and 1 are labels of which each is there or not; numbers to be predicted look like either, so that of
        a regression must be said.
    schema : str
        The schema of a table: the path of a YAML file, see `common.data.schema_file`. Empty where there is none.
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
    length : float
        Of sequences: each is cut off there, or filled up with zeros. 0: all have one length.
    window, hop : float
        Of windows that recordings are cut into, and from the begin of one to that of the next; a hop of 0 is a window,
        and a window of 0 cuts nothing: each file is one sequence. What is left at the end is dropped.
    unit : {"samples", "seconds"}
        Of these three.
    rate : int
        Samples a second: what .wav files are brought to, and what .csv files have. 0: .wav files say it themselves,
        all the same.
    """

    label: str = "label"
    task: str = ""
    schema: str = ""
    size: str = ""
    fit: str = ""
    convert: str = ""
    skip_bad: bool = False
    length: float = 0.0
    window: float = 0.0
    hop: float = 0.0
    unit: str = "samples"
    rate: int = 0

    def __post_init__(self) -> None:
        if self.schema and self.label != "label":
            raise ConfigError(
                "A schema says which column is the label", self.label, fix="Leave label out, or the schema"
            )
        if self.schema and self.task:
            raise ConfigError(
                "A schema says what labels are for",
                self.task,
                fix="Leave task out; targets make a regression, and several labels a multilabel task",
            )
        if not self.label:
            raise ConfigError("The label must name a column", self.label, fix="The default is label")
        _one_of("task", self.task, tuple(HEADS))
        if self.size and not re.fullmatch(r"[1-9]\d{0,4}x[1-9]\d{0,4}", self.size):
            raise ConfigError("size must be width x height, in pixels", self.size, fix="Write it like 64x64")
        _one_of("fit", self.fit, FITS)
        _one_of("convert", self.convert, CONVERSIONS)
        if self.fit and not self.size:
            raise ConfigError("fit brings images to a size, which must be given", self.fit, fix="Add size=64x64")

        self._check_lengths()

    def _check_lengths(self) -> None:
        for name in ("length", "window", "hop", "rate"):
            value = getattr(self, name)
            if not 0 <= value < math.inf:
                raise ConfigError(f"{name} must be 0 or more", value, fix="Leave it out, or correct it")
        if self.unit not in UNITS:
            raise ConfigError(f"unit must be one of {', '.join(UNITS)}", self.unit, fix="The default is samples")
        if self.hop and not self.window:
            raise ConfigError("hop is from one window to the next", self.hop, fix="Add window")
        if self.window and self.length:
            raise ConfigError("Sequences have a length or are cut into windows", self.length, fix="Leave one out")
        for name in ("length", "window", "hop"):
            value = getattr(self, name)
            if self.unit == "samples" and value != int(value):
                raise ConfigError(f"{name} must be whole samples", value, fix="Round it, or add unit=seconds")

    @property
    def pixels(self) -> tuple[int, int] | None:
        """Width and height that images must have; None where they say it themselves."""
        if not self.size:
            return None
        width, height = self.size.split("x")
        return int(width), int(height)

    @property
    def declared(self) -> dict[str, Any]:
        """What is not at its default, by name; whole numbers as such."""
        values = {item.name: (getattr(self, item.name), item.default) for item in fields(Reading)}
        said = {name: value for name, (value, default) in values.items() if value != default}
        if self.schema:
            said["schema"] = str(Path(self.schema).absolute())
        return {
            n: int(value) if isinstance(value, float) and value == int(value) else value for n, value in said.items()
        }


def _one_of(name: str, value: str, choices: tuple[str, ...]) -> None:
    if value and value not in choices:
        raise ConfigError(f"{name} must be one of {', '.join(choices)}", value, fix="Leave it out for neither")


PLAIN = Reading()
"""Where nobody says anything."""
