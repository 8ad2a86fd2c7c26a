"""A schema: what the columns of a table mean, at all sites of a federation alike.

It says of each column what it is for, in which unit a number is and between which bounds, which values a category has,
and whether cells may be empty. So it holds names, types and allowed values, and nothing that was read from data.
Which features a network sees follows from it alone (`common.preprocessing.expand`).

A schema has one canonical form: columns sorted by name. Its digest is that of the form's JSON, and nodes whose
digests agree turn rows into the same numbers.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any, Self

from common.errors import SpecError

FEATURES = ("number", "category", "yes_no", "date")
"""Roles of columns that a network sees."""
ROLES = (*FEATURES, "label", "target", "client", "split", "ignore")

_ALLOWED = {
    "number": {"unit", "range", "missing", "zero_means_missing", "indicator"},
    "category": {"values", "other", "missing", "indicator"},
    "yes_no": {"missing", "indicator"},
    "date": {"missing", "indicator"},
    "label": {"classes"},
    "target": {"unit", "range"},
}
"""What can be said of a column, by its role."""

_LONGEST_NAME = 200
_MOST_COLUMNS = 4096
_MOST_VALUES = 1024
_WAY_OUT = "Correct the schema, at all sites alike"


@dataclass(frozen=True)
class Declared:
    """What a schema says of one column.

    Parameters
    ----------
    name : str
        As in the header of each site's table.
    role : str
        One of `ROLES`. A ``label`` is a class, or one of several that are there or not, and a ``target`` a number to
        learn; a ``client`` says whose example it is; a ``split`` says train or test; what is to be ignored may lack.
    unit : str
        Of a number or a target, for people.
    range : tuple of float, optional
        The least and the most that a number can be.
    values : tuple of str
        Those of a category.
    classes : tuple of str
        Those of a label, in the order of their numbers; empty where it is one of several.
    other : bool
        A category has one more value, for all that are not listed.
    missing : bool
        Cells may be empty.
    zero_means_missing : bool
        Of a number, a cell that holds 0 is an empty one.
    indicator : bool
        Where cells may be empty, a network sees besides which ones are.
    """

    name: str
    role: str
    unit: str = ""
    range: tuple[float, float] | None = None
    values: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()
    other: bool = False
    missing: bool = False
    zero_means_missing: bool = False
    indicator: bool = True

    def __post_init__(self) -> None:
        if not _is_name(self.name):
            raise SpecError("The name of a column must be printable, and not long", self.name, fix=_WAY_OUT)
        if self.role not in ROLES:
            raise SpecError(f"The role of a column is one of {', '.join(ROLES)}", (self.name, self.role), fix=_WAY_OUT)
        said = {item.name for item in fields(self) if getattr(self, item.name) != item.default} - {"name", "role"}
        allowed = _ALLOWED.get(self.role, set())
        if self.missing and self.role in ("client", "split"):
            raise SpecError(
                f"A {self.role} must be said in each row",
                self.name,
                fix="Leave out missing; fill the cells that are empty, or leave those rows out",
            )
        if not said <= allowed:
            raise SpecError(
                f"A column of the role {self.role} has these options: {', '.join(sorted(allowed)) or 'none'}",
                (self.name, *sorted(said - allowed)),
                fix=_WAY_OUT,
            )
        self._check_values()
        low, high = self.range or (0.0, 1.0)
        if not (math.isfinite(low) and math.isfinite(high) and low < high):
            raise SpecError("A range leads from one number to a larger one", (self.name, self.range), fix=_WAY_OUT)

    def _check_values(self) -> None:
        named = {"category": self.values, "label": self.classes}.get(self.role)
        if named is None or (self.role == "label" and not named):
            return
        least = 2 if self.role == "label" else 1
        if not least <= len(named) <= _MOST_VALUES or len(set(named)) < len(named) or not all(map(_is_name, named)):
            raise SpecError(
                f"A column of the role {self.role} names {least} to {_MOST_VALUES} different "
                f"{'classes' if self.role == 'label' else 'values'}, printable and not long",
                self.name,
                fix=_WAY_OUT,
            )

    @property
    def may_lack(self) -> bool:
        """Whether cells may be empty, or hold a number that stands for that."""
        return self.missing or self.zero_means_missing

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values of all that is not at its default, but for the name."""
        said = {item.name: getattr(self, item.name) for item in fields(self) if item.name != "name"}
        given = {name: value for name, value in said.items() if value != getattr(type(self), name, None)}
        return {name: list(value) if isinstance(value, tuple) else value for name, value in given.items()}

    @classmethod
    def from_dict(cls, name: Any, values: Any) -> Self:
        """Build from what `to_dict` wrote, or from anything: what is no column raises `SpecError`."""
        kinds: dict[str, type] = {"role": str, "unit": str, "range": list, "values": list, "classes": list}
        known = {item.name for item in fields(cls)} - {"name"}
        if not isinstance(name, str) or not isinstance(values, Mapping) or not set(values) <= known:
            raise SpecError(
                f"A schema says of a column: {', '.join(sorted(known))}",
                (name, sorted(map(str, values)) if isinstance(values, Mapping) else values),
                fix=_WAY_OUT,
            )
        for option, value in values.items():
            if not isinstance(value, kinds.get(option, bool)):
                raise SpecError(f"The {option} of a column is no {kinds.get(option, bool).__name__}", (name, value))
        if values.get("zero_means_missing") and not values.get("missing", True):
            raise SpecError(
                "A column whose 0 means missing may be missing",
                (name, "zero_means_missing: true, missing: false"),
                fix="Leave out one of them, at all sites alike",
            )
        given: dict[str, Any] = {
            option: tuple(value) if isinstance(value, list) else value for option, value in values.items()
        }
        bounds = given.get("range")
        if bounds is not None:
            if len(bounds) != 2 or not all(type(bound) in (int, float) for bound in bounds):
                raise SpecError("A range is two numbers", (name, values["range"]), fix=_WAY_OUT)
            given["range"] = (float(bounds[0]), float(bounds[1]))
        for option in ("values", "classes"):
            if not all(isinstance(each, str) for each in given.get(option, ())):
                raise SpecError(f"The {option} of a column are texts", (name, values[option]), fix=_WAY_OUT)
        return cls(name, given.pop("role", ""), **given)


@dataclass(frozen=True)
class Schema:
    """What the columns of a table mean.

    Parameters
    ----------
    columns : tuple of Declared
        Brought into the order of their names. At least one is a feature; either one is the label with its classes, or
        several are labels that are there or not, or some are targets.
    """

    columns: tuple[Declared, ...]

    def __post_init__(self) -> None:
        names = [column.name for column in self.columns]
        if len(set(names)) < len(names) or len(names) > _MOST_COLUMNS:
            raise SpecError(f"A schema has {_MOST_COLUMNS} columns at most, of different names", fix=_WAY_OUT)
        object.__setattr__(self, "columns", tuple(sorted(self.columns, key=lambda column: column.name)))
        roles = [column.role for column in self.columns]
        if not self.features:
            raise SpecError(f"A schema must have a feature: {', '.join(FEATURES)}", fix=_WAY_OUT)
        self._check_learnt()
        for role in ("client", "split"):
            if roles.count(role) > 1:
                raise SpecError(f"A schema has one {role} at most", fix=_WAY_OUT)

    def _check_learnt(self) -> None:
        if bool(self.labels) + bool(self.targets) != 1:
            raise SpecError(
                "A schema has one label, or several, or else targets",
                [column.name for column in self.learnt],
                fix="Declare what is to be learnt as label (a class) or target (a number), and ignore other such",
            )
        if len(self.labels) == 1 and not self.classes:
            raise SpecError(
                "A label that is the only one names its classes",
                self.labels[0].name,
                fix="Write classes: [...], or declare another column a label: each of several is yes or no",
            )
        if len(self.labels) > 1 and any(column.classes for column in self.labels):
            raise SpecError(
                "Each of several labels is yes or no, and names no classes",
                [column.name for column in self.labels],
                fix="Leave out their classes, or declare one of them the label and ignore the others",
            )

    def __hash__(self) -> int:
        return self._hash

    @cached_property
    def _hash(self) -> int:
        """Tasks are looked up by their hash again and again."""
        return hash(self.columns)

    @property
    def features(self) -> tuple[Declared, ...]:
        """The columns that a network sees, in the order in which it does."""
        return tuple(column for column in self.columns if column.role in FEATURES)

    @property
    def labels(self) -> tuple[Declared, ...]:
        """The columns of labels: one of classes, or several, each of which is there or not."""
        return tuple(column for column in self.columns if column.role == "label")

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes in the order of their numbers, or of several labels; empty where targets are learnt."""
        return self.labels[0].classes if len(self.labels) == 1 else tuple(column.name for column in self.labels)

    @property
    def targets(self) -> tuple[Declared, ...]:
        """The columns of numbers to learn."""
        return tuple(column for column in self.columns if column.role == "target")

    @property
    def learnt(self) -> tuple[Declared, ...]:
        """The columns of what is to be learnt: all labels, or all targets."""
        return self.labels + self.targets

    def of_role(self, role: str) -> Declared | None:
        """Return the one column of a role; None where there is none."""
        return next((column for column in self.columns if column.role == role), None)

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the canonical JSON, hexadecimal."""
        return hashlib.sha256(json.dumps(self.to_dict(), sort_keys=True).encode()).hexdigest()

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {"columns": {column.name: column.to_dict() for column in self.columns}}

    @classmethod
    def from_dict(cls, values: Any) -> Self:
        """Build from what `to_dict` wrote, or from anything: what is no schema raises `SpecError`."""
        columns = values.get("columns") if isinstance(values, Mapping) and len(values) == 1 else None
        if not isinstance(columns, Mapping):
            raise SpecError("A schema has columns, by name", fix="Write it with flwr-nas data check --write-schema")
        return cls(tuple(Declared.from_dict(name, said) for name, said in columns.items()))

    def difference(self, other: Schema) -> str:
        """Say in words in which columns another schema differs from this one; empty where it does not."""
        ours = {column.name: column for column in self.columns}
        theirs = {column.name: column for column in other.columns}
        changes = [
            *(f"{name!r} is missing" for name in ours if name not in theirs),
            *(f"{name!r} is not in it" for name in theirs if name not in ours),
            *(
                f"{name!r} has another {_first_difference(ours[name], theirs[name])}"
                for name in ours
                if name in theirs and ours[name] != theirs[name]
            ),
        ]
        return ", ".join(changes[:5]) + (f" and {len(changes) - 5} more" if len(changes) > 5 else "")


def _first_difference(one: Declared, other: Declared) -> str:
    names = (item.name for item in fields(Declared) if getattr(one, item.name) != getattr(other, item.name))
    return next(names)


def _is_name(text: str) -> bool:
    return bool(text.strip()) and text.isprintable() and len(text) <= _LONGEST_NAME
