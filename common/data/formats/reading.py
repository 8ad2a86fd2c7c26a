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
        The column of a table that holds the labels, where no schema says it.
    schema : str
        The schema of a table: the path of a YAML file, see `common.data.schema_file`. Empty where there is none.
    """

    label: str = "label"
    schema: str = ""

    def __post_init__(self) -> None:
        if self.schema and self.label != "label":
            raise ConfigError(
                "A schema says which column is the label", self.label, fix="Leave label out, or the schema"
            )
        if not self.label:
            raise ConfigError("The label must name a column", self.label, fix="The default is label")


PLAIN = Reading()
"""Where nobody says anything."""
