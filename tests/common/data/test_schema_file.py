"""``schema.yaml`` as people write it."""

from pathlib import Path

import pytest

from common.data.schema_file import load_schema, save_schema, text_of
from common.errors import DataError
from common.preprocessing.schema import Declared, Schema

SCHEMA = Schema(
    (
        Declared("a b: #1", "number", unit="mg/dl", range=(0.0, 1.5), missing=True),
        Declared("Größe", "category", values=("1", "no", "NA", "a, b"), other=True),
        Declared("y", "label", classes=("no", "yes")),
    )
)


def test_what_is_written_is_read(tmp_path: Path) -> None:
    save_schema(tmp_path / "schema.yaml", SCHEMA)
    text = (tmp_path / "schema.yaml").read_text(encoding="utf-8")
    assert load_schema(tmp_path / "schema.yaml") == SCHEMA
    assert text.startswith("# What the columns of a table mean")
    lines = text_of(SCHEMA).splitlines()
    assert lines[0] == "columns:"
    assert lines[1:] == [
        "  Größe: {role: category, values: ['1', 'no', NA, 'a, b'], other: true}",
        "  'a b: #1': {role: number, unit: mg/dl, range: [0, 1.5], missing: true}",
        "  y: {role: label, classes: ['no', 'yes']}",
    ]


def test_words_of_yaml_are_what_they_look_like(tmp_path: Path) -> None:
    """YAML 1.1 reads no as false, 1.0 as a number and 2026-01-01 as a date."""
    path = tmp_path / "schema.yaml"
    path.write_text(
        "columns:\n"
        "  x: {role: number, missing: yes}\n"
        "  c: {role: category, values: [no, 1.0, 2026-01-01, null]}\n"
        "  y:\n    role: label\n    classes:\n    - no\n    - yes\n"
    )
    schema = load_schema(path)
    assert [column.values or column.classes for column in schema.columns] == [
        ("no", "1", "2026-01-01", "null"),
        (),
        ("no", "yes"),
    ]
    assert schema.columns[1].missing


@pytest.mark.parametrize(
    ("content", "detail"),
    [
        (b"columns: {", "while parsing"),
        (b"a,label\n1,2\n", "A schema has columns"),
        (b"columns: {x: {role: number, range: [a, b]}}", "could not convert"),
        (b"columns: {x: {role: secret}}", "role of a column"),
        (b"\xff\xfe\xff", ""),
        (b"x" * (2**20 + 1), "bytes at most"),
    ],
)
def test_what_is_no_schema_is_told_to_its_own_people(tmp_path: Path, content: bytes, detail: str) -> None:
    path = tmp_path / "schema.yaml"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"^The schema must be one\. Write one with flwr-nas data check") as caught:
        load_schema(path)
    assert detail in caught.value.detail
    assert str(path) in caught.value.detail
    assert "secret" not in str(caught.value)


def test_a_schema_that_is_not_there_is_said_without_its_path(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="must be a file") as caught:
        load_schema(tmp_path / "quux.yaml")
    assert "quux" not in str(caught.value)
    assert caught.value.detail == f"nothing is at {tmp_path / 'quux.yaml'}"
    with pytest.raises(DataError, match="must be a file") as caught:
        load_schema(tmp_path)
    assert "Errno" not in caught.value.detail
