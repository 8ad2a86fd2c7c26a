from dataclasses import dataclass

import numpy as np
import pytest

from common.data.base import Examples, Holder, NoOptions, check_holder, parse_options
from common.errors import ConfigError
from common.settings import DatasetSettings


@dataclass(frozen=True)
class Options:
    count: int = 3
    factor: float = 0.5
    limit: int | None = None


def settings(**options: object) -> DatasetSettings:
    return DatasetSettings(name="mine", options=dict(options))


def test_examples_are_counted_and_taken() -> None:
    examples = Examples(np.arange(6, dtype=np.float32).reshape(3, 2), np.array([0, 1, 2]))
    taken = examples.take(np.array([2, 0]))
    assert len(examples) == 3
    assert taken.x.tolist() == [[4.0, 5.0], [0.0, 1.0]]
    assert taken.y.tolist() == [2, 0]


def test_options_are_read_with_their_defaults() -> None:
    assert parse_options(Options, settings()) == Options(3, 0.5, None)
    assert parse_options(Options, settings(factor=2, limit=4)) == Options(3, 2, 4)
    assert parse_options(Options, settings(limit=None)) == Options()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"cuont": 1}, r"'mine' has these options: count, factor, limit, got 'cuont'"),
        ({"count": 1.5}, r"dataset.options.count must be a whole number, got 1.5"),
        ({"count": None}, r"dataset.options.count must be a whole number, got None"),
        ({"count": True}, r"dataset.options.count must be a whole number, got True"),
        ({"factor": "2"}, r"dataset.options.factor must be a number, got '2'"),
        ({"limit": "2"}, r"dataset.options.limit must be a whole number, got '2'"),
    ],
)
def test_a_wrong_option_is_named_with_its_value(options: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        parse_options(Options, settings(**options))


def test_a_data_set_without_options_says_so() -> None:
    with pytest.raises(ConfigError, match="these options: none, got 'count'"):
        parse_options(NoOptions, settings(count=1))


@pytest.mark.parametrize(("partition", "partitions"), [(-1, 3), (3, 3), (0, 0)])
def test_a_holder_is_one_of_the_partitions(partition: int, partitions: int) -> None:
    with pytest.raises(ConfigError, match=f"got {partition}"):
        check_holder(Holder(partition, partitions))


def test_the_first_and_the_last_partition_are_fine() -> None:
    check_holder(Holder(0, 3))
    check_holder(Holder(2, 3))
