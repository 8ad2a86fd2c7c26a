from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from common.data import Holder, load_node_data, load_node_test, load_server_test, natural_partitions
from common.data.formats import Reading
from common.data.local import LocalOptions, read_local
from common.errors import ConfigError, DataError
from common.settings import DatasetSettings
from common.tasks import Classification, Multilabel, Regression

Save = Callable[..., str]

Y = np.arange(30) % 3
X = np.arange(60, dtype=np.float32).reshape(30, 2)
NAMES = np.array(["eel", "cat", "dog"])
NAMED = Classification(3, ("eel", "cat", "dog"))
AGREED = Classification(4, ("ant", "cat", "dog", "eel"))


def settings(path: str | None = None, **more: object) -> DatasetSettings:
    return DatasetSettings(name="local", path=path, **more)  # type: ignore[arg-type]


def test_options_say_how_many_classes_there_are(save: Save) -> None:
    path = save(x=X, y=Y)
    assert load_node_data(settings(options={"num_classes": 4}), Holder(path=path), 0).task.head == Classification(4)


def test_which_column_is_the_label_is_for_the_node_to_say(tmp_path: Path) -> None:
    """Their names leave the node: a server that could choose the column would be told what is in it."""
    path = tmp_path / "data.csv"
    path.write_text("kind,client,a\n" + "cat,Ada,1\ndog,Bob,2\n" * 5)
    asked = settings(options={"label": "client"})
    data = load_node_data(asked, Holder(path=str(path), reading=Reading("kind")), 0)
    assert data.task.head == Classification(2, ("cat", "dog"))
    with pytest.raises(DataError, match="must have the column 'label'"):
        load_node_data(asked, Holder(path=str(path)), 0)


def test_an_option_names_the_column_of_a_pool_that_is_shared(tmp_path: Path) -> None:
    path = tmp_path / "data.csv"
    path.write_text("kind,a\n" + "cat,1\ndog,2\n" * 5)
    data = load_node_data(settings(str(path), options={"label": "kind"}), Holder(), 0)
    assert data.task.head == Classification(2, ("cat", "dog"))


def test_a_table_of_numbers_is_a_regression_where_that_is_said(tmp_path: Path) -> None:
    path = tmp_path / "data.csv"
    path.write_text("label,a\n" + "".join(f"{row / 4},{row}\n" for row in range(20)))
    shared = settings(str(path), options={"task": "regression"})
    own = Holder(path=str(path), reading=Reading(task="regression"))
    for data in (load_node_data(shared, Holder(), 0), load_node_data(settings(), own, 0)):
        assert isinstance(data.task.head, Regression)
        assert (data.train.y.dtype, data.train.y.shape) == (np.float32, (len(data.train), 1))
        np.testing.assert_array_equal(data.train.y, data.train.x / 4)
        assert data.task.head.mean == pytest.approx((data.train.y.mean(),))
    for options in ({}, {"task": "classification"}):
        with pytest.raises(DataError, match=r"dataset\.task=regression in a simulation"):
            load_node_data(settings(str(path), options=options), Holder(), 0)
    with pytest.raises(DataError, match=r'task="regression" in a node config'):
        load_node_data(shared, Holder(path=str(path)), 0)  # what a server says of a node's own file does not count


def test_several_labels_are_dealt_out_and_split_by_the_rarest_one_that_an_example_has(save: Save) -> None:
    rng = np.random.default_rng(0)
    y = (rng.random((400, 3)) < (0.6, 0.3, 0.1)).astype(np.uint8)
    path = save(x=rng.normal(size=(400, 4)).astype(np.float32), y=y, classes=NAMES)
    agreed = Multilabel(3, ("cat", "dog", "eel"))
    for partition in ("iid", "dirichlet"):
        chosen = settings(path, partition=partition)
        nodes = [load_node_data(chosen, Holder(number, 4), 0, agreed) for number in range(4)]
        tests = [load_node_test(chosen, Holder(number, 4), 0, agreed) for number in range(4)]
        parts = [part.y for node in nodes for part in (node.train, node.validation)]
        parts += [test.y for test in tests if test is not None]
        whole = np.concatenate(parts)
        assert whole.sum(axis=0).tolist() == y.sum(axis=0)[[1, 2, 0]].tolist()  # as the agreed names are sorted
        assert len(whole) == 400
    rare = [float(part.y[:, 1].mean()) for node in nodes for part in (node.train, node.validation)]
    assert max(abs(train - held) for train, held in zip(rare[::2], rare[1::2], strict=True)) < 0.06  # dog is the rarest


def test_a_missing_shared_file_is_named(tmp_path: Path) -> None:
    path = str(tmp_path / "gone.npz")
    with pytest.raises(DataError, match=r"gone\.npz: The file must exist\. Check its path: dataset.path"):
        load_node_data(settings(path), Holder(), 0)


def test_an_error_in_a_shared_file_names_it_and_tells_the_place_apart(tmp_path: Path) -> None:
    path = tmp_path / "data.csv"
    path.write_text("label,a\n0,1\n1,oops\n")
    with pytest.raises(DataError, match=r"data\.csv: Every column .* must hold numbers") as caught:
        load_node_data(settings(str(path)), Holder(), 0)
    assert "oops" not in str(caught.value)
    assert "(row 3, column 'a': 'oops')" in str(caught.value.in_full())


def test_a_mended_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "late.npz"
    with pytest.raises(DataError, match="must exist"):
        read_local(str(path), LocalOptions(), own=True)
    np.savez(path, x=X, y=Y)
    assert len(read_local(str(path), LocalOptions(), own=True).y) == 30


def test_a_file_is_read_once(save: Save) -> None:
    path = save(x=X, y=Y)
    assert read_local(path, LocalOptions(), own=True) is read_local(path, LocalOptions(), own=True)


def test_no_file_at_all_is_a_configuration_error() -> None:
    with pytest.raises(ConfigError, match=r"needs a file or a folder\. Set dataset\.path"):
        load_node_data(settings(), Holder(0, 2), 0)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"num_classes": 1}, "num_classes must be 2 or more, got 1"),
        ({"label": ""}, "label must name a column, got ''"),
        ({"task": "ranking"}, "task must be one of classification"),
        ({"task": 3}, r"options\.task must be a text"),
    ],
)
def test_options_must_make_sense(options: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        load_node_data(settings("/x.npz", options=options), Holder(), 0)


@pytest.mark.parametrize(
    "asked",
    [
        DatasetSettings(),
        DatasetSettings("synthetic", options={"features": 7}),
        DatasetSettings("local", "/nowhere.npz"),
        DatasetSettings("digits", partition="natural"),
    ],
)
def test_a_nodes_own_data_win_over_whatever_the_search_asks_for(save: Save, asked: DatasetSettings) -> None:
    holder = Holder(3, 7, save(x=X, y=Y))
    data, test = load_node_data(asked, holder, 0), load_node_test(asked, holder, 0)
    assert test is not None
    seen = np.concatenate([part.x for part in (data.train, data.validation, test)])
    assert sorted(seen[:, 0]) == X[:, 0].tolist()
    other = replace(asked, validation_fraction=0.5, test_fraction=0.0)
    assert len(load_node_data(other, holder, 0).validation) == 15
    assert load_node_test(other, holder, 0) is None


def test_labels_are_numbered_by_what_was_agreed_on(save: Save) -> None:
    holder = Holder(path=save(x=X, y=Y, classes=NAMES, split=np.arange(30) % 10 == 0))
    alone, agreed = load_node_data(settings(), holder, 0), load_node_data(settings(), holder, 0, AGREED)
    tests = load_node_test(settings(), holder, 0), load_node_test(settings(), holder, 0, AGREED)
    assert (alone.task.head, agreed.task.head) == (NAMED, AGREED)
    assert tests[0] is not None
    assert tests[1] is not None
    pairs = [(alone.train, agreed.train), (alone.validation, agreed.validation), (tests[0], tests[1])]
    for mine, ours in pairs:  # the same examples in the same order under the same names
        np.testing.assert_array_equal(mine.x, ours.x)
        assert [NAMES[label] for label in mine.y] == [AGREED.classes[label] for label in ours.y]


def test_the_servers_test_set_is_numbered_like_the_nodes(save: Save) -> None:
    path = save(x=X, y=Y, classes=NAMES, split=np.arange(30) % 2)
    test = load_server_test(settings(path), 0, AGREED)
    assert test is not None
    assert [AGREED.classes[label] for label in test.examples.y] == [NAMES[label] for label in Y[1::2]]


def test_a_class_that_was_not_agreed_on_is_refused(save: Save) -> None:
    holder = Holder(path=save(x=X, y=Y, classes=NAMES))
    with pytest.raises(DataError, match=r"only classes that were agreed on .* these hold others") as caught:
        load_node_data(settings(), holder, 0, Classification(3, ("ant", "cat", "dog")))
    assert "eel" not in str(caught.value)
    assert "'eel'" in caught.value.detail


@pytest.mark.parametrize("chosen", [DatasetSettings(), DatasetSettings("synthetic")])
def test_numbers_are_refused_where_names_were_agreed_on(save: Save, chosen: DatasetSettings) -> None:
    for holder in (Holder(path=save(x=X, y=Y)), Holder(0, 2)):
        for load in (load_node_data, load_node_test):
            with pytest.raises(DataError, match=r"have names.* are numbers\. Write the names"):
                load(chosen, holder, 0, AGREED)


@pytest.mark.shared_data
def test_mnist_writers_stay_apart(shared_data: Path) -> None:
    chosen = settings(str(shared_data / "mnist_writers.npz"), partition="natural")
    test = load_server_test(chosen, 0)
    assert test is not None
    assert test.group is not None
    assert natural_partitions(chosen) == 539
    assert len(np.unique(test.group)) == 297
    data = load_node_data(chosen, Holder(0, 539), 0)
    assert data.task.input_shape == (1, 28, 28)
    assert data.train.x.max() <= 1
