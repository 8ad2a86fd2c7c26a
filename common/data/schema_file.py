"""``schema.yaml``: a schema as people read and write it.

::

    columns:
      age: {role: number, unit: years, range: [0, 120]}
      cp: {role: category, values: ["1", "2", "3", "4"]}
      chol: {role: number, unit: mg/dl, zero_means_missing: true}
      disease: {role: label, classes: ["no", "yes"]}

Several columns of the role label, without classes, are several labels for each example, each of which is yes or no.
Each scalar is read as the text that stands there: of YAML's own types, ``no`` would be a truth value and ``1.0``
another class than ``1``. PyYAML, which flwr brings, is imported only where a schema is named.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from common.data.formats.cells import one_form
from common.errors import DataError, SpecError
from common.files import write_aside
from common.preprocessing.schema import Schema

_LARGEST = 2**20
_TRUTHS = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}
_FIX = "Write one with flwr-nas data check FILE --write-schema schema.yaml, and correct it by hand"
_HEAD = """\
# What the columns of a table mean, for all sites of a federation alike. Confirm each line, then give every
# site the same file (schema="schema.yaml" in its node config). It holds names, types and allowed values, never data.
# Roles: number, category, yes_no, date, label (a class), target (a number to learn), client, split, ignore.
# Of a number: unit, range: [least, most], zero_means_missing: true. Of any feature: missing: true where cells may be
# empty, indicator: false to hide from a network which are. Of a category: other: true for values that are not listed.
# Several columns of yes and no may be labels, without classes: then an example may have any number of them.
"""


def load_schema(path: str | Path) -> Schema:
    """Read a schema.

    Raises
    ------
    DataError
        It is missing or malformed. The text tells nothing of what was read; `DataError.detail` does.
    """
    import yaml

    try:
        content = Path(path).read_bytes()
        if len(content) > _LARGEST:
            raise SpecError(f"A schema has {_LARGEST} bytes at most", len(content))
        return Schema.from_dict(_typed(yaml.load(content, Loader=yaml.BaseLoader)))
    except OSError as error:
        detail = f"nothing is at {path}" if isinstance(error, FileNotFoundError) else f"{path}: {error.strerror}"
        raise DataError("The schema must be a file that can be read", fix=_FIX, detail=detail) from None
    except (yaml.YAMLError, UnicodeError, RecursionError, ValueError, SpecError) as error:
        raise DataError("The schema must be one", fix=_FIX, detail=f"{path}: {error}".rstrip(".")) from None


def save_schema(path: str | Path, schema: Schema) -> None:
    """Write a schema; errors as of `write_aside`."""
    write_aside(Path(path), _HEAD + text_of(schema))


def text_of(schema: Schema) -> str:
    """Return a schema as YAML, a line for each column."""
    import yaml

    lines = ["columns:"]
    for name, said in schema.to_dict()["columns"].items():
        line = {name: {option: _plain(value) for option, value in said.items()}}
        flow = yaml.safe_dump(line, default_flow_style=True, sort_keys=False, allow_unicode=True, width=10**6)
        lines.append(f"  {flow.strip()[1:-1]}")
    return "\n".join([*lines, ""])


def _plain(value: Any) -> Any:
    """Return the bounds of a range as a person would write them."""
    if not isinstance(value, list):
        return value
    return [int(each) if isinstance(each, float) and each.is_integer() else each for each in value]


def _typed(values: Any) -> Any:
    """Return what stands in the file with the types that a schema has."""
    if not isinstance(values, dict) or not isinstance(values.get("columns"), dict):
        return values
    columns = values["columns"]
    return {**values, "columns": {one_form(name): _typed_column(said) for name, said in columns.items()}}


def _typed_column(said: Any) -> Any:
    if not isinstance(said, dict):
        return said
    typed: dict[str, Any] = {}
    for name, value in said.items():
        if isinstance(value, list) and name in ("values", "classes"):
            typed[name] = [one_form(each) if isinstance(each, str) else each for each in value]
        elif isinstance(value, list) and name == "range":
            typed[name] = [float(each) for each in value]
        elif name in ("role", "unit"):
            typed[name] = value
        else:
            typed[name] = _TRUTHS.get(value.lower(), value) if isinstance(value, str) else value
    return typed
