"""Tables as people have them: read as they are meant, or refused in one sentence; never read as something else."""

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

from common.data.formats import Contents, read
from common.errors import DataError

Write = Callable[..., Contents]

PLAIN = "alcohol,proline,label\n14.23,1065.0,red\n13.2,1050.0,white\n12.5,735.0,red\n"
X = [[14.23, 1065.0], [13.2, 1050.0], [12.5, 735.0]]
Y = ["red", "white", "red"]


@pytest.fixture
def table(tmp_path: Path) -> Write:
    """Write texts, bytes or columns, and read them."""

    def write(content: str | bytes | dict[str, Any], name: str = "data.csv") -> Contents:
        path = tmp_path / name
        if isinstance(content, dict):
            path = tmp_path / "data.parquet"
            pq.write_table(pa.table(content), path)
        else:
            path.write_bytes(content.encode() if isinstance(content, str) else content)
        return read(str(path))

    return write


def names(raw: Contents) -> list[str]:
    """Return the labels by name."""
    return [str(label) if raw.classes is None else str(raw.classes[label]) for label in raw.y]


def same(raw: Contents) -> None:
    np.testing.assert_array_equal(raw.x, np.array(X, np.float32))
    assert names(raw) == Y
    assert raw.features == ("alcohol", "proline")


AS_THEY_ARE = {
    "plain": PLAIN,
    "BOM": b"\xef\xbb\xbf" + PLAIN.encode(),
    "CRLF": PLAIN.replace("\n", "\r\n"),
    "semicolons": PLAIN.replace(",", ";"),
    "tabs": PLAIN.replace(",", "\t"),
    "bars": PLAIN.replace(",", "|"),
    "blanks after commas": PLAIN.replace(",", ", "),
    "blanks about labels": PLAIN.replace("red", " red "),
    "blank lines at the end": PLAIN + "\n\n",
    "rows of empty cells at the end": PLAIN + ",,\n,,\n",
    "blank lines above": "\n\n" + PLAIN,
    "quoted": '"alcohol","proline","label"\n"14.23","1065","red"\n"13.2","1050","white"\n"12.5","735","red"\n',
    "quoted after blanks": PLAIN.replace(",red", ', "red"'),
    "no end of the last line": PLAIN.strip(),
    "UTF-16": PLAIN.encode("utf-16"),
    "Excel says what parts": "sep=;\n" + PLAIN.replace(",", ";"),
    "commas at the end": PLAIN.replace("\n", ",\n"),
    "pluses and powers": PLAIN.replace("1065.0", "+1.065E3"),
}


@pytest.mark.parametrize("content", AS_THEY_ARE.values(), ids=AS_THEY_ARE)
def test_what_is_said_in_other_ways_is_the_same(table: Write, content: str | bytes) -> None:
    raw = table(content)
    same(raw)
    assert raw.notes == ()


def test_packed_files_are_read(table: Write) -> None:
    same(table(gzip.compress(PLAIN.encode()), "data.csv.gz"))
    same(table(gzip.compress(PLAIN.replace(",", "\t").encode()), "DATA.TSV.GZ"))
    same(table(gzip.compress(PLAIN.encode()), "data.csv"))
    with pytest.raises(DataError, match="must be packed with gzip"):
        table(PLAIN, "data.csv.gz")
    with pytest.raises(DataError, match="as text"):
        table(gzip.compress(PLAIN.encode())[:-9], "data.csv.gz")


def test_western_european_texts_of_windows_are_read_and_told(table: Write) -> None:
    raw = table(PLAIN.replace("red", "rosé €").encode("cp1252"))
    assert names(raw) == ["rosé €", "white", "rosé €"]
    assert raw.notes == ("It is not in UTF-8, and was read as Windows writes Western European texts (cp1252).",)
    assert names(table(PLAIN.encode() + b"1,2,\x81\n"))[-1] == "\x81"  # no cp1252


def test_letters_are_composed_so_that_sites_agree(table: Write) -> None:
    assert names(table(PLAIN.replace("red", "rose\u0301")))[0] == "ros\u00e9"


NUMBERS = {
    # the column a, the values, and what is told; beside it is b
    "decimal commas": (["1,5", "0,25", "-3"], [1.5, 0.25, -3], "1,5 is read as 1.5"),
    "thousands too": (["1.234,5", "1.000", "2"], [1234.5, 1000, 2], "1.234,5 is read as 1234.5"),
    "leading zero": (["0,123", "1,234", "2"], [0.123, 1.234, 2], "0,123 is read as 0.123"),
    "commas part thousands": (["1,234", "1,234,567", "2"], [1234, 1234567, 2], "1,234 is read as 1234"),
    "and a point": (["1,234.5", "10,000", "2"], [1234.5, 10000, 2], "1,234.5 is read as 1234.5"),
    "points part thousands": (["1.234.567", "1,5", "2"], [1234567, 1.5, 2], "is read as 1.5"),
    "blanks part thousands": (["1 234", "12 345 678", "2"], [1234, 12345678, 2], ""),
    "narrow blanks": (["1\u202f234,5", "1,5", "2"], [1234.5, 1.5, 2], "1234,5 is read as 1234.5"),
    "apostrophes": (["1'234.5", "2", "3"], [1234.5, 2, 3], ""),
    "the typographer's minus": (["\u22121.5", "2", "3"], [-1.5, 2, 3], ""),
    "booleans": (["True", "FALSE", "true"], [1, 0, 1], ""),
    "yes and no": (["yes", "No", "yes"], [1, 0, 1], "The column 'a' says yes and no, and is read as 1 and 0."),
}


@pytest.mark.parametrize(("cells", "values", "told"), NUMBERS.values(), ids=NUMBERS)
def test_numbers_are_read_where_nothing_else_can_be_meant(
    table: Write, cells: list[str], values: list[float], told: str
) -> None:
    raw = table("a;b;label\n" + "".join(f"{cell};{row * 7};cat\n" for row, cell in enumerate(cells)))
    np.testing.assert_array_equal(raw.x[:, 0], np.array(values, np.float32))
    assert raw.x[:, 1].tolist() == [0, 7, 14]
    assert len(raw.notes) == bool(told)
    assert told in "".join(raw.notes)


def test_other_columns_tell_what_a_comma_is(table: Write) -> None:
    rows = 'a,b,label\n"1,234",{},x\n"5,678",3,y\n'
    assert table(rows.format("2.5")).x[:, 0].tolist() == [1234, 5678]
    np.testing.assert_allclose(table(rows.format('"2,5"')).x[:, 0], [1.234, 5.678])
    with pytest.raises(DataError, match="in one way only") as caught:
        table(rows.format("2"))
    assert caught.value.detail == "row 2, column 'a': 1,234 may be 1234 or 1.234"


def test_parquet_has_booleans_and_texts_as_csv_has(table: Write) -> None:
    raw = table({"a": [True, False, True], "b": ["1,5", "2", "3"], "label": [1, 3, 1]})
    assert raw.x.tolist() == [[1, 1.5], [0, 2], [1, 3]]
    assert names(raw) == ["1", "3", "1"]


@pytest.mark.parametrize(
    "content",
    [
        "Unnamed: 0," + PLAIN.replace("\n", "\n9,").removesuffix("9,"),
        "," + PLAIN.replace("\n", "\n9,").removesuffix("9,"),
        {"alcohol": [14.23, 13.2, 12.5], "proline": [1065, 1050, 735], "label": Y, "__index_level_0__": [0, 3, 8]},
    ],
)
def test_a_column_without_a_name_is_left_out_and_told(table: Write, content: Any) -> None:
    raw = table(content)
    same(raw)
    (note,) = raw.notes
    assert "left out: what has no name of its own mostly counts rows" in note


def test_a_count_of_the_rows_is_left_out_by_its_name_and_else_asked_for(table: Write) -> None:
    lines = PLAIN.splitlines()
    for name, first in (("id", 0), ("Index", 1)):
        counted = "\n".join([f"{name},{lines[0]}", *(f"{row},{line}" for row, line in enumerate(lines[1:], first))])
        raw = table(counted)
        same(raw)
        assert raw.notes[0].startswith(f"The column '{name}' is left out, as no more than the numbers of the rows.")
    raw = table(counted.replace("Index", "day"))
    assert raw.features == ("day", "alcohol", "proline")
    assert raw.notes == ("The column 'day' counts the rows, from the first to the last. Is that a feature?",)
    filtered = counted.replace("\n3,", "\n51,")
    same(table(filtered))
    assert table(filtered.replace("Index", "day")).features[0] == "day"  # any numbers that differ
    assert table(filtered.replace("\n51,", "\n1,")).features[0] == "Index"  # these do not number the rows


def test_a_named_index_of_pandas_is_a_feature(tmp_path: Path) -> None:
    path = tmp_path / "data.parquet"
    plain = pa.table({"proline": [1.0, 2.0], "label": ["a", "b"], "alcohol": [5.0, 6.0]})
    told = b'{"index_columns": ["alcohol"], "column_indexes": [], "columns": []}'
    pq.write_table(plain.replace_schema_metadata({b"pandas": told}), path)
    assert read(str(path)).features == ("proline", "alcohol")


def test_dates_are_left_out_and_told(table: Write) -> None:
    days = ["2026-01-01", "2026-02-28 12:00", "2026-03-01"]
    lines = PLAIN.splitlines()
    raw = table("\n".join(["when," + lines[0], *(f"{day},{line}" for day, line in zip(days, lines[1:], strict=True))]))
    same(raw)
    (note,) = raw.notes
    assert note.startswith(
        "The column 'when' is left out: what it holds are dates. To use them, declare it in a schema"
    )
    stamps = pa.array([0, 86_400_000_000, 1], pa.timestamp("us"))
    assert table({"when": stamps, "a": [1, 2, 2], "label": Y}).features == ("a",)


def test_an_impossible_day_makes_a_column_one_of_texts(table: Write) -> None:
    with pytest.raises(DataError, match="must hold numbers") as caught:
        table("when,label\n2026-02-28,a\n2026-02-30,b\n")
    assert "column 'when'" in caught.value.detail


def test_what_stands_below_the_examples_is_left_out_with_its_row(table: Write) -> None:
    raw = table(PLAIN + "total,sum of all,\n")
    same(raw)
    assert raw.notes == ("1 of 4 rows has no label in 'label' and is left out: row 5.",)


@pytest.mark.parametrize("empty", ["", "NA", "nan", " ", "?"])
def test_rows_without_a_label_are_left_out_and_counted(table: Write, empty: str) -> None:
    raw = table(PLAIN + f"1,,{empty}\n")
    same(raw)
    assert raw.notes == ("1 of 4 rows has no label in 'label' and is left out: row 5.",)


def test_clients_and_parts_are_those_of_rows_with_a_label(table: Write) -> None:
    raw = table("a,client,split,label\n1,ann,train,x\n2,,,\n3,ben,test,y\n")
    assert (raw.x.tolist(), raw.client is not None, raw.split is not None) == ([[1], [3]], True, True)
    assert raw.client is not None
    assert raw.split is not None
    assert (raw.client.tolist(), raw.split.tolist()) == ([0, 1], [0, 1])


@pytest.mark.parametrize(
    ("labels", "classes"),
    [
        (["1", "2", "3"], ["1", "2", "3"]),  # no class 0 that nobody has
        (["1.0", "2.0", "3.0"], ["1", "2", "3"]),
        (["1", "3", "3"], ["1", "3"]),
        (["-1", "1", "1"], ["-1", "1"]),
        (["0", "1", "2"], None),
        (["True", "False", "True"], ["False", "True"]),
        (["TRUE", "false", "true"], ["False", "True"]),
    ],
)
def test_labels_are_what_they_are_called(table: Write, labels: list[str], classes: list[str] | None) -> None:
    raw = table("a,label\n" + "".join(f"{5 * row},{label}\n" for row, label in enumerate(labels)))
    assert (None if raw.classes is None else raw.classes.tolist()) == classes
    assert raw.notes == ()


def test_classes_that_differ_in_case_only_are_asked_for(table: Write) -> None:
    raw = table(PLAIN.replace("white", "Red"))
    assert names(raw) == ["red", "Red", "red"]
    assert raw.notes == (
        "The classes 'Red' and 'red' differ only in case, and are 2 classes. Are they meant to be one?",
    )


WRITERS = st.fixed_dictionaries(
    {
        "sign": st.sampled_from([",", ";", "\t", "|"]),
        "encoding": st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
        "end": st.sampled_from(["\n", "\r\n"]),
        "packed": st.booleans(),
        "order": st.permutations(["a", "b b", "label", "client", "split"]),
    }
)
CELLS = st.floats(-1e6, 1e6, width=32).map(repr)
ROWS = st.lists(
    st.tuples(CELLS, CELLS, st.sampled_from(["ü", "a, b", "x;y", "1"]), st.integers(0, 99), st.sampled_from("01")),
    min_size=2,
    max_size=30,
)


@given(rows=ROWS, writer=WRITERS)
def test_order_sign_and_encoding_make_no_difference(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[Any, ...]], writer: dict[str, Any]
) -> None:
    import csv

    header = ["a", "b b", "label", "client", "split"]
    stream = io.StringIO(newline="")
    rewritten = csv.writer(stream, delimiter=writer["sign"], lineterminator=writer["end"])
    places = [header.index(name) for name in writer["order"]]
    rewritten.writerows([writer["order"], *([row[place] for place in places] for row in rows)])
    content = stream.getvalue().encode(writer["encoding"])
    path = tmp_path_factory.mktemp("any") / ("data.csv.gz" if writer["packed"] else "data.csv")
    path.write_bytes(gzip.compress(content) if writer["packed"] else content)
    raw = read(str(path))
    features = {name: raw.x[:, place].tolist() for place, name in enumerate(raw.features)}
    assert features == {name: [np.float32(row[place]) for row in rows] for place, name in enumerate(["a", "b b"])}
    assert names(raw) == [row[2] for row in rows]
    assert raw.client is not None
    assert raw.split is not None
    assert raw.client.tolist() == [row[3] for row in rows]
    assert raw.split.tolist() == [int(row[4]) for row in rows]
