"""What a data set gives: examples, splits, and who holds them.

A search sees `NodeData` only: training and validation. The test split is opened by a function of its
own, once, at the end.

A data set is one subclass of `Dataset` in a module of this package, and a YAML of the same name under
``conf/dataset``; nothing has to be registered.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import MISSING, dataclass, fields
from typing import Any, ClassVar, TypeVar

import numpy as np
from numpy.typing import NDArray

from common.data.formats.reading import PLAIN, Reading
from common.errors import ConfigError
from common.settings import DatasetSettings
from common.tasks import Head, Task

OptionsT = TypeVar("OptionsT")


@dataclass(frozen=True)
class Examples:
    """Inputs with their labels.

    Parameters
    ----------
    x : NDArray
        float32, shape ``(n, *input_shape)``. NaN stands for a gap, where a schema allows one.
    y : NDArray
        Shape ``(n, ...)``: int64 or float32, as the task's head says.
    """

    x: NDArray[np.float32]
    y: NDArray[Any]

    def __len__(self) -> int:
        return len(self.y)

    def take(self, index: NDArray[np.int64]) -> Examples:
        """Return the examples at `index`."""
        return Examples(self.x[index], self.y[index])


@dataclass(frozen=True)
class Holder:
    """Whose data to load.

    Parameters
    ----------
    partition, partitions : int
        In a simulation: which part of the pool, and into how many the pool is cut.
    path : str, optional
        In a deployment: the node's own file or folder, named in its node config. It wins over whatever data set a
        search names.
    reading : Reading
        How that is read. Names of classes leave the node, so which column of a table they are is for the node to say
        and for nobody else.
    """

    partition: int = 0
    partitions: int = 1
    path: str | None = None
    reading: Reading = PLAIN


@dataclass(frozen=True)
class NodeData:
    """What a node trains on and is scored on.

    Parameters
    ----------
    train, validation : Examples
        Disjoint.
    task : Task
        Shape of an example, and what comes out: as was agreed, else as this node's training examples say.
    num_test : int
        Size of the node's own test split, which is counted and not opened.
    """

    train: Examples
    validation: Examples
    task: Task
    num_test: int = 0


@dataclass(frozen=True)
class TestSet:
    """A test set that the server holds, with the people it comes from where they are known.

    Parameters
    ----------
    examples : Examples
        Never seen in training.
    group : NDArray, optional
        int64, shape ``(n,)``: whose example it is.
    """

    __test__ = False  # not a test case, whatever pytest thinks of its name

    examples: Examples
    group: NDArray[np.int64] | None = None


class Dataset(ABC):
    """One data set under given settings.

    Parameters
    ----------
    settings : DatasetSettings
        A field in `unused` that is not at its default raises `ConfigError`: it would do nothing.
    """

    unused: ClassVar[tuple[str, ...]] = ()

    def __init__(self, settings: DatasetSettings) -> None:
        self.settings = settings
        for item in fields(settings):
            value = getattr(settings, item.name)
            if item.name in self.unused and value != item.default:
                raise ConfigError(
                    f"The data set {settings.name!r} has no use for dataset.{item.name}",
                    value,
                    fix="Leave it out, or choose another data set",
                )

    @abstractmethod
    def node_data(self, holder: Holder, seed: int, head: Head | None = None) -> NodeData:
        """Return what `holder` trains on and is scored on, labelled for `head` where one was agreed on."""

    @abstractmethod
    def node_test(self, holder: Holder, seed: int, head: Head | None = None) -> Examples | None:
        """Return the test split of `holder`, or None where it has none of its own."""

    @abstractmethod
    def server_test(self, head: Head | None = None) -> TestSet | None:
        """Return the server's test set, or None where the tests are on the nodes."""

    @abstractmethod
    def natural_partitions(self) -> int | None:
        """Return how many people there are to train on, or None where that is not known."""


@dataclass(frozen=True)
class NoOptions:
    """Of a data set that has none."""


def parse_options(kind: type[OptionsT], settings: DatasetSettings) -> OptionsT:
    """Read ``settings.options`` into the dataclass `kind`, whose fields are bool, int, float, str or None.

    Raises
    ------
    ConfigError
        An option is unknown, or not of the kind that its default is.
    """
    defaults: dict[str, Any] = {item.name: item.default for item in fields(kind)}  # type: ignore[arg-type]
    texts = {item.name for item in fields(kind) if "str" in str(item.type)}  # type: ignore[arg-type]
    for name, value in settings.options.items():
        if name not in defaults:
            known = ", ".join(sorted(defaults)) or "none"
            raise ConfigError(f"The data set {settings.name!r} has these options: {known}", name, fix="Leave it out")
        kinds, wanted = _kinds("" if name in texts else defaults[name])
        optional = defaults[name] in (None, MISSING) and value is None
        if not optional and (not isinstance(value, kinds) or isinstance(value, bool) is not (kinds == (bool,))):
            raise ConfigError(f"dataset.options.{name} must be {wanted}", value, fix="See conf/dataset")
    return kind(**settings.options)


def _kinds(default: Any) -> tuple[tuple[type, ...], str]:
    """Return the types that an option with this default may have, and their name."""
    if isinstance(default, bool):
        return (bool,), "true or false"
    if isinstance(default, str):
        return (str,), "a text"
    return ((int, float), "a number") if isinstance(default, float) else ((int,), "a whole number")


def check_holder(holder: Holder) -> None:
    """Raise `ConfigError` unless `holder` is one of its partitions."""
    if not 0 <= holder.partition < holder.partitions:
        raise ConfigError(
            f"A partition must be one of 0 to {holder.partitions - 1}",
            holder.partition,
            fix="Give each node its own partition-id below num-partitions",
        )
