from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from common.data.formats import Contents, Reading, read
from common.errors import DataError

Write = Callable[..., Contents]


@pytest.fixture
def table(tmp_path: Path) -> Write:
    """Write a text as .csv and read it."""

    def write(text: str | bytes, label: str = "label", name: str = "data.csv") -> Contents:
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return read(str(path), Reading(label))

    return write


def test_columns_are_told_apart_by_their_names(table: Write) -> None:
    raw = table("b,label,client,a,split\n1,0,7,2.5,train\n-3,1,8,1e3,test\n")
    assert raw.x.tolist() == [[1, 2.5], [-3, 1000]]
    assert (raw.y.tolist(), raw.classes) == ([0, 1], None)
    assert raw.client is not None
    assert raw.client.tolist() == [7, 8]
    assert raw.split is not None
    assert raw.split.tolist() == [0, 1]


@pytest.mark.parametrize(
    ("labels", "numbers", "names"),
    [
        (["3", "0", "3"], [1, 0, 1], ["0", "3"]),
        (["10", "9", "-1"], [2, 1, 0], ["-1", "9", "10"]),  # sorted by what they are
        (["1.0", "0.0", "2"], [1, 0, 2], None),  # what pandas makes of whole numbers
        (["dog", "cat", "dog"], [1, 0, 1], ["cat", "dog"]),
        (["3d", "4", "3d"], [1, 0, 1], ["4", "3d"]),
        (['"a, b"', "Ü", '"a, b"'], [0, 1, 0], ["a, b", "Ü"]),
    ],
)
def test_labels_are_numbers_or_names(
    table: Write, labels: list[str], numbers: list[int], names: list[str] | None
) -> None:
    raw = table("a,label\n" + "".join(f"1,{label}\n" for label in labels))
    assert raw.y.tolist() == numbers
    assert (None if raw.classes is None else raw.classes.tolist()) == names


def test_people_may_have_names(table: Write) -> None:
    for zoe, ann in (("Zoe", "Ann"), ("9007199254740993", "9007199254740992"), ("1.5", "1.25")):
        raw = table(f"a,label,client\n1,0,{zoe}\n1,1,{ann}\n1,0,{zoe}\n")
        assert raw.client is not None
        assert raw.client.tolist() == [1, 0, 1]


def test_another_column_may_hold_the_labels(table: Write) -> None:
    raw = table("label,kind\n5,cat\n6,dog\n", "kind")
    assert raw.x.tolist() == [[5], [6]]
    assert raw.y.tolist() == [0, 1]


@pytest.mark.parametrize("mark", [",", ";", "\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_spreadsheets_part_fields_and_lines_in_their_ways(table: Write, mark: str, end: str) -> None:
    lines = [mark.join(cells) for cells in (["a", " label ", "c"], ["1", "0", " 2"], [], ["3", "1", "4"], [])]
    raw = table(b"\xef\xbb\xbf" + end.join(lines).encode())
    assert raw.x.tolist() == [[1, 2], [3, 4]]
    assert table("label\ta\n0\t1\n1\t2\n", name="data.tsv").y.tolist() == [0, 1]


@given(x=arrays(np.float32, st.tuples(st.integers(1, 600), st.integers(1, 3)), elements=st.floats(-1e6, 1e6, width=32)))
def test_any_numbers_come_back(tmp_path_factory: pytest.TempPathFactory, x: np.ndarray) -> None:
    path = tmp_path_factory.mktemp("csv") / "data.csv"
    head = ",".join(f"f{number}" for number in range(x.shape[1]))
    rows = [",".join([*map(repr, map(float, row)), "0"]) for row in x]
    path.write_text("\n".join([f"{head},label", *rows]))
    np.testing.assert_array_equal(read(str(path)).x, x)


LONG = "a,label\n" + "1,0\n" * 700  # more than is read at once

BAD: list[tuple[str | bytes, str, str]] = [
    ("", "a row of names and rows below it", "it is empty"),
    ("\n \n", "a row of names and rows below it", "it is empty"),
    ("a,b\n1,2\n", "must have the column 'label'", "'a', 'b'"),
    (",".join("abcdefghijk") + "\n", "must have the column", "'h' and 3 more"),
    ("a,Label\n1,x\n", "must have the column", """'Label' may be meant (label="Label")"""),
    ("a,lable\n1,x\n", "must have the column", "'lable' may be meant"),
    ("a,target\n1,x\n", "must have the column", "'target' may be meant"),
    ("1.5,2,cat\n2,3,dog\n", "first row of a table must hold the names", "the first row is '1.5', '2', 'cat'"),
    ("label\n1\n", "a column of numbers besides", ""),
    ("label,client,split\n1,1,0\n", "a column of numbers besides", ""),
    ("a,label\n", "must have rows", ""),
    ("a,label,a\n0,1,2\n", "must have different names", "a"),
    ("a,label\n1,0\n2\n", "as many cells as the first", "row 3 has 1, the first one 2"),
    ("a,label\n1,0\n2,1,5\n", "as many cells as the first", "row 3 has 3, the first one 2"),
    ("a,label\n1,0\n,1\n", "no empty cells", "row 3, column 'a' is empty"),
    ("a,label\n1,\n2,NA\n", "rows with a label", "column 'label' is empty"),
    ("a,b,label\n1,,0\n,2,1\n,?,1\n", "no empty cells", "as is 1 more of that column; row 2, column 'b' is empty"),
    ("a,label\n,0\n,1\n?,1\n", "no empty cells", "as are 2 more of that column"),
    ("a,label,client\n1,0,\n", "client or a split must be said in each row", "row 2, column 'client' is empty"),
    ("a,split,label\n1,0,0\n1,,0\n1,,0\n", "or leave those rows out", "row 3, column 'split' is empty, as is 1 more"),
    ("a,label\n1,0\n\n\ntwo,1\n", "must hold numbers", "row 5, column 'a': 'two'"),
    ("a;label\n1;0\n2,345;1\n", "Write decimals with a point", "row 3, column 'a': 2,345 may be 2345 or 2.345"),
    ("a;b;label\n1.234;0,5;x\n", "Write decimals with a point", "row 2, column 'a': 1.234 may be 1234 or 1.234"),
    ("a,label\n1,0\n12%,1\n3,1\n", "Correct the cell", "row 3, column 'a': '12%'"),
    ("a,label\n1_0,0\n3,1\n", "must hold numbers", "row 2, column 'a': '1_0'"),
    ("a,label\nred,0\nblue,1\n", "Declare it in a schema", "row 2, column 'a': 'red', and it holds 2 different texts"),
    (LONG + "x,1\n", "must hold numbers", "row 702, column 'a': 'x'"),
    ("a,label\nnan,0\n", "no empty cells", "row 2, column 'a' is empty ('nan')"),
    ("a,label\n1,0\n-inf,0\n", "must be finite", "row 3, column 'a': '-inf'"),
    ("a,label\n1e300,0\n", "fit into 32 bits", "row 2, column 'a': '1e300'"),
    ("a,label\n1,0.5\n", "'label' must hold whole numbers or names", "row 2, column 'label': '0.5'"),
    ("a;label\n1;0,5\n2;1,5\n", "'label' must hold whole numbers or names", "row 2, column 'label': '0,5'"),
    ("a,label,split\n1,0,train\n1,0,val\n", "must say train or test", "row 3, column 'split': 'val'"),
    (b"a,label\n1\0,1\n", "as text", "bytes that no text has"),
    (b"PK\x03\x04\0\0", "as text", "a workbook"),
    (b"\xff\xfea", "as text", "no encoding"),
    ('a,"label\n1,0\n', "as text", "unexpected end"),
    ('a,label\n"1,0\n', "Close the quote", "in what begins in row 2: unexpected end"),
    ('sep=,\na,label\n1,0\n\n2,"1\n' + "3,1\n" * 700, "Close the quote", "in what begins in row 5: "),
    ('a,label\n1,0\n"2,1\n3,"1"\n', "Close the quote", "in what begins in row 3: "),
    ("a b label\n1 2 x\n3 4 y\n", "blanks part none", "each row has 3 words"),
    ("body mass\n70\n80\n", "must have the column 'label'", "its columns are 'body mass'"),
    ("# of a lab\na,label\n1,2\n", "Take out what stands above the names", "the first one 1, which is '# of a lab'"),
]


@pytest.mark.parametrize(("text", "rule", "detail"), BAD, ids=[f"{rule}-{detail}" for _, rule, detail in BAD])
def test_a_malformed_table_names_row_and_column(table: Write, text: str | bytes, rule: str, detail: str) -> None:
    with pytest.raises(DataError) as caught:
        table(text)
    assert rule in str(caught.value)
    assert detail in caught.value.detail


@pytest.mark.parametrize(
    ("labels", "numbers"),
    [(["1.5", "0", "-2e1"], [1.5, 0, -20]), (["3", "0", "3"], [3, 0, 3]), (['"0,5"', "2", '"-1,25"'], [0.5, 2, -1.25])],
)
def test_labels_of_a_regression_are_numbers(labels: list[str], numbers: list[float], tmp_path: Path) -> None:
    (tmp_path / "data.csv").write_text("a,label\n" + "\n".join(f"1,{label}" for label in labels))
    raw = read(str(tmp_path / "data.csv"), Reading(task="regression"))
    assert raw.classes is None
    np.testing.assert_array_equal(raw.y, np.array(numbers, np.float32))


def test_a_regression_of_words_is_refused(tmp_path: Path) -> None:
    (tmp_path / "data.csv").write_text("a,label\n1,0.5\n2,high\n")
    with pytest.raises(DataError, match="needs numbers, and these labels are none") as caught:
        read(str(tmp_path / "data.csv"), Reading(task="regression"))
    assert "row 3, column 'label': 'high'" in str(caught.value.in_full())
