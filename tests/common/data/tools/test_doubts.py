"""What a check asks of data that can be read."""

from pathlib import Path

import pytest

from common.data.formats import Reading, read_table
from common.data.schema_file import save_schema
from common.data.tools.proposal import propose
from common.data.tools.suitability import Finding, Wanted, check

ROWS = 30


def checked(folder: Path, columns: dict[str, list[str]], *, schema: bool = False) -> Finding:
    """Check a table of these columns and a label, by the schema proposed for it where that is asked for."""
    path, written = folder / "data.csv", folder / "schema.yaml"
    columns |= {"label": ["a", "b"] * (ROWS // 2)}
    path.write_text("\n".join(map(",".join, [list(columns), *zip(*columns.values(), strict=True)])))
    if schema:
        save_schema(written, propose(read_table(str(path)), "label").schema)
    return check(str(path), Wanted(), Reading(schema=str(written) if schema else ""))


F = [f"{row * 0.5}" for row in range(ROWS)]


@pytest.mark.parametrize("name", ["patient_id", "subject#", "Client", "user"])
def test_what_is_called_like_people_is_asked_for(tmp_path: Path, name: str) -> None:
    columns = {name: [str(1000 + row // 3) for row in range(ROWS)], "f": F}
    (note,) = checked(tmp_path, columns).notes
    assert note.startswith(f"'{name}' is read as any number, and called as what says whose an example is.")
    assert "role: client" in note
    assert checked(tmp_path, columns, schema=True).notes == ()


def test_a_client_and_other_names_are_not(tmp_path: Path) -> None:
    assert checked(tmp_path, {"client": [str(row % 5) for row in range(ROWS)], "f": F, "idea": F}).notes == ()


def with_odd(odd: str, rows: int) -> list[str]:
    """Return numbers from 0 to 14.5, but for some rows."""
    return [odd if row < rows else cell for row, cell in enumerate(F)]


@pytest.mark.parametrize("odd", ["-999", "-9999", "9999", "999.0", "-99"])
def test_what_may_stand_for_missing_is_asked_for(tmp_path: Path, odd: str) -> None:
    columns = {"f": with_odd(odd, 3), "g": F}
    for schema in (False, True):
        (note,) = checked(tmp_path, columns, schema=schema).notes
        assert f"in the column 'f', 3 rows have {float(odd):.0f}, far from all others" in note
        assert "missing: true" in note
    remarks = propose(read_table(str(tmp_path / "data.csv")), "label").remarks
    assert remarks[0].startswith(f"does {float(odd):.0f} mean missing?")


@pytest.mark.parametrize(
    "cells",
    [
        with_odd("-999", 1),  # a single row
        with_odd("-998", 3),
        [str(row * 40) if row > 2 else "999" for row in range(ROWS)],  # among the others: these go to 1160
        ["-999"] * ROWS,
    ],
)
def test_what_does_not_is_not(tmp_path: Path, cells: list[str]) -> None:
    assert checked(tmp_path, {"f": cells, "g": F}).notes == ()


def test_codes_with_zeros_before_them_are_proposed_as_a_category(tmp_path: Path) -> None:
    path = tmp_path / "data.csv"
    path.write_text("zip,label\n" + "".join(f"0100{row % 2},{'ab'[row % 2]}\n" for row in range(ROWS)))
    (zips,) = propose(read_table(str(path)), "label").schema.features
    assert (zips.role, zips.values) == ("category", ("01000", "01001"))
