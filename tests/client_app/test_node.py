from dataclasses import replace

import pytest

from client_app.capability import cores, memory_mb
from client_app.node import Node, node_of, report
from common.data import Holder, load_node_data
from common.errors import ConfigError, DataError
from common.settings import DatasetSettings


@pytest.mark.parametrize(
    ("config", "node"),
    [
        ({"partition-id": 3, "num-partitions": 10}, Node("partition-3", Holder(3, 10))),
        ({"name": "attic", "partition-id": 3, "num-partitions": 10}, Node("attic", Holder(3, 10))),
        ({"name": "attic", "data": "/data/a.npz"}, Node("attic", Holder(0, 1, "/data/a.npz"))),
        ({"partition-id": 1, "num-partitions": 2, "data": "a.npz"}, Node("partition-1", Holder(1, 2, "a.npz"))),
        ({"name": "attic", "data": "a.npz", "colour": "red"}, Node("attic", Holder(0, 1, "a.npz"))),
    ],
)
def test_a_node_config_is_read(config: dict[str, object], node: Node):
    assert node_of(config) == node


@pytest.mark.parametrize(
    ("config", "rule"),
    [
        ({}, "needs a name"),
        ({"data": "a.npz"}, "needs a name"),
        ({"name": "attic"}, "file of its own"),
        ({"partition-id": 1}, "file of its own"),
        ({"name": "attic", "num-partitions": 2}, "file of its own"),
        ({"name": "", "data": "a.npz"}, "name must be a text"),
        ({"name": 7, "data": "a.npz"}, "name must be a text"),
        ({"name": "attic", "data": 1.5}, "data must be a text"),
        ({"partition-id": "1", "num-partitions": 2}, "partition-id must be a whole number"),
        ({"partition-id": True, "num-partitions": 2}, "partition-id must be a whole number"),
        ({"partition-id": 1, "num-partitions": 2.0}, "num-partitions must be a whole number"),
    ],
)
def test_a_node_config_that_makes_no_sense_is_refused(config: dict[str, object], rule: str):
    with pytest.raises(ConfigError, match=rule) as error:
        node_of(config)
    assert "node-config" in str(error.value) or "Quote" in str(error.value) or "Write" in str(error.value)


def test_a_report_counts_and_never_tells_labels():
    settings, node = DatasetSettings("synthetic"), node_of({"partition-id": 2, "num-partitions": 10})
    data = load_node_data(settings, node.holder, 7)
    told = report(node, settings, 7)
    assert (told.name, told.input_shape, told.num_classes) == ("partition-2", [32], 10)
    assert (told.num_train, told.num_validation) == (len(data.train), len(data.validation))
    assert (told.cores, told.memory_mb, told.device) == (cores(), memory_mb(), "cpu")


def test_a_node_without_its_data_cannot_report():
    node = Node("attic", Holder(path="/nowhere/data.npz"))
    with pytest.raises(DataError, match="must exist"):
        report(node, DatasetSettings("local"), 0)
    with pytest.raises(ConfigError, match="partition"):
        report(Node("partition-9", Holder(9, 3)), replace(DatasetSettings(), name="synthetic"), 0)
