"""Data of one's own: a file, or a folder of images; `common.data.formats` says which.

A pool that simulated nodes share (``dataset.path``), or each node's own (`Holder.path`, the node config's
``data``). A node's own data win over whatever data set a search names: the search's fractions and its way of
splitting apply to them, partitions do not.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Self

from common.data.base import parse_options
from common.data.formats import Reading, read
from common.data.ingest import pool_of
from common.data.pool import Pool, PooledDataset
from common.errors import ConfigError, DataError
from common.settings import DatasetSettings

NODE = "The node's data"
"""What errors call a node's own data; they travel to the server and name no file."""


@dataclass(frozen=True)
class LocalOptions(Reading):
    """Options of `Local`.

    Parameters
    ----------
    label
        As of `Reading`, as all that is not said here.
    num_classes : int, optional
        Of labels that are numbers; by default the largest label + 1, and then every label below it must
        occur in a pool that nodes share.
    test_clients : str
        Of a pool that nodes share: whose examples are for the test only, by number, such as ``3,7,33-42``.
    """

    num_classes: int | None = None
    test_clients: str = ""

    @classmethod
    def of(cls, reading: Reading) -> Self:
        """Return the options of what is read so."""
        return cls(**asdict(reading))

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.num_classes is not None and self.num_classes < 2:
            raise ConfigError("dataset.options.num_classes must be 2 or more", self.num_classes)


class Local(PooledDataset):
    """One file or folder that all nodes share (``dataset.path``), or each node's own."""

    def __init__(self, settings: DatasetSettings) -> None:
        super().__init__(settings)
        self.options = parse_options(LocalOptions, settings)

    @property
    def shared(self) -> bool:
        """Whether ``dataset.path`` is set."""
        return self.settings.path is not None

    def pool(self, own_file: str | None = None) -> Pool:
        """Return the examples of the node's own file if it has one, else those of ``dataset.path``."""
        path = self.settings.path if own_file is None else own_file
        if path is None:
            raise ConfigError(
                "The data set 'local' needs a file or a folder",
                fix="Set dataset.path, or in a deployment name each node's own as data in its --node-config",
            )
        try:
            pool = read_local(path, self.options, own=own_file is not None)
        except DataError as error:
            whose, fix = path, error.fix
            if own_file is not None:
                whose, fix = NODE, f"{error.fix}. On the node, `flwr-nas data check` says what is where"
            raise DataError(f"{whose}: {error.rule}", fix=fix, detail=error.detail) from None
        if own_file is not None or not self.options.test_clients:
            return pool
        return _with_test_clients(pool, self.options.test_clients)


@lru_cache(maxsize=2)
def _with_test_clients(pool: Pool, text: str) -> Pool:
    from common.data.held_clients import with_test_clients  # a deployed node never needs it

    return with_test_clients(pool, text)


@lru_cache(maxsize=2)
def read_local(path: str, options: LocalOptions, *, own: bool) -> Pool:
    """Read and check a file or folder, once a process (large ones take seconds).

    The two last are kept, with `x` in the type of the file.

    Parameters
    ----------
    path : str
        An absolute path, or one relative to the working directory.
    options : LocalOptions
        How it is read, and how many classes its labels are from.
    own : bool
        Whether it is a single node's, and need not hold every class.

    Raises
    ------
    DataError
        It is missing or malformed.
    """
    return pool_of(read(path, options), options.num_classes, own=own, task=options.task)
