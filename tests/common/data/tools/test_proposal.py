"""Proposed schemas: a table fits its own, which holds no number of it and names no value that few rows have."""

from pathlib import Path

import pytest

from common.data.formats import Reading, read, read_table
from common.data.schema_file import save_schema, text_of
from common.data.tools.proposal import OFTEN, propose
from common.errors import DataError

ROWS = 60


def cell(name: str, row: int) -> str:
    return {
        "Unnamed: 0": str(row),
        "patient_id": f"p{row % 7}",
        "age": f"{31 + row * 0.7:.1f}",
        "chol": "0" if row % 9 == 0 else str(200 + row % 20),
        "cp": str(1 + row % 3),
        "colour": ["red", "blue"][row % 2] if row != 17 else "zanzibar",
        "smoker": ["yes", "no"][row % 2] if row % 5 else "",
        "seen": f"2026-01-{1 + row % 28:02}",
        "born": f"1960{1 + row % 12:02}{1 + row % 28:02}",
        "remark": f"text {row}",
        "none": "",
        "same": "0",
        "ill": ["sick", "well"][row % 2],
        "split": ["train", "test"][row % 4 == 0],
    }[name]


NAMES = (
    "Unnamed: 0",
    "patient_id",
    "age",
    "chol",
    "cp",
    "colour",
    "smoker",
    "seen",
    "born",
    "remark",
    "none",
    "same",
    "ill",
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    names = (*NAMES, "split")
    rows = [",".join(cell(name, row) for name in names) for row in range(ROWS)]
    (tmp_path / "data.csv").write_text("\n".join([",".join(names), *rows]))
    return tmp_path / "data.csv"


def test_each_column_has_a_role(path: Path) -> None:
    proposal = propose(read_table(str(path)), "ill")
    roles = {column.name: column.role for column in proposal.columns}
    assert roles == {
        "Unnamed: 0": "ignore",
        "patient_id": "client",
        "age": "number",
        "chol": "number",
        "cp": "category",
        "colour": "category",
        "smoker": "yes_no",
        "seen": "ignore",
        "born": "ignore",
        "remark": "ignore",
        "none": "ignore",
        "same": "number",
        "ill": "label",
        "split": "split",
    }
    of = {column.name: column for column in proposal.columns}
    remarks = dict(zip(roles, proposal.remarks, strict=True))
    assert (of["cp"].values, of["cp"].other) == (("1", "2", "3"), False)
    assert of["smoker"].missing
    assert "does it mean missing" in remarks["chol"]
    assert "0 in each row" in remarks["same"]
    assert "a date" in remarks["seen"]
    assert "a date" in remarks["born"]
    assert proposal.naming == ("cp", "colour", "ill")


def test_where_a_regression_is_asked_for_the_label_is_a_target(path: Path) -> None:
    column = next(each for each in propose(read_table(str(path)), "cp", "regression").columns if each.name == "cp")
    assert column.role == "target"


def test_a_table_fits_the_schema_that_it_gave(path: Path, tmp_path: Path) -> None:
    save_schema(tmp_path / "schema.yaml", propose(read_table(str(path)), "ill").schema)
    raw = read(str(path), Reading(schema=str(tmp_path / "schema.yaml")))
    assert len(raw.x) == ROWS
    assert raw.client is not None


def test_values_that_few_have_are_not_named_and_nothing_is_counted(path: Path) -> None:
    text = text_of(propose(read_table(str(path)), "ill").schema)
    assert "zanzibar" not in text
    assert "colour: {role: category, values: [blue, red], other: true}" in text
    allowed = {"0", "1", "2", "3"}  # of a name, and the values of cp
    assert {word for word in text.replace("'", " ").replace(",", " ").split() if word.isdigit()} == allowed
    assert "range" not in text
    assert ROWS / 3 >= OFTEN


def test_a_label_of_numbers_is_a_target_and_one_of_codes_a_class(tmp_path: Path) -> None:
    path = tmp_path / "data.csv"
    path.write_text("a,y,c\n" + "".join(f"{row * 1.5},{row / 7},{row % 3}\n" for row in range(30)))
    (target,) = propose(read_table(str(path)), "y").schema.targets
    assert target.name == "y"
    assert propose(read_table(str(path)), "c").schema.classes == ("0", "1", "2")
    (guessed,) = propose(read_table(str(path)), "label").schema.targets
    assert guessed.name == "y"


@pytest.mark.parametrize(
    ("cells", "why"),
    [
        ([str(row) for row in range(30)], "'f': numbers the rows"),
        ([str(row % 5) for row in range(30)], "'f': no value has 10 rows"),
    ],
)
def test_where_no_column_is_proposed_as_a_feature_one_is_written_by_hand(
    tmp_path: Path, cells: list[str], why: str
) -> None:
    path, schema = tmp_path / "data.csv", tmp_path / "schema.yaml"
    rows = [f"{'' if row == 3 else row % 7},{cell},{'ab'[row % 2]}" for row, cell in enumerate(cells)]
    path.write_text("\n".join(["patient_id,f,label", *rows]))
    with pytest.raises(DataError, match="none of these columns is proposed as one") as caught:
        propose(read_table(str(path)), "label")
    assert why in caught.value.detail
    assert "'patient_id': would be the client, but is not said in each row" in caught.value.detail
    schema.write_text(caught.value.detail.partition("; by hand, ")[2])
    raw = read(str(path), Reading(schema=str(schema)))
    assert raw.x[:, 0].tolist() == [float(cell) for cell in cells]


def test_classes_that_differ_in_form_only_are_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "data.csv"
    path.write_text("g,label\n" + "".join(f"{row * 1.5},{'a b' if row % 2 else 'A  b'}\n" for row in range(30)))
    proposal = propose(read_table(str(path)), "label")
    assert "differ only in form" in proposal.remarks[1]


def test_a_column_of_few_numbers_may_be_amounts(tmp_path: Path) -> None:
    path = tmp_path / "data.csv"
    path.write_text("g,h,label\n" + "".join(f"{row % 4},{row * 1.5},{'ab'[row % 2]}\n" for row in range(30)))
    proposal = propose(read_table(str(path)), "label")
    assert proposal.columns[0].role == "ignore"  # each of 4 values has at most 8 rows
    assert "role: number" in proposal.remarks[0]


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("a,label\n1,x\n2,x\n", "fewer than 2"),
        ("a,label\n" + "".join(f"1,t{row}\n" for row in range(200)), "occur again and again"),
        ("a,b\n1,x\n", "must have the column 'label'"),
    ],
)
def test_what_gives_no_schema_is_told(tmp_path: Path, text: str, rule: str) -> None:
    path = tmp_path / "data.csv"
    path.write_text(text)
    with pytest.raises(DataError, match=rule):
        propose(read_table(str(path)), "label")
