"""Tables that can be read, but perhaps not as they are meant: what their people are told."""

from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from common.data.formats import Contents, read
from common.data.formats.reading import Reading
from common.data.schema_file import save_schema
from common.preprocessing.schema import Declared, Schema

Write = Callable[..., Contents]


@pytest.fixture
def table(tmp_path: Path) -> Write:
    """Write columns as a table, parted by a sign, and read them; by a schema of these columns if there are any."""

    def write(columns: dict[str, list[str]], sign: str = ",", *declared: Declared, task: str = "") -> Contents:
        path, schema = tmp_path / "data.csv", tmp_path / "schema.yaml"
        rows = [list(columns), *map(list, zip(*columns.values(), strict=True))]
        path.write_text("".join(sign.join(row) + "\n" for row in rows))
        if declared:
            save_schema(schema, Schema(declared))
        return read(str(path), Reading(schema=str(schema) if declared else "", task=task))

    return write


LABEL = ["a", "b", "a"]
THOUSANDS = "if it parts thousands here"


@pytest.mark.parametrize(
    ("sign", "cells", "beside"),
    [
        (",", ["850", "2.207", "852"], ["1", "2", "4"]),  # a plain number beside it
        (";", ["850", "2.207", "852"], ["1", "2", "4"]),
        (";", ["1.200", "2.207", "3.214"], ["1", "2", "4"]),  # where semicolons part, decimals have commas
        (";", ["-1.200", "12.207", "NA"], ["1", "2", "4"]),
    ],
)
def test_points_that_may_part_thousands_are_told(table: Write, sign: str, cells: list[str], beside: list[str]) -> None:
    by_schema = Declared("income", "number", missing=True), Declared("n", "number"), LABELS
    raw = table({"income": cells, "n": beside, "label": LABEL}, sign, *by_schema)
    told = next(cell for cell in cells if "." in cell)
    assert raw.x[cells.index(told), list(raw.features).index("income")] == np.float32(told)
    (note,) = raw.notes
    assert note.startswith(f"In the column 'income' the point of {told} is read as that of decimals")
    assert THOUSANDS in note
    if "NA" not in cells:
        assert table({"income": cells, "n": beside, "label": LABEL}, sign).notes == raw.notes


LABELS = Declared("label", "label", classes=("a", "b"))


@pytest.mark.parametrize(
    ("sign", "cells", "beside"),
    [
        (",", ["0.357", "1.208", "2.113"], ["1", "2", "4"]),  # three decimals everywhere
        (",", ["1.357", "1.208", "2.113"], ["1", "2", "4"]),
        (",", ["1.357", "0", "2.113"], ["0.5", "2", "4"]),  # another point parts decimals
        (";", ["1.357", "1.208", "2.113"], ["0.5", "2", "4"]),
        (";", ["1.357", "1.208", "2.11"], ["1", "2", "4"]),
        (",", ["1.357", "1500", "2.113"], ["1", "2", "4"]),  # a thousand without a point
        (";", ["1", "2", "5"], ["1", "2", "4"]),
        (";", ["1,5", "2", "5"], ["1", ".", "4"]),  # a gap is no number
    ],
)
def test_points_that_part_decimals_are_not(table: Write, sign: str, cells: list[str], beside: list[str]) -> None:
    by_schema = Declared("a", "number"), Declared("n", "number", missing=True), LABELS
    assert THOUSANDS not in str(table({"a": cells, "n": beside, "label": LABEL}, sign, *by_schema).notes)
    if "." not in beside:
        assert table({"a": cells, "n": beside, "label": LABEL}, sign).notes == ()


def test_points_of_numbers_to_learn_are_told_too(table: Write) -> None:
    target = ["850", "2.207", "852"]
    assert THOUSANDS in table({"n": ["1", "2", "4"], "label": target}, task="regression").notes[0]
    by_schema = Declared("n", "number"), Declared("label", "target")
    assert THOUSANDS in table({"n": ["1", "2", "4"], "label": target}, ",", *by_schema).notes[0]


LOST = "more digits than a network's numbers have"


@pytest.mark.parametrize(
    ("first", "told"),
    [
        (2**24 - 2, False),  # up to 2**24 float32 has every whole number
        (2**24, True),
        (-(2**24) - 2, True),
        (1_600_000_000, True),
        (2**53, True),
        (2**60, True),
    ],
)
def test_whole_numbers_that_lose_digits_are_told(table: Write, tmp_path: Path, first: int, told: bool) -> None:
    numbers = [first, first + 1, first + 2]
    raw = table({"t": list(map(str, numbers)), "n": ["1", "2", "4"], "label": LABEL})
    assert bool(raw.notes) == told
    path = tmp_path / "data.parquet"
    pq.write_table(pa.table({"t": numbers, "n": [1, 2, 4], "label": LABEL}), path)
    assert read(str(path)).notes == raw.notes
    assert table({"t": list(map(str, numbers)), "label": LABEL}, ",", Declared("t", "number"), LABELS).notes == (
        raw.notes
    )
    if told:
        assert "'t'" in raw.notes[0]
        assert LOST in raw.notes[0]
        assert "role: ignore" in raw.notes[0]


def test_numbers_with_fractions_are_rounded_untold(table: Write) -> None:
    assert table({"t": ["1600000001.25", "1600000003.5", "7.1"], "label": LABEL}).notes == ()
    assert table({"t": ["1e30", "1.5e30", "7e29"], "label": LABEL}).notes == ()


def test_dates_as_numbers_are_told_and_may_be_declared(table: Write) -> None:
    days = [date(2020, 1, 31) + timedelta(days) for days in (0, 1, 40)]
    columns = {"d": [f"{day:%Y%m%d}" for day in days], "label": LABEL}
    (note,) = table(columns).notes
    assert "look like dates" in note
    assert "role: date" in note
    raw = table(columns, ",", Declared("d", "date"), LABELS)
    np.testing.assert_array_equal(raw.x[:, 0] - raw.x[0, 0], np.float32([0, 1, 40]))
    (note,) = table({"d": ["20201301", "20200101", "20200103"], "label": LABEL}).notes  # no month 13
    assert "dates" not in note


@pytest.mark.parametrize("cells", [["01000", "01001", "99999"], ["007", "123", "NA"]])
def test_numbers_with_zeros_before_them_are_told_unless_declared(table: Write, cells: list[str]) -> None:
    if "NA" not in cells:
        raw = table({"zip": cells, "label": LABEL})
        assert raw.x[:, 0].tolist() == [1000, 1001, 99999]
        (note,) = raw.notes
        assert "'zip'" in note
        assert "role: category" in note
    assert table({"zip": cells, "label": LABEL}, ",", Declared("zip", "number", missing=True), LABELS).notes == ()


def test_other_zeros_are_untold(table: Write) -> None:
    for cells in (["00", "07", "23"], ["0.5", "007.25", "1"], ["0", "100", "000.5"], ["1", "20", "300"]):
        assert table({"a": cells, "label": LABEL}).notes == ()


@pytest.mark.parametrize(
    ("labels", "form"),
    [
        (["01", "1", "2"], "form"),
        (["10", "1e1", "2"], "form"),
        (["a b", "a  b", "c"], "form"),
        (["a b", "A  b", "c"], "form"),
        (["ab", "aB", "c"], "case"),
    ],
)
def test_classes_that_differ_in_form_only_are_asked_for(table: Write, labels: list[str], form: str) -> None:
    (note,) = table({"a": ["5", "10", "20"], "label": labels}).notes
    assert note == (
        f"The classes {' and '.join(map(repr, sorted(labels[:2])))} differ only in {form}, and are 2 classes. "
        "Are they meant to be one?"
    )


@pytest.mark.parametrize(
    ("labels", "asked"),
    [
        (["red|round", "round", "red"], True),
        (["red; round", "blue; round", "red"], True),
        (["a|b", "c", "d"], False),
        (["yes", "no; never", "perhaps"], False),
        (["1", "2", "12"], False),
    ],
)
def test_labels_that_look_like_several_are_asked_for(table: Write, labels: list[str], asked: bool) -> None:
    raw = table({"a": ["5", "10", "20"], "label": labels})
    assert raw.classes is not None
    assert [str(raw.classes[each]) for each in raw.y] == labels
    assert len(raw.notes) == asked
    if asked:
        first = min(label for label in labels if "|" in label or ";" in label)
        assert f"{first!r} looks like several labels" in raw.notes[0]
        assert "role: label, without classes" in raw.notes[0]
