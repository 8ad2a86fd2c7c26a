"""Files without labels are read as those with labels are, whatever their format."""

from __future__ import annotations

import gzip

import numpy as np
import pytest

from common.tasks import Classification
from server_app.unlabelled import read_inputs

HEAD = Classification(2)
ROWS = [(1.5, -2.0), (0.25, 4.0), (3.0, 0.5), (-1.0, 2.5)]


def text_of(parting, names=("a", "b"), labels=()):
    rows = [[str(value) for value in row] for row in ROWS]
    lines = [[*names, *(["label"] if labels else [])]]
    lines += [[*row, *labels[number : number + 1]] for number, row in enumerate(rows)]
    return "\n".join(parting.join(line) for line in lines) + "\n"


def plain(text):
    return text.encode()


FILES = {
    "comma": ("x.csv", plain, text_of(",")),
    "semicolon": ("x.csv", plain, text_of(";")),
    "bar": ("x.csv", plain, text_of("|")),
    "named separator": ("x.csv", plain, "sep=;\n" + text_of(";")),
    "tab": ("x.tsv", plain, text_of("\t")),
    "western": ("x.csv", lambda text: text.encode("cp1252"), text_of(",", names=("größe", "b"))),
    "packed": ("x.csv.gz", lambda text: gzip.compress(text.encode()), text_of(",")),
}


@pytest.mark.parametrize("case", FILES)
def test_a_table_without_labels_is_read_as_that_of_a_node(tmp_path, case):
    name, encode, text = FILES[case]
    (tmp_path / name).write_bytes(encode(text))
    found = read_inputs(str(tmp_path / name), "label", HEAD)
    assert np.array_equal(found.x, np.array(ROWS, np.float32))
    assert found.y is None


def test_labels_that_a_table_has_are_told(tmp_path):
    (tmp_path / "x.csv").write_text(text_of("|", labels=["0", "1", "1", "0"]))
    found = read_inputs(str(tmp_path / "x.csv"), "label", HEAD)
    assert np.array_equal(found.x, np.array(ROWS, np.float32))
    assert np.asarray(found.y).tolist() == [0, 1, 1, 0]


def test_arrays_without_labels_are_read(tmp_path):
    np.savez(tmp_path / "x.npz", x=np.array(ROWS, np.float32))
    found = read_inputs(str(tmp_path / "x.npz"), "label", HEAD)
    assert np.array_equal(found.x, np.array(ROWS, np.float32))
    assert found.y is None
