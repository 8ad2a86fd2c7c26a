"""A folder with a file for each node of a simulation: what hospitals, machines or shops have, in one place for a trial.

Each node opens its own file as a deployed node does, and has what that has: its labels, its test part.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields, replace
from pathlib import Path

from common.data.base import Holder, parse_options
from common.data.formats import Reading, is_data_file
from common.data.formats.folders import visible_files
from common.data.local import NODE, LocalOptions
from common.errors import ConfigError, DataError
from common.settings import DatasetSettings


def holder_of(settings: DatasetSettings, holder: Holder) -> Holder:
    """Return `holder` with a file of its own where ``dataset.partition=files`` gives it one.

    Raises
    ------
    ConfigError
        There is no such folder, or it has fewer files than there are nodes.
    """
    if settings.partition != "files" or holder.path is not None:
        return holder
    files = files_of(settings)
    if holder.partitions != len(files):
        raise ConfigError(
            f"dataset.partition=files gives each node a file, and {settings.path} has {len(files)}",
            holder.partitions,
            fix=f"Set federation.nodes={len(files)}",
        )
    options = parse_options(LocalOptions, settings)
    reading = Reading(**{item.name: getattr(options, item.name) for item in fields(Reading)})
    return replace(holder, path=str(files[holder.partition]), reading=reading)


@contextmanager
def naming(path: str) -> Iterator[None]:
    """Put the name of a file before what is wrong with it: of a folder that the server itself names it may be told."""
    try:
        yield
    except DataError as error:
        error.rule = f"{Path(path).name}: {error.rule.removeprefix(f'{NODE}: ')}"
        error.args = (str(DataError(error.rule, fix=error.fix)),)  # of its own class: too few examples are no fault
        raise


def files_of(settings: DatasetSettings) -> list[Path]:
    """Return the files of nodes, sorted by name.

    Raises
    ------
    ConfigError
        ``dataset.path`` is no folder with two of them at least.
    """
    if settings.name == "local" and settings.path is None:
        raise ConfigError(
            "dataset.partition=files needs a folder with a file for each node", fix="Set dataset.path=FOLDER"
        )
    folder = None if settings.name != "local" or settings.path is None else Path(settings.path)
    files = (
        [] if folder is None or not folder.is_dir() else [each for each in visible_files(folder) if is_data_file(each)]
    )
    if len(files) < 2:
        raise ConfigError(
            "dataset.partition=files needs dataset=local, and as dataset.path a folder with a file for each node",
            settings.path or settings.name,
            fix="Put .csv, .parquet or .npz files into one folder, or choose another dataset.partition",
        )
    return files
