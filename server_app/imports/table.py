"""Specs with scores from a CSV file that somebody wrote: a header, then one spec a row.

    spec,score,rounds,learning_rate
    found.json,0.93,10,0.003
    "{""version"": 1, ""kind"": ""layered"", ""layers"": []}",0.88,,

``spec`` is JSON, or a file with it beside the table; ``score`` is by the objective of the search, more being better;
``rounds`` says how long it was trained. The other columns are training settings, as JSON or a plain word. What is left
empty is not known, and of a setting the default.
"""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

from common.architecture.spec import ArchitectureSpec, read_json
from common.errors import ConfigError, FlwrNasError, SpecError, StorageError
from common.settings import TrainingSettings
from server_app.imports.known import Known, Source, Taken

SUFFIX = ".csv"

_SPEC, _SCORE, _ROUNDS = "spec", "score", "rounds"
_SETTINGS = tuple(item.name for item in fields(TrainingSettings))


def read_table(name: str) -> Source:
    """Read a table of specs and scores.

    Parameters
    ----------
    name : str
        The file: UTF-8, parted by commas, semicolons or tabs.

    Raises
    ------
    StorageError
        It cannot be read.
    ConfigError
        A cell is not what its column holds; the error names line and column.
    """
    path = Path(name).expanduser()
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            first = stream.readline()
            stream.seek(0)
            reader = csv.reader(stream, delimiter=max(",;\t", key=first.count), strict=True)
            header = _header(name, [title.strip() for title in next(reader, [])])
            known = [_known(path, name, line, row) for line, row in _rows(name, reader, header)]
    except (csv.Error, UnicodeError) as error:
        raise StorageError(
            f"Scores to import are a table as text ({error})", name, fix="Save it as CSV (UTF-8)"
        ) from None
    except OSError as error:
        raise StorageError(
            f"What is imported must be readable ({error.strerror})", name, fix="Correct search.imports"
        ) from None
    return Source(name, known)


def _header(name: str, titles: list[str]) -> list[str]:
    missing = [title for title in (_SPEC, _SCORE) if title not in titles]
    strange = [title for title in titles if title not in (_SPEC, _SCORE, _ROUNDS, *_SETTINGS)]
    if missing or strange or len(set(titles)) < len(titles):
        raise ConfigError(
            f"{name}, line 1: the columns are {_SPEC} and {_SCORE}, perhaps {_ROUNDS}, and training settings "
            f"({', '.join(_SETTINGS)}), each once",
            titles,
            fix=f"Add {missing[0]}" if missing else f"Remove {strange[0]}" if strange else "Remove what is there twice",
        )
    return titles


def _rows(name: str, reader: Any, header: list[str]) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield the rows that are not blank, with their lines as an editor counts; `reader` is one of csv's."""
    for cells in reader:
        if not any(cell.strip() for cell in cells):
            continue
        if len(cells) != len(header):
            raise ConfigError(
                f"{name}, line {reader.line_num}: a row has {len(header)} cells, as the first line",
                len(cells),
                fix="Complete the row, or put JSON in quotes and each quote in it twice",
            )
        yield reader.line_num, {title: cell.strip() for title, cell in zip(header, cells, strict=True)}


def _known(path: Path, name: str, line: int, row: dict[str, str]) -> Known:
    where = f"{name}, line {line}, column "
    score = _number(row[_SCORE], f"{where}{_SCORE}")
    rounds = _number(row[_ROUNDS], f"{where}{_ROUNDS}") if row.get(_ROUNDS) else None
    if rounds is not None and (rounds < 0 or rounds != int(rounds)):
        raise ConfigError(
            f"{where}{_ROUNDS}: rounds are a whole number", row[_ROUNDS], fix="Correct it, or leave it empty"
        )
    settings = {title: _setting(title, row[title], where) for title in _SETTINGS if row.get(title)}
    taken = Taken(None if rounds is None else int(rounds), score=score)
    return Known(_spec(path, row[_SPEC], f"{where}{_SPEC}"), settings, (taken,))


def _number(text: str, where: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise ConfigError(f"{where}: a finite number is needed", text, fix="Correct it, or remove the row")
    return number


def _setting(title: str, text: str, where: str) -> Any:
    try:
        value = json.loads(text)
    except ValueError:
        value = text
    try:
        TrainingSettings.from_json({title: value})
    except ConfigError as error:
        raise ConfigError(f"{where}{title}: {error.rule}", fix=error.fix) from None
    return value


def _spec(path: Path, text: str, where: str) -> ArchitectureSpec:
    """Return a spec from JSON, or from a file that holds it, or an object with it as ``spec``."""
    try:
        values = read_json(text if text.startswith("{") else (path.parent / text).read_text(encoding="utf-8"))
        return ArchitectureSpec.from_dict(values["spec"] if isinstance(values, dict) and "spec" in values else values)
    except (OSError, UnicodeError) as error:
        raise ConfigError(f"{where}: a spec is JSON, or a file with it ({error})", text, fix="Correct it") from None
    except (SpecError, FlwrNasError) as error:
        raise ConfigError(f"{where}: {error.rule}", fix=error.fix) from None
