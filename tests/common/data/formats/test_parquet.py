import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from common.data.formats import Contents, Reading, read
from common.errors import DataError

Write = Callable[..., Contents]


@pytest.fixture
def table(tmp_path: Path) -> Write:
    """Write columns as .parquet and read them."""

    def write(columns: dict[str, Any], label: str = "label", **options: Any) -> Contents:
        path = tmp_path / "data.parquet"
        pq.write_table(pa.table(columns), path, **options)
        return read(str(path), Reading(label))

    return write


def test_columns_are_told_apart_by_their_names(table: Write) -> None:
    columns = {"b": [1, 2], "kind": ["dog", "cat"], "a": [0.5, -1.0], "c": [True, False], "client": [3, 4]}
    raw = table({**columns, "split": ["train", "test"]}, "kind")
    assert raw.x.tolist() == [[1, 0.5, 1], [2, -1, 0]]
    assert raw.classes is not None
    assert (raw.y.tolist(), raw.classes.tolist()) == ([1, 0], ["cat", "dog"])
    assert raw.client is not None
    assert raw.client.tolist() == [3, 4]
    assert raw.split is not None
    assert raw.split.tolist() == [0, 1]


@pytest.mark.parametrize("labels", [pa.array([2, 0, 1], pa.int8()), pa.array([2.0, 0.0, 1.0])])
def test_whole_numbers_are_labels_as_they_are(table: Write, labels: Any) -> None:
    raw = table({"a": [1, 2, 3], "label": labels})
    assert (raw.y.tolist(), raw.classes) == ([2, 0, 1], None)


def test_categories_are_names(table: Write) -> None:
    raw = table({"a": [1, 2, 3], "label": pa.array(["b", "a", "b"]).dictionary_encode()})
    assert raw.y.tolist() == [1, 0, 1]


@pytest.mark.parametrize("kind", [pa.list_(pa.float64()), pa.large_list(pa.float32()), pa.list_(pa.uint8(), 3)])
def test_one_column_may_hold_vectors(table: Write, kind: Any) -> None:
    rows = [[number, number + 1, 7] for number in range(6)]
    raw = table({"x": pa.array(rows, kind), "label": range(6)}, row_group_size=4)
    assert raw.x.tolist() == rows


def test_a_single_feature_may_be_called_x(table: Write) -> None:
    assert table({"x": [5.0, 6.0], "label": [0, 1]}).x.tolist() == [[5], [6]]


BAD: list[tuple[dict[str, Any], str, str]] = [
    ({"a": [1.0]}, "must have the column 'label'", "'a'"),
    ({"label": [1]}, "a column of numbers besides", ""),
    ({"a": pa.array([], pa.float32()), "label": pa.array([], pa.int8())}, "must have rows", ""),
    ({"a": [1.0, None], "label": [0, 1]}, "no empty cells", "row 2, column 'a' is empty"),
    ({"a": [1.0, 2.0], "label": [0, None]}, "no empty cells", "row 2, column 'label' is empty"),
    ({"a": ["u", "v"], "label": [0, 1]}, "must hold numbers", "column 'a' is of type string"),
    ({"a": [1.0, np.nan], "label": [0, 1]}, "must be finite", "row 2, column 'a': nan"),
    ({"a": [1.0, 1e300], "label": [0, 1]}, "32 bits", "row 2, column 'a': 1e+300"),
    ({"a": [1.0, 2.0], "label": [0, np.inf]}, "whole numbers or names", "row 2, column 'label': 'inf'"),
    ({"a": [1.0, 2.0], "label": [0, 1], "split": [0, 2]}, "train or test", "row 2, column 'split': '2'"),
    ({"x": [[1.0], [1.0, 2.0]], "label": [0, 1]}, "of one length", "row 2 has 2 numbers, the first row 1"),
    ({"x": pa.array([[], []], pa.list_(pa.int8())), "label": [0, 1]}, "of one length", "row 1 has 0"),
    ({"x": [[1.0], [None]], "label": [0, 1]}, "no empty cells", "'x'"),
    ({"x": [["u"], ["v"]], "label": [0, 1]}, "must hold numbers", "column 'x' is of type list"),
    ({"x": [[1.0], [np.inf]], "label": [0, 1]}, "must be finite", "row 2, column 'x': inf"),
    ({"x": [[1.0], [2.0]], "a": [1, 2], "label": [0, 1]}, "must hold numbers", "column 'x' is of type list"),
]


@pytest.mark.parametrize(("columns", "rule", "detail"), BAD, ids=[f"{rule}-{detail}" for _, rule, detail in BAD])
def test_a_malformed_table_names_row_and_column(table: Write, columns: dict[str, Any], rule: str, detail: str) -> None:
    with pytest.raises(DataError) as caught:
        table(columns)
    assert rule in str(caught.value)
    assert detail in caught.value.detail


def test_texts_that_are_none_are_one_clear_error(tmp_path: Path) -> None:
    path = tmp_path / "data.parquet"
    broken = pa.StringArray.from_buffers(2, pa.py_buffer(np.array([0, 1, 2], np.int32)), pa.py_buffer(b"\xff\xfe"))
    pq.write_table(pa.table({"a": [1, 2], "label": broken}), path)
    with pytest.raises(DataError, match="cannot be read as Parquet"):
        read(str(path))


@pytest.mark.parametrize("content", [b"", b"PAR1", b"a,label\n1,2\n"])
def test_a_file_of_another_kind_is_one_clear_error(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "data.parquet"
    path.write_bytes(content)
    with pytest.raises(DataError, match="cannot be read as Parquet"):
        read(str(path))


def test_without_pyarrow_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "data.parquet"
    path.touch()
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(DataError, match=r'package pyarrow must be installed. pip install "flwr-nas\[parquet\]"'):
        read(str(path))
