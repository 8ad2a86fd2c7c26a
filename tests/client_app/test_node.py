from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from client_app import node as module
from client_app.capability import cores, macs_per_second
from client_app.node import Node, check_data_source, node_of, report
from common.data import Examples, Holder, NodeData, load_node_data
from common.data.formats import Reading
from common.errors import ConfigError, DataError
from common.limits import Limits
from common.settings import DatasetSettings, PreprocessingSettings
from common.tasks import Classification, Head, Multilabel, Task
from tests.support.wire import PREPROCESSING

MEMORY = Limits(max_memory_mb=2000)


@pytest.fixture(autouse=True)
def eight_gigabytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "memory_mb", lambda: 8000)


@pytest.mark.parametrize(
    ("config", "node"),
    [
        ({"partition-id": 3, "num-partitions": 10}, Node("partition-3", Holder(3, 10), MEMORY, simulated=True)),
        ({"name": "attic", "partition-id": 3, "num-partitions": 10}, Node("attic", Holder(3, 10), MEMORY)),
        ({"name": "attic", "data": "/data/a.npz"}, Node("attic", Holder(0, 1, "/data/a.npz"), MEMORY)),
        ({"partition-id": 1, "num-partitions": 2, "data": "a.npz"}, Node("partition-1", Holder(1, 2, "a.npz"), MEMORY)),
        ({"name": "attic", "data": "a.npz", "colour": "red"}, Node("attic", Holder(0, 1, "a.npz"), MEMORY)),
        (
            {"name": "attic", "data": "a.npz", "personal-dir": "/models"},
            Node("attic", Holder(0, 1, "a.npz"), MEMORY, personal_dir=Path("/models")),
        ),
        (
            {"partition-id": 3, "num-partitions": 10, "personal-dir": "own"},
            Node("partition-3", Holder(3, 10), MEMORY, simulated=False, personal_dir=Path("own")),
        ),
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
        ({"name": "attic", "data": "a.npz", "personal-dir": ""}, "personal-dir must be a text"),
        ({"partition-id": "1", "num-partitions": 2}, "partition-id must be a whole number"),
        ({"partition-id": True, "num-partitions": 2}, "partition-id must be a whole number"),
        ({"partition-id": 1, "num-partitions": 2.0}, "num-partitions must be a whole number"),
        ({"name": "attic", "data": "a.npz", "max-params": "5"}, "max-params must be a whole number"),
        ({"name": "attic", "data": "a.npz", "max-macs": 1e6}, "max-macs must be a whole number"),
        ({"name": "attic", "data": "a.npz", "max-memory-mb": 0}, "max-memory-mb must be 1 or more"),
        ({"name": "attic", "data": "a.npz", "max-memory": 5}, "limits of a node are max-params, max-macs, max-memory"),
    ],
)
def test_a_node_config_that_makes_no_sense_is_refused(config: dict[str, object], rule: str):
    with pytest.raises(ConfigError, match=rule) as error:
        node_of(config)
    assert "node" in str(error.value) or "Quote" in str(error.value) or "Write" in str(error.value)


@pytest.mark.parametrize("key", ["skip_bad", "skip-bad"])
def test_a_node_config_says_how_the_data_are_read(key: str):
    config = {"name": "attic", "data": "photos", "label": "kind", "size": "8x8", "fit": "crop", key: True}
    assert node_of(config).holder.reading == Reading(label="kind", size="8x8", fit="crop", skip_bad=True)


def test_a_node_config_says_how_recordings_are_cut():
    config = {"name": "attic", "data": "walks", "window": 2.56, "hop": 1, "unit": "seconds", "rate": 50}
    assert node_of(config).holder.reading == Reading(window=2.56, hop=1.0, unit="seconds", rate=50)


@pytest.mark.parametrize(
    ("config", "rule"),
    [
        ({"skip_bad": 1}, "skip_bad must be true or false"),
        ({"size": 64}, "size must be a text"),
        ({"size": "64"}, "size must be width x height"),
        ({"size": "64x64", "fit": "squeeze"}, "fit must be one of resize, crop"),
        ({"fit": "crop"}, "size, which must be given"),
        ({"convert": "cmyk"}, "convert must be one of grey, rgb"),
        ({"window": "2.56"}, "window must be a number"),
        ({"hop": True, "window": 4}, "hop must be a number"),
        ({"rate": 50.5}, "rate must be a whole number"),
    ],
)
def test_a_way_of_reading_that_makes_no_sense_is_refused(config: dict[str, object], rule: str):
    with pytest.raises(ConfigError, match=rule):
        node_of({"name": "attic", "data": "photos", **config})


def test_a_node_config_limits_what_the_node_takes_on():
    config = {"name": "attic", "data": "a.npz", "max-params": 5, "max-macs": 6, "max-memory-mb": 7}
    assert node_of(config).limits == Limits(5, 6, 7)


def test_a_node_says_what_its_labels_are_for():
    config = {"name": "attic", "data": "a.csv", "label": "dose", "task": "regression"}
    assert node_of(config).holder.reading == Reading("dose", "regression")
    with pytest.raises(ConfigError, match="task must be one of classification, multilabel, regression"):
        node_of({**config, "task": "ranking"})


def test_a_system_that_does_not_tell_its_memory_sets_no_limit(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "memory_mb", lambda: 0)
    assert node_of({"name": "attic", "data": "a.npz"}).limits == Limits()


def test_a_refusal_tells_no_value_of_a_config_for_it_travels_to_the_server():
    with pytest.raises(ConfigError) as raised:
        node_of({"data": "/home/ada/patients.npz"})
    assert "patients" not in str(raised.value)
    assert "['data']" in str(raised.value)


@pytest.mark.parametrize(
    ("config", "path", "refused"),
    [
        ({"partition-id": 0, "num-partitions": 2}, "/etc/passwd", False),  # the simulation, on the server's machine
        ({"partition-id": 0, "num-partitions": 2, "name": "attic"}, "/etc/passwd", True),
        ({"partition-id": 0, "num-partitions": 2, "max-macs": 5}, "/etc/passwd", True),
        ({"partition-id": 0, "num-partitions": 2, "name": "attic"}, None, False),
        ({"name": "attic", "data": "a.npz"}, "/etc/passwd", False),  # it opens its own
    ],
)
def test_a_deployed_node_opens_no_file_that_the_server_names(config: dict[str, object], path: str, refused: bool):
    node, settings = node_of(config), DatasetSettings("synthetic", path)
    if not refused:
        check_data_source(node, settings)
        return
    with pytest.raises(ConfigError, match="opens no file that the server names") as error:
        check_data_source(node, settings)
    assert "--node-config" in str(error.value)
    with pytest.raises(ConfigError, match="opens no file that the server names"):
        report(node, settings, PREPROCESSING, 0)


def test_a_report_counts_and_never_tells_labels():
    settings, node = DatasetSettings("synthetic"), node_of({"partition-id": 2, "num-partitions": 10})
    data = load_node_data(settings, node.holder, 7)
    told = report(node, settings, PREPROCESSING, 7)
    assert (told.name, told.input_shape, told.head) == ("partition-2", [32], Classification(10))
    assert (told.num_train, told.num_validation) == (len(data.train), len(data.validation))
    assert (told.cores, told.memory_mb, told.device) == (cores(), 8000, "cpu")
    assert (told.limits, told.macs_per_second) == (MEMORY, macs_per_second())


def test_a_report_has_the_sums_that_were_asked_for_if_there_are_examples_enough():
    settings, node = DatasetSettings("synthetic"), node_of({"partition-id": 2, "num-partitions": 10})
    train = load_node_data(settings, node.holder, 7).train

    def sums(**asked):
        return report(node, settings, PreprocessingSettings(**asked), 7).sums

    told = sums(min_examples=len(train))["moments"]
    assert told.examples == len(train)
    np.testing.assert_allclose(told.values["sum"], train.x.astype(np.float64).sum(axis=0), rtol=1e-12)
    assert sums(min_examples=len(train) + 1) == sums(scope="node") == sums(scope="none") == {}


def test_a_report_counts_classes_where_that_is_asked_for_and_there_are_examples_enough():
    settings, node = DatasetSettings("synthetic"), node_of({"partition-id": 2, "num-partitions": 10})
    train = load_node_data(settings, node.holder, 7).train

    def counts(asked, min_examples):
        return report(node, settings, PreprocessingSettings("none", min_examples), 7, asked).counts

    assert counts(True, 1) == [int((train.y == label).sum()) for label in range(10)]
    assert counts(True, 20) == [int((train.y == label).sum()) // 20 * 20 for label in range(10)]
    assert counts(True, len(train)) == [0] * 10
    assert counts(True, len(train) + 1) == counts(False, 1) == []


LABELS = st.one_of(
    st.tuples(st.just(Classification(4)), arrays(np.int64, st.integers(1, 40), elements=st.integers(0, 3))),
    # a node whose examples are all of one class
    st.tuples(st.just(Classification(2, ("a",))), arrays(np.int64, st.integers(1, 40), elements=st.just(0))),
    st.tuples(
        st.just(Multilabel(3)),
        arrays(np.int64, st.tuples(st.integers(1, 40), st.just(3)), elements=st.integers(0, 1)),
    ),
)


@given(labels=LABELS, floor=st.integers(1, 12))
def test_no_count_of_fewer_than_the_floor_leaves_a_node(labels: tuple[Head, np.ndarray], floor: int) -> None:
    """Each is a multiple of it, by less than which it is too small; of fewer examples in all there is none."""
    head, y = labels
    examples = Examples(np.zeros((len(y), 2), np.float32), y)
    data = NodeData(examples, examples, Task((2,), head))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "load_node_data", lambda *_: data)
        settings = PreprocessingSettings("none", floor)
        told = report(Node("attic", Holder(path="a.npz")), DatasetSettings("local"), settings, 0, counts=True).counts
    if len(y) < floor:
        assert told == []
        return
    number = head.num_labels if isinstance(head, Multilabel) else len(head.classes) or head.num_classes
    true = [int(y[:, each].sum() if y.ndim == 2 else (y == each).sum()) for each in range(number)]
    assert len(told) == number
    assert all(count % floor == 0 and 0 <= held - count < floor for count, held in zip(told, true, strict=True))


def test_a_regression_has_no_classes_to_count():
    node = node_of({"partition-id": 0, "num-partitions": 2})
    assert report(node, DatasetSettings("diabetes"), PREPROCESSING, 0, counts=True).counts == []


def test_what_targets_are_like_is_told_where_there_are_examples_enough():
    node, settings = Node("partition-0", Holder(0, 2)), DatasetSettings("diabetes")
    y = load_node_data(settings, node.holder, 7).train.y.astype(np.float64)
    told, withheld = (
        report(node, settings, PreprocessingSettings(min_examples=least), 7).head for least in (len(y), len(y) + 1)
    )
    assert (told.mean, told.scale) == (pytest.approx((y.mean(),)), pytest.approx((y.std(),)))
    assert (withheld.mean, withheld.scale) == ((0.0,), (0.0,))


def test_a_node_without_its_data_cannot_report():
    node = Node("attic", Holder(path="/nowhere/data.npz"))
    with pytest.raises(DataError, match="must exist"):
        report(node, DatasetSettings("local"), PREPROCESSING, 0)
    with pytest.raises(ConfigError, match="partition"):
        report(Node("partition-9", Holder(9, 3)), replace(DatasetSettings(), name="synthetic"), PREPROCESSING, 0)
