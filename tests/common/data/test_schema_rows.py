"""Rows of a program become the vectors that nodes make of their tables."""

from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pytest

from common.data.formats import Reading, read
from common.data.schema_file import save_schema
from common.data.schema_rows import vectors_of
from common.errors import DataError
from common.preprocessing.schema import Declared, Schema

SCHEMA = Schema(
    (
        Declared("age", "number", range=(0.0, 120.0)),
        Declared("chol", "number", zero_means_missing=True),
        Declared("cp", "category", values=("1", "2"), missing=True),
        Declared("ill", "label", classes=("no", "yes")),
        Declared("seen", "date", missing=True),
        Declared("sex", "yes_no"),
    )
)
ROWS: list[dict[str, object]] = [
    {"age": 63, "chol": 233.5, "cp": 1, "seen": date(1970, 1, 11), "sex": True, "ill": "yes"},
    {"age": np.float32(41.5), "chol": 0, "cp": None, "seen": datetime(1970, 1, 2, 12, tzinfo=UTC), "sex": "no"},
    {"age": " 70.0", "chol": float("nan"), "cp": 2.0, "sex": np.bool_(True), "more": "x"},
]
NAN = np.nan
X = [  # age, chol and whether it is missing, cp in two and missing, seen and missing, sex
    [63, 233.5, 0, 1, 0, 0, 10, 0, 1],
    [41.5, NAN, 1, 0, 0, 1, 1.5, 0, 0],
    [70, NAN, 1, 0, 1, 0, NAN, 1, 1],
]


def test_cells_are_texts_numbers_truths_and_dates() -> None:
    np.testing.assert_array_equal(vectors_of(SCHEMA, ROWS), np.array(X, np.float32))


def test_a_table_of_the_same_rows_gives_the_same(tmp_path: Path) -> None:
    save_schema(tmp_path / "schema.yaml", SCHEMA)
    (tmp_path / "data.csv").write_text(
        "sex,ill,age,chol,cp,seen\n1,yes,63,233.5,1,1970-01-11\nno,no,41.5,0,,1970-01-02T12:00Z\nTrue,yes,70.0,,2.0,\n"
    )
    raw = read(str(tmp_path / "data.csv"), Reading(schema=str(tmp_path / "schema.yaml")))
    np.testing.assert_array_equal(vectors_of(SCHEMA, ROWS), raw.x)


@pytest.mark.parametrize(
    ("change", "detail"),
    [
        ({"age": None}, "row 1, column 'age' is empty"),
        ({"age": 121}, "121 is not within 0 to 120"),
        ({"cp": 3}, "row 1, column 'cp': '3'"),
        ({"sex": "w"}, "row 1, column 'sex': 'w'"),
    ],
)
def test_a_cell_that_is_not_as_declared_is_refused(change: dict[str, object], detail: str) -> None:
    with pytest.raises(DataError) as caught:
        vectors_of(SCHEMA, [{**ROWS[0], **change}])
    assert detail in caught.value.detail
