"""Data sets, partitions and splits.

The whole of it for a caller::

    load_node_data(settings, holder, seed, head) -> NodeData        # train, validation, task
    load_node_test(settings, holder, seed, head) -> Examples | None
    load_server_test(settings, seed, head) -> TestSet | None
    load_task(settings, nodes, seed) -> Task
    natural_partitions(settings) -> int | None

A node loads its data for every message, and in a simulation one process serves many nodes. So each
process keeps the data of the 32 nodes it served last: at most once more what the pool takes as
float32, besides the pool itself in the type of its file. All arrays are shared with later calls: do not write
into them. A file is read once a process; a change on disk is not noticed.

A node that has data of its own (`Holder.path`) uses them whatever data set the settings name; the
fractions, ``split`` and ``gap`` apply to them.

Errors of loading may travel to the server. Their text names no file of a node, unless it is in the folder that
``dataset.path`` names for a simulation, and nothing that was read from it; what helps its own people is in
`DataError.detail`, and ``flwr-nas data check`` shows it.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, replace
from functools import lru_cache
from importlib import import_module
from pkgutil import iter_modules

from common.data.base import Dataset, Examples, Holder, NodeData, TestSet
from common.data.splits import TooFewExamplesError
from common.errors import ConfigError
from common.settings import DatasetSettings
from common.tasks import Head, Task

__all__ = [
    "Examples",
    "Holder",
    "NodeData",
    "TestSet",
    "dataset_names",
    "load_node_data",
    "load_node_test",
    "load_server_test",
    "load_task",
    "natural_partitions",
]


def load_node_data(settings: DatasetSettings, holder: Holder, seed: int, head: Head | None = None) -> NodeData:
    """Return what a node trains on and is scored on.

    Parameters
    ----------
    settings : DatasetSettings
        Which data, and how they are partitioned and split.
    holder : Holder
        Which node.
    seed : int
        The run's seed: all nodes cut the pool alike, whoever asks first.
    head : Head, optional
        What the handshake agreed on: labels are those of this head, whatever head these data have of their own. None:
        nothing was agreed on, and the task has the node's own head.

    Raises
    ------
    ConfigError
        A setting is wrong, or does not go with the data or the number of nodes.
    DataError
        A file is missing or malformed, the node has too few examples, or its labels do not fit `head`.
    """
    with _held(settings, holder) as held:
        return _node_data(_key(settings_for(settings, held)), held, seed, head)


def load_node_test(settings: DatasetSettings, holder: Holder, seed: int, head: Head | None = None) -> Examples | None:
    """Return a node's own test split, disjoint from what `load_node_data` gave it.

    None where the server has the test set (a shared pool with a test part), or where
    ``test_fraction`` is 0. Only for the end of a search; arguments and errors as in `load_node_data`.
    """
    with _held(settings, holder) as held:
        return _dataset(_key(settings_for(settings, held))).node_test(held, seed, head)


def load_server_test(
    settings: DatasetSettings,
    seed: int,  # noqa: ARG001 - a data set may draw it
    head: Head | None = None,
) -> TestSet | None:
    """Return the test set that the server holds; None where the tests are on the nodes.

    Only for the end of a search; arguments and errors as in `load_node_data`.
    """
    return None if settings.partition == "files" else _dataset(_key(settings)).server_test(head)


def load_task(settings: DatasetSettings, nodes: int, seed: int) -> Task:
    """Return what the first of the nodes of a simulation has data for, that has enough of them.

    Before nodes are asked this is as good as any. Arguments and errors as in `load_node_data`.
    """
    for partition in range(nodes - 1):
        with suppress(TooFewExamplesError):
            return load_node_data(settings, Holder(partition, nodes), seed).task
    return load_node_data(settings, Holder(nodes - 1, nodes), seed).task


def natural_partitions(settings: DatasetSettings) -> int | None:
    """Return how many people, or files of nodes, there are in training; None where that is not known.

    Errors as in `load_node_data`.
    """
    if settings.partition == "files":
        from common.data.files import files_of

        return len(files_of(settings))
    return _dataset(_key(settings)).natural_partitions()


def dataset_names() -> list[str]:
    """Return the names of all data sets: the modules of this package that hold one."""
    return sorted(module.name for module in iter_modules(__path__) if _class_in(module.name) is not None)


def settings_for(settings: DatasetSettings, holder: Holder) -> DatasetSettings:
    """Return the settings that hold for a node.

    Data of its own are ``local``, whatever data set a search names, and are read as the node says.
    """
    if holder.path is None:
        return settings
    options = settings.options if settings.name == "local" else {}
    return replace(settings, name="local", path=None, options={**options, **asdict(holder.reading)})


@contextmanager
def _held(settings: DatasetSettings, holder: Holder) -> Iterator[Holder]:
    """Give a holder with a file of its own, where it is to have one, whose name errors within tell."""
    if settings.partition != "files" or holder.path is not None:
        yield holder
        return
    from common.data.files import holder_of, naming  # they import all formats

    held = holder_of(settings, holder)
    with naming(str(held.path)):
        yield held


def _key(settings: DatasetSettings) -> str:
    return json.dumps(settings.to_json(), sort_keys=True)


@lru_cache(maxsize=32)
def _node_data(key: str, holder: Holder, seed: int, head: Head | None) -> NodeData:
    return _dataset(key).node_data(holder, seed, head)


@lru_cache(maxsize=4)
def _dataset(key: str) -> Dataset:
    settings = DatasetSettings.from_json(json.loads(key))
    known = {module.name for module in iter_modules(__path__)}
    found = _class_in(settings.name) if settings.name in known else None
    if found is None:
        raise ConfigError(
            f"dataset must be one of {', '.join(dataset_names())}",
            settings.name,
            fix="A new one is a module in common/data and a YAML in conf/dataset",
        )
    return found(settings)


def _class_in(name: str) -> type[Dataset] | None:
    """Return the data set that a module of this package defines."""
    module = import_module(f"{__name__}.{name}")
    classes = [value for value in vars(module).values() if inspect.isclass(value) and issubclass(value, Dataset)]
    # a data set may build on another one, which is then in its module too
    own = [cls for cls in classes if cls.__module__ == module.__name__ and not inspect.isabstract(cls)]
    return own[0] if own else None
