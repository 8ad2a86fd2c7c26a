"""The table that ``space.table`` names, for commands that look at one."""

from __future__ import annotations

from pathlib import Path

from common.config import Choice, options_of
from common.errors import ConfigError, DataError
from server_app.spaces.table import Table, parse_table
from server_app.spaces.tabular import TabularSpace


def table_options(space: Choice) -> TabularSpace.Options:
    """Return the options of `space=tabular`; raises `ConfigError` where they name no table."""
    options = options_of(space, TabularSpace.Options, "space")
    if options.table is None:
        raise ConfigError("space.table must name the table", fix="Set space.table=FILE; see flwr-nas benchmark --help")
    return options


def read_table(options: TabularSpace.Options) -> Table:
    """Read the table that options name.

    Raises
    ------
    DataError
        The file cannot be read.
    SpaceError
        It is no table.
    """
    try:
        text = Path(str(options.table)).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else "it is no text"
        raise DataError(
            f"A table must be a file that can be read ({reason})",
            str(options.table),
            fix="Name the file in space.table",
        ) from None
    return parse_table(text)
