"""Whose examples are for the test only, where no file says so."""

from pathlib import Path

import numpy as np
import pytest

from common.data import Holder, load_node_data, load_server_test, natural_partitions
from common.data.held_clients import numbers_of
from common.errors import ConfigError
from common.settings import DatasetSettings


def settings(folder: Path, test_clients: str, columns: str = "dose,client,label") -> DatasetSettings:
    rows = [f"{row},{1 + row % 4},{'yes' if row % 3 else 'no'}" for row in range(48)]
    (folder / "data.csv").write_text("\n".join([columns, *rows]))
    options = {"test_clients": test_clients}
    return DatasetSettings("local", str(folder / "data.csv"), "natural", options=options)


def test_numbers_and_ranges() -> None:
    assert numbers_of("3, 7,33-36,7").tolist() == [3, 7, 33, 34, 35, 36]


@pytest.mark.parametrize("text", ["a", "3-", "5-3", "1,,2", "0-9999999", "1.5"])
def test_what_names_no_clients(text: str) -> None:
    with pytest.raises(ConfigError, match="must name clients by their numbers"):
        numbers_of(text)


def test_they_are_tested_and_the_others_are_nodes(tmp_path: Path) -> None:
    given = settings(tmp_path, "2,4")
    assert natural_partitions(given) == 2
    test = load_server_test(given, 0)
    assert test is not None
    assert test.group is not None
    assert set(test.group.tolist()) == {2, 4}
    assert sorted(test.examples.x[:, 0].tolist()) == [row for row in range(48) if 1 + row % 4 in (2, 4)]
    held = [load_node_data(given, Holder(part, 2), 0) for part in range(2)]
    rows = np.concatenate([x for data in held for x in (data.train.x[:, 0], data.validation.x[:, 0])])
    assert sorted(rows.tolist()) == [row for row in range(48) if 1 + row % 4 in (1, 3)]


@pytest.mark.parametrize(
    ("text", "columns", "rule"),
    [
        ("2,9", "dose,client,label", "must have examples, got 9"),
        ("1-4", "dose,client,label", "must leave clients to train on"),
        ("2", "dose,more,label", "must know whose each example is"),
    ],
)
def test_what_cannot_be_held_out(text: str, columns: str, rule: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=rule):
        load_server_test(settings(tmp_path, text, columns), 0)
