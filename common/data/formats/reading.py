"""How a file or a folder is to be read, as far as it does not say so itself."""

from __future__ import annotations

from dataclasses import dataclass

from common.errors import ConfigError
from common.tasks.base import HEADS


@dataclass(frozen=True)
class Reading:
    """What those who have the data say of them: in a node config, on a command line, or in ``dataset.options``.

    Parameters
    ----------
    label : str
        The column of a table that holds the labels.
    task : str, optional
        What the labels are for, a name in `HEADS`. None: what the data say. Whole numbers and names are classes, and
        rows of 0 and 1 are labels of which each is there or not; numbers to be predicted look like either, so that of
        a regression must be said.
    """

    label: str = "label"
    task: str | None = None

    def __post_init__(self) -> None:
        if not self.label:
            raise ConfigError("The label must name a column", self.label, fix="The default is label")
        if self.task is not None and self.task not in HEADS:
            raise ConfigError(
                f"The task of data is one of {', '.join(HEADS)}", self.task, fix="Leave it out where the data say it"
            )


PLAIN = Reading()
"""Where nobody says anything."""
