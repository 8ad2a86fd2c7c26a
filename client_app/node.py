"""Who a node is, and what it answers to the handshake."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from client_app.capability import cores, device, macs_per_second, memory_mb
from common.data import Holder, load_node_data
from common.data.formats import Reading
from common.errors import ConfigError
from common.jobs import NodeReport
from common.limits import NO_LIMITS, Limits
from common.preprocessing.statistics import STATISTICS
from common.settings import DatasetSettings, PreprocessingSettings

_SIMULATED = {"partition-id", "num-partitions"}
_LIMITS = {"max-params": "max_parameters", "max-macs": "max_macs", "max-memory-mb": "max_memory_mb"}
_MEMORY_PART = 4


@dataclass(frozen=True)
class Node:
    """A node: what it is called, what it holds, what it takes on.

    Parameters
    ----------
    name : str
        Stable; Flower's node id is not.
    holder : Holder
        Whose data it holds.
    limits : Limits
        The most that it takes on.
    simulated : bool
        It runs where the search was started, and may open the files that are named there.
    personal_dir : Path, optional
        Where it writes the model that it keeps of its own; None for nowhere.
    """

    name: str
    holder: Holder
    limits: Limits = NO_LIMITS
    simulated: bool = False
    personal_dir: Path | None = None


def node_of(config: Mapping[str, object]) -> Node:
    """Read a node config.

    Parameters
    ----------
    config : mapping of str to object
        ``name``: the node's name, by default ``partition-<partition-id>``. ``data``: its own file or folder;
        ``label``, ``task``, ``schema``, ``size`` and so on: how that is read, as `Reading` says. ``partition-id``
        and ``num-partitions``: its part of a shared pool; the simulation sets these two and no others, and a node
        with just these two is taken for simulated. ``max-params``, ``max-macs`` (of one example, forward),
        ``max-memory-mb``: the most that it takes on in one job. Without the last, a quarter of its memory, for
        Python with torch and the data need some too. ``personal-dir``: a folder for the model that it keeps of its own,
        see `client_app.personal`; the next run's takes its place.

    Raises
    ------
    ConfigError
        The config says neither what to call the node nor what data it holds, or says it in a wrong type.
    """
    name, path = _text(config, "name"), _text(config, "data")
    part, parts = _whole(config, "partition-id"), _whole(config, "num-partitions")
    if name is None and part is None:
        raise ConfigError(
            "A node needs a name that stays the same when it restarts",
            sorted(config),
            fix="""Start it with --node-config 'name="kitchen" data="/data/kitchen.npz"'""",
        )
    if path is None and (part is None or parts is None):
        raise ConfigError(
            "A node needs a file of its own, or a partition-id and num-partitions",
            sorted(config),
            fix="""Add data="/path/to/file.npz", or partition-id=0 num-partitions=10, to its --node-config""",
        )
    holder, own = Holder(part or 0, parts or 1, path, _reading(config)), _text(config, "personal-dir")
    return Node(
        name or f"partition-{part}",
        holder,
        _limits(config),
        simulated=set(config) == _SIMULATED,
        personal_dir=None if own is None else Path(own),
    )


def check_data_source(node: Node, dataset: DatasetSettings) -> None:
    """Raise `ConfigError` where a deployed node would have to open a file that the server names.

    What a node opens is for its own config to say; who runs the server could else read any file there.
    """
    if dataset.path is not None and node.holder.path is None and not node.simulated:
        raise ConfigError(
            "A deployed node opens no file that the server names (dataset.path)",
            dataset.path,
            fix="Name the node's own file in its --node-config, as data=...",
        )


def report(
    node: Node, dataset: DatasetSettings, preprocessing: PreprocessingSettings, seed: int, counts: bool = False
) -> NodeReport:
    """Return what the server learns of `node`: shapes, counts, what its head says of labels, sums over its inputs.

    Where `counts` asks for it, also how many training examples of each class there are, rounded down to multiples of
    `preprocessing.min_examples`; as its sums, and as what a head fits to targets, these do not leave a node that has
    fewer in all.

    Raises
    ------
    ConfigError, DataError
        The node has no data under `dataset`.
    """
    check_data_source(node, dataset)
    data = load_node_data(dataset, node.holder, seed)
    enough = len(data.train) >= preprocessing.min_examples
    inputs, least = data.task.inputs, preprocessing.min_examples
    sums = {name: STATISTICS[name].measured(data.train.x, inputs, least) for name in preprocessing.statistics}
    return NodeReport(
        name=node.name,
        input_shape=list(data.task.input_shape),
        head=data.task.head if enough else data.task.head.withheld(),
        num_train=len(data.train),
        num_validation=len(data.validation),
        cores=cores(),
        memory_mb=memory_mb(),
        device=str(device()),
        macs_per_second=macs_per_second(),
        limits=node.limits,
        num_test=data.num_test,
        sums={name: each for name, each in sums.items() if each is not None},
        counts=data.task.head.counts(data.train.y, preprocessing.min_examples) if counts and enough else [],
        schema=data.task.schema,
    )


def _reading(config: Mapping[str, object]) -> Reading:
    """Return how the node's own data are read; a name of two words may have a hyphen, as the limits have."""
    said: dict[str, Any] = {}
    for item in fields(Reading):
        for key in {item.name, item.name.replace("_", "-")} & set(config):
            said[item.name] = _OF_TYPE[type(item.default)](config, key)
    return Reading(**said)


def _limits(config: Mapping[str, object]) -> Limits:
    unknown = sorted(key for key in config if key.startswith("max-") and key not in _LIMITS)
    if unknown:
        raise ConfigError(f"The limits of a node are {', '.join(_LIMITS)}", unknown[0], fix="Correct its --node-config")
    values = {field: _whole(config, key) for key, field in _LIMITS.items()}
    for key, field in _LIMITS.items():
        value = values[field]
        if value is not None and value < 1:
            raise ConfigError(f"The node config's {key} must be 1 or more", value, fix="Leave it out for no limit")
    if values["max_memory_mb"] is None:
        values["max_memory_mb"] = memory_mb() // _MEMORY_PART or None
    return Limits(**values)


def _text(config: Mapping[str, object], key: str) -> str | None:
    value = config.get(key)
    if value is not None and not (isinstance(value, str) and value):
        raise ConfigError(f"The node config's {key} must be a text", value, fix=f'Quote it: {key}="..."')
    return value


def _whole(config: Mapping[str, object], key: str) -> int | None:
    value = config.get(key)
    if value is not None and (not isinstance(value, int) or isinstance(value, bool)):
        raise ConfigError(
            f"The node config's {key} must be a whole number", value, fix=f"Write {key}=0, without quotes"
        )
    return value


def _flag(config: Mapping[str, object], key: str) -> bool:
    value = config.get(key)
    if not isinstance(value, bool):
        raise ConfigError(f"The node config's {key} must be true or false", value, fix=f"Write {key}=true")
    return value


def _number(config: Mapping[str, object], key: str) -> float:
    value = config.get(key)
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise ConfigError(f"The node config's {key} must be a number", value, fix=f"Write {key}=2.56, without quotes")
    return float(value)


_OF_TYPE: Mapping[type, Callable[[Mapping[str, object], str], object]] = {
    str: _text,
    bool: _flag,
    float: _number,
    int: _whole,
}
"""By the type of a field of `Reading`: what reads it."""
