from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from common.data.formats import Contents
from common.data.formats.npz import read
from common.errors import DataError
from tests.benchmarks.equal_cost import data
from tests.benchmarks.equal_cost.data import CASES, Case, first_examples, first_people

NUMBERS = np.arange(12)
# test examples stand between those that train; person 5 comes before person 2
SPLIT = np.array([0, 1, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0])
CLIENT = np.array([5, 8, 5, 2, 9, 2, 7, 7, 8, 5, 2, 7])
FILE = Contents(NUMBERS[:, None].astype(np.float32), NUMBERS % 3, np.array(["p", "q", "r"]), CLIENT, SPLIT)


def rows(contents: Contents) -> list[int]:
    kept = contents.x[:, 0].astype(int)
    assert contents.client is not None
    assert contents.split is not None
    for array, whole in ((contents.y, FILE.y), (contents.client, CLIENT), (contents.split, SPLIT)):
        assert array.tolist() == whole[kept].tolist()
    assert contents.classes is FILE.classes
    return kept.tolist()


def test_the_first_examples_are_those_of_the_training_part() -> None:
    assert rows(first_examples(FILE, 4)) == [0, 1, 2, 3, 4, 5, 8]


def test_a_file_with_fewer_examples_stays_whole() -> None:
    assert rows(first_examples(FILE, 100)) == NUMBERS.tolist()


def test_the_first_people_are_those_with_the_lowest_numbers_who_train() -> None:
    assert rows(first_people(FILE, 2)) == [0, 1, 2, 3, 4, 5, 8, 9, 10]


def test_test_examples_are_the_first_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data, "TESTED", 2)
    assert rows(first_examples(FILE, 1)) == [0, 1, 4]


def test_without_a_split_all_examples_train() -> None:
    part = first_examples(replace(FILE, split=None, client=None), 3)
    assert part.x[:, 0].tolist() == [0, 1, 2]
    assert part.split is None
    assert part.client is None


def test_people_must_be_known() -> None:
    with pytest.raises(DataError, match="whose each example is"):
        first_people(replace(FILE, client=None), 2)


def test_a_part_is_a_file_that_reads_as_any_other(tmp_path: Path) -> None:
    path, folder = tmp_path / "some.npz", tmp_path / "parts"
    folder.mkdir()
    np.savez(path, x=FILE.x, y=FILE.y, client=CLIENT, split=SPLIT)
    whole = Case(()).file(path, folder)
    part = Case((), lambda contents: first_people(contents, 2)).file(path, folder)
    assert whole == path
    assert list(folder.iterdir()) == [part]
    assert read(str(part), "").x[:, 0].tolist() == [0, 1, 2, 3, 4, 5, 8, 9, 10]


def test_an_error_names_the_file(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"none\.npz"):
        CASES["fashion_mnist"].file(tmp_path / "none.npz", tmp_path)
