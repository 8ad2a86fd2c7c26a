"""Specs with scores, from a CSV file."""

from __future__ import annotations

import json

import pytest

from common.errors import ConfigError, StorageError
from server_app.imports.known import Taken
from server_app.imports.table import read_table
from tests.server_app.imports.conftest import linear


@pytest.fixture
def write(tmp_path):
    """Write a table, from its lines, and return its name."""

    def write(*lines):
        (tmp_path / "scores.csv").write_text("\n".join(lines) + "\n")
        return str(tmp_path / "scores.csv")

    return write


def quoted(spec):
    return '"' + spec.to_json().replace('"', '""') + '"'


def test_a_row_is_a_spec_with_a_score_and_what_else_is_known_of_it(write, tmp_path):
    (tmp_path / "spec.json").write_text(linear(8).to_json())
    (tmp_path / "model.json").write_text(json.dumps({"spec": linear(16).to_dict(), "task": {}}))
    source = read_table(
        write(
            "spec,score,rounds,learning_rate,optimizer,augmentation",
            f'{quoted(linear(4))},0.5,3,1e-2,sgd,"[""jitter""]"',
            "",
            "spec.json,-1,,,,",
            "model.json,2,0,,,",
        )
    )
    first, second, third = source.known
    assert (source.task, source.shares) == (None, False)
    assert (first.spec, first.scores) == (linear(4), (Taken(3, {}, 0.5),))
    assert first.settings == {"learning_rate": 0.01, "optimizer": "sgd", "augmentation": ["jitter"]}
    assert (second.spec, second.settings, second.scores) == (linear(8), {}, (Taken(None, {}, -1.0),))
    assert (third.spec, third.scores) == (linear(16), (Taken(0, {}, 2.0),))


@pytest.mark.parametrize("delimiter", [";", "\t"])
def test_columns_may_be_parted_otherwise(write, delimiter):
    (known,) = read_table(write(delimiter.join(["score", "spec"]), delimiter.join(["1", quoted(linear(4))]))).known
    assert (known.spec, known.scores[0].score) == (linear(4), 1.0)


SPEC = quoted(linear(4))


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (["spec,accuracy"], r"line 1: the columns are spec and score.*Add score"),
        (["spec,score,remark"], r"line 1: .*Remove remark"),
        (["spec,score,score"], r"line 1: .*there twice"),
        (["spec,score", f"{SPEC},good"], r"line 2, column score: a finite number is needed, got 'good'"),
        (["spec,score", f"{SPEC},nan"], r"line 2, column score: a finite number"),
        (["spec,score,rounds", f"{SPEC},1,2", f"{SPEC},1,1.5"], r"line 3, column rounds: .*whole number, got '1.5'"),
        (["spec,score", f"{SPEC}"], r"line 2: a row has 2 cells"),
        (["spec,score", "gone.json,1"], r"line 2, column spec: a spec is JSON, or a file with it .*got 'gone.json'"),
        (["spec,score", '"{}",1'], r"line 2, column spec: "),
        (["spec,score,epochs", f"{SPEC},1,0"], r"line 2, column epochs: training\.epochs must be above 0"),
        (["spec,score,optimizer", f"{SPEC},1,magic"], r"line 2, column optimizer: "),
    ],
)
def test_what_is_wrong_is_named_with_line_and_column(write, lines, words):
    with pytest.raises(ConfigError, match=r"scores\.csv, " + words):
        read_table(write(*lines))


def test_a_file_that_is_none_is_named(tmp_path):
    with pytest.raises(StorageError, match=r"must be readable \(No such file"):
        read_table(str(tmp_path / "scores.csv"))
    (tmp_path / "scores.csv").write_bytes(b"spec,score\n\xff\xfe,1\n")
    with pytest.raises(StorageError, match="a table as text"):
        read_table(str(tmp_path / "scores.csv"))
