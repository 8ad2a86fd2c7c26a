"""Specs that nobody would draw: JSON of every kind, damaged, and what becomes of it on a node.

Each level of damage is for another stage of what a node does with a spec: text for the parser, fields and odd values
for the rules of the fields, values that are legal each by itself for lowering and limits.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from common.architecture.kinds.cells import FORMS, OPERATIONS
from common.architecture.kinds.layered import REDUCTIONS
from common.architecture.kinds.layers import ACTIVATIONS, LAYERS, MERGES, NORMS
from common.architecture.kinds.mobile_blocks import BLOCKS
from common.architecture.spec import KINDS, MAX_TEXT, ArchitectureSpec, read_json
from common.errors import FlwrNasError, ProtocolError
from common.limits import Limits, needs_of
from common.models.builder import build
from common.settings import TrainingSettings
from common.tasks import Classification, Task
from tests.support.kinds import CASES, TASKS, space_of

STAGES = ("JSON", "fields", "lowering", "limits", "model")
LIMITS = Limits(max_parameters=200_000, max_macs=20_000_000, max_memory_mb=64)
"""Of a small node: wide enough for nearly all that the spaces of `tests.support.kinds` draw."""
LARGE = Task((3, 224, 224), Classification(1000))
DATA = (*TASKS.values(), LARGE)

Damage: TypeAlias = Callable[[Any, Any, np.random.Generator], Any]
"""From the values of a spec, those of another one, and a generator to other values."""
_Place: TypeAlias = tuple[Any, Any]
"""A list or an object, and an index or a key."""

_DEEP, _LONG = "@deep", "@long"
"""Stand for text that `json.dumps` does not write: brackets nested about as deeply as a parser goes, many digits."""
_ODD = (
    *(None, True, False, -1, 0, 2**31, 2**63, -(10**30), 10**400, 0.5, -0.0, 1.0, 1e308, float("nan"), float("inf")),
    *("", "1", "x" * 5000, "\ud800", "\0", "__class__", _DEEP, _LONG, [], {}, [[]], [[0, "skip"]], {"op": "linear"}),
)
_NUMBERS = (-1, 0, 1, 2, 3, 4, 5, 7, 8, 16, 31, 32, 63, 64, 127, 255, 256, 1024, 4096, 65535, 65536, 65537)
_FACTORS = (2, 3, 16, 256, 4096)
_WORDS = (tuple(LAYERS), tuple(BLOCKS), OPERATIONS, ACTIVATIONS, NORMS, MERGES, tuple(FORMS), tuple(KINDS), REDUCTIONS)
"""Groups of words: one is mostly exchanged for another of its group."""
_TOKENS = (
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    '"',
    "null",
    "NaN",
    "-Infinity",
    "1e999",
    "\\u",
    "\\ud800",
    "\0",
    "\ufeff",
    "/**/",
)


@dataclass(frozen=True)
class Fate:
    """What became of a text.

    Parameters
    ----------
    stage : str
        The last one that it reached, of `STAGES`.
    error : FlwrNasError, optional
        Which error refused it there; None where it became a model.
    """

    stage: str
    error: FlwrNasError | None = None


def fate_of(text: str, task: Task, limits: Limits = LIMITS) -> Fate:
    """Do with a spec what a node does that has never seen it: parse, lower, compare with the limits, build.

    Whatever is no `FlwrNasError` is raised: nothing of that kind may happen.
    """
    stage = "JSON"
    try:
        values, stage = read_json(text), "fields"
        spec, stage = ArchitectureSpec.from_dict(values), "lowering"
        graph, stage = spec.lower(task), "limits"
        if reason := limits.exceeded(needs_of(spec, task, TrainingSettings())):
            raise ProtocolError(reason)
        stage = "model"
        build(graph)
    except FlwrNasError as error:
        return Fate(stage, error)
    return Fate(stage)


def random_specs(rng: np.random.Generator) -> Iterator[tuple[str, Task]]:
    """Yield texts of specs without end, each drawn from the space of the next case, with the task of that space."""
    spaces = [space_of(*case) for case in CASES]
    while True:
        for space, (_, data) in zip(spaces, CASES, strict=True):
            yield space._draw(rng).to_json(), TASKS[data]


def hostile_specs(rng: np.random.Generator) -> Iterator[tuple[str, Task]]:
    """Yield damaged texts without end, of each case in turn, with any task."""
    drawn = random_specs(rng)
    text, _ = next(drawn)
    for other, _ in drawn:
        yield damaged(text, other, rng), _one(DATA, rng)
        text = other


def damaged(text: str, other: str, rng: np.random.Generator) -> str:
    """Return the text of a spec, damaged on one level in one to three places; `other` is that of another spec."""
    level = _one(("text", *DAMAGES), rng, (0.1, 0.1, 0.15, 0.25, 0.2, 0.2))
    times = int(rng.integers(1, 4))
    if level == "text":
        for _ in range(times):
            text = _torn(text, rng)
        return text
    values, others = json.loads(text), json.loads(other)
    for _ in range(times):
        values = DAMAGES[level](values, others, rng)
    depth, digits = int(rng.integers(900, 1010)), int(rng.integers(300, 5000))
    written = json.dumps(values, sort_keys=True)
    return written.replace(f'"{_DEEP}"', "[" * depth + "]" * depth).replace(f'"{_LONG}"', "9" * digits)


# ---------------------------------------------------------------- text


def _torn(text: str, rng: np.random.Generator) -> str:
    """Cut a text off, leave a part of it out, put a token in, repeat a part, exchange a character, or stretch it."""
    begin, end = sorted(int(place) for place in rng.integers(0, len(text) + 1, 2))
    return _one(
        (
            text[:end],
            text[:begin] + text[end:],
            text[:begin] + _one(_TOKENS, rng) + text[begin:],
            text[:end] + text[begin:],
            text[:begin] + chr(int(rng.integers(32, 127))) + text[begin + 1 :],
            text.ljust(MAX_TEXT + 1),
        ),
        rng,
    )


# ---------------------------------------------------------------- values


def _misnamed(values: Any, other: Any, rng: np.random.Generator) -> Any:
    """Take a field away, name it otherwise, add one, or change what says how to read them."""
    objects = [found for found in _all(values) if isinstance(found, dict) and found]
    if not objects:
        return values
    found = _one(objects, rng)
    name = _one(sorted(found), rng)
    new = _one((*sorted(other), name.upper(), "op", "width", "", "__init__"), rng)
    how = _one(("less", "renamed", "more", "kind", "version"), rng)
    if how == "less":
        del found[name]
    elif how == "renamed":
        found[new] = found.pop(name)
    elif how == "more":
        found[new] = deepcopy(_one(_ODD, rng))
    else:
        values[how] = _one((*KINDS, 1, 2), rng)
    return values


def _odd(values: Any, other: Any, rng: np.random.Generator) -> Any:
    """Put a value somewhere that hardly any field has."""
    return _with(values, deepcopy(_one(_ODD, rng)), rng)


def _extreme(values: Any, other: Any, rng: np.random.Generator) -> Any:
    """Exchange a value for one of its type that is legal somewhere, or make a list longer."""
    place = _place(values, rng)
    if place is not None:
        container, key = place
        container[key] = _other_of_its_type(container[key], rng)
    return values


def _other_of_its_type(value: Any, rng: np.random.Generator) -> Any:
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value * _one(_FACTORS, rng) if rng.random() < 0.5 else _one(_NUMBERS, rng)
    if isinstance(value, float):
        return _one((0.0, 0.00004, 0.5, 0.9999, 0.99996, 1.0), rng)
    if isinstance(value, str):
        groups = [group for group in _WORDS if value in group and rng.random() < 0.9] or _WORDS
        return _one(groups[int(rng.integers(len(groups)))], rng)
    if isinstance(value, list) and value:
        return _repeated(value, _one((0, 1, 2, 3, 4, 6, 7, 32, 63, 64, 65), rng))
    return value


def _larger(values: Any, other: Any, rng: np.random.Generator) -> Any:
    """Multiply every width, or make the list of layers or blocks longer."""
    factor = _one(_FACTORS, rng)
    for found in _all(values):
        for name in found if isinstance(found, dict) else ():
            if name in ("layers", "blocks") and rng.random() < 0.5:
                found[name] = _repeated(found[name], int(rng.integers(1, 66)))
            elif name.endswith(("width", "channels", "cells", "bands", "heads")) and isinstance(found[name], int):
                found[name] *= factor
    return values


def _repeated(values: Any, wanted: int) -> Any:
    """Return a list of so many values, those that there are again and again."""
    return deepcopy((values * -(-wanted // max(1, len(values))))[:wanted])


def _grafted(values: Any, other: Any, rng: np.random.Generator) -> Any:
    """Put a part of another spec somewhere, or in the same place there is for it in this one."""
    if rng.random() < 0.3:
        return _with(values, deepcopy(_one(list(_all(other)), rng)), rng)
    shared = [
        (into, source, key)
        for into in _all(values)
        for source in _all(other)
        if isinstance(into, dict) and isinstance(source, dict) and into.get("op") == source.get("op")
        for key in sorted(into.keys() & source.keys())
        if into[key] != source[key]
    ]
    if shared:
        into, source, key = shared[int(rng.integers(len(shared)))]
        into[key] = deepcopy(source[key])
    return values


DAMAGES: dict[str, Damage] = {
    "misnamed": _misnamed,
    "odd": _odd,
    "extreme": _extreme,
    "larger": _larger,
    "grafted": _grafted,
}


def _with(values: Any, value: Any, rng: np.random.Generator) -> Any:
    """Return `values` with another value in one place; that value alone where there is no place."""
    place = _place(values, rng)
    if place is None:
        return value
    container, key = place
    container[key] = value
    return values


def _place(values: Any, rng: np.random.Generator) -> _Place | None:
    """Draw a place: an object's key or a list's index, anywhere; None where there is none.

    Kind and version of the whole are no more likely than all else, or nearly all would end there.
    """
    found = [
        (container, key)
        for container in _all(values)
        if isinstance(container, dict | list)
        for key in (sorted(container) if isinstance(container, dict) else range(len(container)))
    ]
    inner = [place for place in found if place[1] not in ("kind", "version")]
    return _one(inner if inner and rng.random() < 0.9 else found, rng) if found else None


def _all(values: Any) -> Iterator[Any]:
    """Yield a JSON value and all within it."""
    yield values
    for inner in values.values() if isinstance(values, dict) else values if isinstance(values, list) else ():
        yield from _all(inner)


def _one(choices: Any, rng: np.random.Generator, shares: tuple[float, ...] | None = None) -> Any:
    return choices[int(rng.choice(len(choices), p=shares))]
