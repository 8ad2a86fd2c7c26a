"""Who a node is, and what it answers to the handshake."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from client_app.capability import cores, device, memory_mb
from common.data import Holder, load_node_data
from common.errors import ConfigError
from common.jobs import NodeReport
from common.settings import DatasetSettings


@dataclass(frozen=True)
class Node:
    """A node's stable name and whose data it holds; Flower's node id is neither."""

    name: str
    holder: Holder


def node_of(config: Mapping[str, object]) -> Node:
    """Read a node config.

    Parameters
    ----------
    config : mapping of str to object
        ``name``: the node's name, by default ``partition-<partition-id>``. ``data``: its own file. ``partition-id``
        and ``num-partitions``: its part of a shared pool; the simulation sets them.

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
            dict(config),
            fix="""Start it with --node-config 'name="kitchen" data="/data/kitchen.npz"'""",
        )
    if path is None and (part is None or parts is None):
        raise ConfigError(
            "A node needs a file of its own, or a partition-id and num-partitions",
            dict(config),
            fix="""Add data="/path/to/file.npz", or partition-id=0 num-partitions=10, to its --node-config""",
        )
    return Node(name or f"partition-{part}", Holder(part or 0, parts or 1, path))


def report(node: Node, dataset: DatasetSettings, seed: int) -> NodeReport:
    """Return what the server learns of `node`: shapes and counts, never labels.

    Raises
    ------
    ConfigError, DataError
        The node has no data under `dataset`.
    """
    data = load_node_data(dataset, node.holder, seed)
    return NodeReport(
        name=node.name,
        input_shape=list(data.task.input_shape),
        num_classes=data.task.num_classes,
        num_train=len(data.train),
        num_validation=len(data.validation),
        cores=cores(),
        memory_mb=memory_mb(),
        device=str(device()),
    )


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
