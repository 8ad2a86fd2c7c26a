import numpy as np
import pytest

from common.data import Holder, load_node_data, load_node_test, load_server_test, natural_partitions
from common.errors import ConfigError
from common.settings import DatasetSettings
from common.tasks import Classification

NODE = Holder(0, 10)


def settings(**options: object) -> DatasetSettings:
    return DatasetSettings(name="synthetic", options=dict(options))


def test_the_defaults_are_the_tutorials() -> None:
    data, test = load_node_data(settings(), NODE, 0), load_node_test(settings(), NODE, 0)
    assert test is not None
    assert data.train.x.shape == (200, 32)
    assert (data.train.x.dtype, data.train.y.dtype) == (np.float32, np.int64)
    assert data.task.input_shape == (32,)
    assert data.task.head == Classification(10)
    # ten nodes have 300 examples to score on, as the tutorial's server has
    assert (len(data.validation), len(test)) == (30, 30)
    assert load_server_test(settings(), 0) is None
    assert natural_partitions(settings()) is None


def test_the_feature_of_the_label_is_raised_and_the_rest_is_standard_normal() -> None:
    data = load_node_data(settings(examples=20_000, shift=3.0), NODE, 0).train
    raised = np.zeros(data.x.shape, dtype=bool)
    raised[np.arange(20_000), data.y] = True
    # means of 20,000 and 620,000 draws of variance 1: standard errors 0.007 and 0.0013
    assert abs(data.x[raised].mean() - 3.0) < 0.03
    assert abs(data.x[~raised].mean()) < 0.006
    assert abs(data.x[~raised].std() - 1.0) < 0.006
    # 2000 of each class expected, standard deviation 42
    assert np.abs(np.bincount(data.y, minlength=10) - 2000).max() < 200


def test_labels_beyond_the_features_wrap_around() -> None:
    data = load_node_data(settings(examples=500, features=2, classes=4, shift=100.0), NODE, 0).train
    np.testing.assert_array_equal(data.x.argmax(axis=1), data.y % 2)


def test_nodes_seeds_and_parts_differ_and_calls_do_not() -> None:
    def first(node: int, seed: int) -> float:
        return float(load_node_data(settings(), Holder(node, 10), seed).train.x[0, 0])

    data, test = load_node_data(settings(), NODE, 0), load_node_test(settings(), NODE, 0)
    again = load_node_test(settings(), NODE, 0)
    assert test is not None
    assert again is not None
    assert len({first(0, 0), first(1, 0), first(0, 1)}) == 3
    assert len({part.x[0, 0] for part in (data.train, data.validation, test)}) == 3
    np.testing.assert_array_equal(test.x, again.x)


def test_a_node_has_the_same_data_among_any_number_of_nodes() -> None:
    few, many = (load_node_data(settings(), Holder(1, nodes), 0) for nodes in (2, 50))
    np.testing.assert_array_equal(few.train.x, many.train.x)


def test_the_sizes_of_the_other_parts_do_not_change_the_training_part() -> None:
    few, many = (load_node_data(settings(validation_examples=count), NODE, 0) for count in (5, 50))
    np.testing.assert_array_equal(few.train.x, many.train.x)


def test_no_test_examples_mean_no_test() -> None:
    assert load_node_test(settings(test_examples=0), NODE, 0) is None


@pytest.mark.parametrize(
    ("chosen", "holder", "message"),
    [
        (settings(examples=0), NODE, "dataset.options.examples must be 1 or more, got 0"),
        (settings(validation_examples=0), NODE, "dataset.options.validation_examples must be 1 or more, got 0"),
        (settings(classes=1), NODE, "dataset.options.classes must be 2 or more, got 1"),
        (settings(dim=3), NODE, "got 'dim'"),
        (settings(shift="big"), NODE, "dataset.options.shift must be a number, got 'big'"),
        (DatasetSettings(name="synthetic", partition="dirichlet"), NODE, "no use for dataset.partition"),
        (DatasetSettings(name="synthetic", test_fraction=0.5), NODE, "no use for dataset.test_fraction, got 0.5"),
        (settings(), Holder(10, 10), "must be one of 0 to 9, got 10"),
    ],
)
def test_what_does_not_fit_is_refused(chosen: DatasetSettings, holder: Holder, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        load_node_data(chosen, holder, 0)
