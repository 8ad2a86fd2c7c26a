"""How a file or a folder is to be read, as far as it does not say so itself."""

from __future__ import annotations

from dataclasses import dataclass

from common.errors import ConfigError


@dataclass(frozen=True)
class Reading:
    """What those who have the data say of them: in a node config, on a command line, or in ``dataset.options``.

    Parameters
    ----------
    label : str
        The column of a table that holds the labels.
    """

    label: str = "label"

    def __post_init__(self) -> None:
        if not self.label:
            raise ConfigError("The label must name a column", self.label, fix="The default is label")


PLAIN = Reading()
"""Where nobody says anything."""
