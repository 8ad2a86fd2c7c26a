"""Tables by a schema: any order, any writer; what differs is told by column, with what to do."""

import csv
import gzip
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.data.formats import Contents, Reading, read
from common.data.ingest import pool_of
from common.data.schema_file import save_schema
from common.errors import ConfigError, DataError
from common.preprocessing.schema import Schema
from common.tasks import Classification, Multilabel, Regression

SCHEMA = Schema.from_dict(
    {
        "columns": {
            "age": {"role": "number", "unit": "years", "range": [0.0, 120.0]},
            "chol": {"role": "number", "unit": "mg/dl", "zero_means_missing": True},
            "cp": {"role": "category", "values": ["1", "2"], "missing": True},
            "sex": {"role": "yes_no"},
            "seen": {"role": "date", "missing": True},
            "note": {"role": "ignore"},
            "ill": {"role": "label", "classes": ["yes", "no"]},
            "who": {"role": "client"},
            "part": {"role": "split"},
        }
    }
)
HEADER = ["age", "chol", "cp", "sex", "seen", "note", "ill", "who", "part"]
ROWS = [
    ["63", "233", "1", "1", "2026-01-02", "x", "no", "ann", "train"],
    ["41.5", "0", "2", "no", "", "", "yes", "ben", "test"],
    ["70", "200", "", "True", "1970-01-01", "", "yes", "ann", "0"],
]
DAYS = float((np.datetime64("2026-01-02") - np.datetime64("1970-01-01")).astype(int))
NAN = np.nan
X = [  # age, chol and whether it is missing, cp in two and missing, seen and missing, sex
    [63, 233, 0, 1, 0, 0, DAYS, 0, 1],
    [41.5, NAN, 1, 0, 1, 0, NAN, 1, 0],
    [70, 200, 0, 0, 0, 1, 0, 0, 1],
]

Write = Callable[..., Contents]


def text_of(header: list[str], rows: list[list[str]], sign: str = ",", end: str = "\n") -> str:
    stream = io.StringIO(newline="")
    csv.writer(stream, delimiter=sign, lineterminator=end).writerows([header, *rows])
    return stream.getvalue()


@pytest.fixture(scope="module")
def schema_path(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("schema") / "schema.yaml"
    save_schema(path, SCHEMA)
    return str(path)


@pytest.fixture
def table(tmp_path: Path, schema_path: str) -> Write:
    """Write rows and read them by the schema, or by another one."""

    def write(rows: list[list[str]] = ROWS, header: list[str] = HEADER, schema: Schema | None = None) -> Contents:
        path = tmp_path / "data.csv"
        path.write_text(text_of(header, rows))
        if schema is not None:
            save_schema(tmp_path / "schema.yaml", schema)
        return read(str(path), Reading(schema=str(tmp_path / "schema.yaml") if schema else schema_path))

    return write


def with_cell(row: int, column: str, value: str) -> list[list[str]]:
    rows = [list(each) for each in ROWS]
    rows[row][HEADER.index(column)] = value
    return rows


def test_rows_become_what_the_schema_says(table: Write) -> None:
    raw = table()
    np.testing.assert_array_equal(raw.x, np.array(X, np.float32))
    assert raw.features[:3] == ("age", "chol", "chol is missing")
    assert raw.y.tolist() == [1, 0, 0]
    assert (raw.client is not None, raw.split is not None) == (True, True)
    assert raw.client is not None
    assert raw.split is not None
    assert (raw.client.tolist(), raw.split.tolist()) == ([0, 1, 0], [0, 1, 0])
    assert raw.notes == ()
    pool = pool_of(raw, own=True)
    assert pool.task.head == Classification(2, ("yes", "no"))  # in the order of the schema
    assert pool.task.schema == SCHEMA
    np.testing.assert_array_equal(pool.take(np.arange(3)).x, np.array(X, np.float32))


WRITERS = st.fixed_dictionaries(
    {
        "order": st.permutations(range(len(HEADER))),
        "sign": st.sampled_from(",;\t|"),
        "end": st.sampled_from(["\n", "\r\n"]),
        "encoding": st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
        "packed": st.booleans(),
        "comma": st.booleans(),
    }
)


@given(writer=WRITERS)
def test_any_order_and_any_writer_give_the_same(
    tmp_path_factory: pytest.TempPathFactory, schema_path: str, writer: dict[str, Any]
) -> None:
    places = writer["order"]
    rows = [[cell.replace(".", ",") if writer["comma"] else cell for cell in row] for row in ROWS]
    text = text_of(
        [HEADER[place] for place in places],
        [[row[place] for place in places] for row in rows],
        writer["sign"],
        writer["end"],
    )
    content = text.encode(writer["encoding"])
    path = tmp_path_factory.mktemp("any") / ("data.csv.gz" if writer["packed"] else "data.csv")
    path.write_bytes(gzip.compress(content) if writer["packed"] else content)
    raw = read(str(path), Reading(schema=schema_path))
    np.testing.assert_array_equal(raw.x, np.array(X, np.float32))
    assert raw.y.tolist() == [1, 0, 0]


def test_parquet_with_types_gives_the_same(tmp_path: Path, schema_path: str) -> None:
    path = tmp_path / "data.parquet"
    columns = {
        "age": [63, 41.5, 70],
        "chol": pa.array([233, 0, 200], pa.int16()),
        "cp": pa.array([1.0, 2.0, None]),  # as pandas has whole numbers with gaps
        "sex": [True, False, True],
        "seen": pa.array([DAYS * 86_400_000, None, 0], pa.float64()).cast(pa.int64()).cast(pa.timestamp("ms")),
        "ill": pa.array(["no", "yes", "yes"]).dictionary_encode(),
        "who": ["ann", "ben", "ann"],
        "part": [0, 1, 0],
    }
    pq.write_table(pa.table(columns), path)
    raw = read(str(path), Reading(schema=schema_path))
    np.testing.assert_array_equal(raw.x, np.array(X, np.float32))
    assert raw.y.tolist() == [1, 0, 0]


def test_what_is_not_in_the_schema_is_left_out_and_told(table: Write) -> None:
    raw = table([[*row, "7", "8"] for row in ROWS], [*HEADER, "Unnamed: 0", "weight"])
    np.testing.assert_array_equal(raw.x, np.array(X, np.float32))
    assert raw.notes == ("Not in the schema, and left out, are 'Unnamed: 0', 'weight'.",)


def test_a_column_to_ignore_may_lack(table: Write) -> None:
    at = HEADER.index("note")
    assert table([row[:at] + row[at + 1 :] for row in ROWS], HEADER[:at] + HEADER[at + 1 :]).notes == ()


def test_the_unit_may_be_in_the_name(table: Write) -> None:
    header = ["age [Years]" if name == "age" else name for name in HEADER]
    np.testing.assert_array_equal(table(header=header).x, np.array(X, np.float32))
    with pytest.raises(DataError, match="must be in the unit that the schema declares") as caught:
        table(header=["chol (mmol/l)" if name == "chol" else name for name in HEADER])
    assert caught.value.detail == "column 'chol (mmol/l)', where the schema has 'chol' in mg/dl"


def test_rows_without_a_label_are_left_out(table: Write) -> None:
    raw = table([*ROWS, ["200", "", "9", "?", "", "", "NA", "", ""]])
    np.testing.assert_array_equal(raw.x, np.array(X, np.float32))
    assert raw.notes == ("1 of 4 rows has no label in 'ill' and is left out: row 5.",)


def test_other_values_are_one_where_they_may_be(table: Write) -> None:
    changed = SCHEMA.to_dict()
    changed["columns"]["cp"]["other"] = True
    raw = table(with_cell(0, "cp", "4"), schema=Schema.from_dict(changed))
    assert raw.x[:, 3:7].tolist() == [[0, 0, 1, 0], [0, 1, 0, 0], [0, 0, 0, 1]]
    assert raw.notes == ("In the column 'cp', 1 rows have a value that the schema does not list.",)


def test_a_value_that_stands_for_nothing_elsewhere_may_be_one(table: Write) -> None:
    changed = SCHEMA.to_dict()
    changed["columns"]["cp"]["values"] = ["1", "2", "NA"]
    raw = table(with_cell(0, "cp", "NA"), schema=Schema.from_dict(changed))
    assert raw.x[0, 3:7].tolist() == [0, 0, 1, 0]


def test_numbers_to_learn_are_targets(table: Write) -> None:
    changed = SCHEMA.to_dict()
    changed["columns"] |= {"ill": {"role": "target", "unit": "points"}, "who": {"role": "target"}}
    rows = [[*row[:6], points, other, row[8]] for row, points, other in zip(ROWS, "123", "456", strict=True)]
    raw = table([*rows, [*rows[0][:6], "", "4", "0"]], schema=Schema.from_dict(changed))
    assert raw.y.tolist() == [[1, 4], [2, 5], [3, 6]]
    pool = pool_of(raw, own=True)
    assert pool.task.head == Regression((0.0, 0.0), (1.0, 1.0))
    assert pool.y.dtype == np.float32


SEVERAL = {"role": "label"}


def test_several_labels_are_columns_of_yes_and_no(table: Write, tmp_path: Path) -> None:
    changed = SCHEMA.to_dict()
    changed["columns"] |= {"ill": SEVERAL, "coughs": SEVERAL, "who": {"role": "ignore"}}
    schema = Schema.from_dict(changed)
    header = [*HEADER, "coughs"]
    rows = [[*row, cell] for row, cell in zip(ROWS, ["1", "False", "no"], strict=True)]
    raw = table([*rows, [*ROWS[0], ""]], header, schema=schema)
    assert raw.notes == ("1 of 4 rows has no label in 'coughs' and is left out: row 5.",)
    pool = pool_of(raw, own=True)
    assert pool.task.head == Multilabel(2, ("coughs", "ill"))  # in the order of their names
    assert pool.y.tolist() == [[1, 0], [0, 1], [0, 1]]
    with pytest.raises(DataError, match="each of several labels") as caught:
        table([*rows, [*ROWS[0], "badly"]], header, schema=schema)
    assert caught.value.detail == "row 5, column 'coughs': 'badly'"
    columns = {name: [row[place] for row in rows] for place, name in enumerate(header)}
    pq.write_table(pa.table(columns | {"coughs": [True, False, False]}), tmp_path / "data.parquet")
    save_schema(tmp_path / "several.yaml", schema)
    again = read(str(tmp_path / "data.parquet"), Reading(schema=str(tmp_path / "several.yaml")))
    assert again.y.tolist() == raw.y.tolist()


BAD = [
    (with_cell(1, "age", ""), "unless the schema declares them", "row 3, column 'age' is empty"),
    (with_cell(1, "age", "old"), "must hold numbers", "row 3, column 'age': 'old'"),
    (with_cell(1, "age", "498"), "within the range", "498 is not within 0 to 120 years, as 1 of 3 numbers are not"),
    (with_cell(1, "chol", "1e300"), "fit into 32 bits", "row 3, column 'chol': '1e300'"),
    (with_cell(1, "cp", "5"), "a value that the schema lists", "row 3, column 'cp': '5' is none of '1', '2'"),
    (with_cell(1, "sex", "male"), "role yes_no", "row 3, column 'sex': 'male'"),
    (with_cell(1, "sex", ""), "unless the schema declares them", "column 'sex' is empty"),
    (with_cell(1, "seen", "soon"), "role date", "row 3, column 'seen': 'soon'"),
    (with_cell(1, "ill", "Yes"), "a class that the schema lists", "row 3, column 'ill': 'Yes' is none of 'yes', 'no'"),
    (with_cell(1, "who", ""), "must be said in each row", "row 3, column 'who' is empty"),
    (with_cell(1, "part", "val"), "must say train or test", "row 3, column 'part': 'val'"),
]


@pytest.mark.parametrize(("rows", "rule", "detail"), BAD, ids=[detail for _, _, detail in BAD])
def test_a_cell_that_is_not_as_declared_is_named(table: Write, rows: Any, rule: str, detail: str) -> None:
    with pytest.raises(DataError) as caught:
        table(rows)
    assert rule in str(caught.value)
    assert detail in caught.value.detail
    assert caught.value.fix


def test_a_missing_column_is_named_with_what_may_be_meant(table: Write) -> None:
    with pytest.raises(DataError, match="must have the columns that its schema declares") as caught:
        table(header=["Age" if name == "age" else "chest" if name == "cp" else name for name in HEADER])
    assert caught.value.detail == "'age', 'cp' are missing; 'Age' may be 'age'"
    with pytest.raises(DataError, match="must have the columns that its schema declares") as caught:
        table(header=["years" if name == "age" else name for name in HEADER])
    assert caught.value.detail == "'age' is missing; the table has 'years' besides"  # and not 'note', to be ignored


def test_days_and_months_are_told_apart_by_the_column(table: Write) -> None:
    days = [[*row[:4], day, *row[5:]] for row, day in zip(ROWS, ["31/01/2026", "01/02/2026", ""], strict=True)]
    first = float((np.datetime64("2026-01-31") - np.datetime64("1970-01-01")).astype(int))
    assert table(days).x[:2, 6].tolist() == [first, first + 1]
    unclear = [[*row[:4], day, *row[5:]] for row, day in zip(ROWS, ["05/01/2026", "01/02/2026", ""], strict=True)]
    with pytest.raises(DataError, match="role date") as caught:
        table(unclear)
    assert "05/01/2026 may begin with the day or with the month" in caught.value.detail


def test_a_schema_is_for_tables_and_says_the_label(tmp_path: Path, schema_path: str) -> None:
    np.savez(tmp_path / "data.npz", x=np.ones((2, 2), np.float32), y=[0, 1])
    with pytest.raises(DataError, match="Only a table has columns"):
        read(str(tmp_path / "data.npz"), Reading(schema=schema_path))
    with pytest.raises(ConfigError, match="A schema says which column is the label"):
        Reading("ill", schema=schema_path)
    with pytest.raises(ConfigError, match="A schema says what labels are for"):
        Reading(task="regression", schema=schema_path)
