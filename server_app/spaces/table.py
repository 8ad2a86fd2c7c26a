"""Tables of evaluated architectures: what networks scored when somebody else trained them.

The format is that of NAS-Bench-Macro (X. Su et al., "Prioritized Architecture Sampling with Monto-Carlo Tree Search",
CVPR 2021), a JSON object with an entry for each architecture, and learning curves as an addition of ours:

    {
      "01220110": {
        "test_acc": [92.1, 92.4, 91.9],
        "mean_acc": 92.133,
        "curves": [[41.0, 77.5, 90.9], [43.2, 78.0, 91.1], [40.1, 76.9, 90.8]],
        "params": 1573448,
        "flops": 77132352
      },
      ...
    }

- A key has one digit (0 to 9, or a letter) for each choice; all keys have as many.
- ``test_acc``: the accuracy of each training seed, or any other number of which more is better.
- ``mean_acc``: what the architecture is worth; the mean of ``test_acc`` where it is left out.
- ``curves``: for each seed the accuracy after every epoch, as many epochs in all entries. Where there are curves, a
  trial is scored by them, and ``test_acc`` (if there is one) only says what it is worth: so a table may hold
  curves on validation data beside accuracies on test data. Without ``test_acc`` the ends of the curves stand for it.
- ``params``, ``flops``: parameters, and multiply-accumulate operations of one example; both may be left out. (What
  NAS-Bench-Macro calls flops are MACs: between architectures that differ in one block, ``flops`` differ by 8 x 8 times
  as much as ``params`` where maps have 8 x 8 pixels.)
- Whatever else an entry holds (``std``) is not looked at.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NoReturn

from common.architecture.kinds.tabular import TabularSpec
from common.architecture.rules import is_whole
from common.errors import SpaceError, SpecError

_COSTS = ("params", "flops")


@dataclass(frozen=True)
class Entry:
    """One architecture of a table.

    Parameters
    ----------
    mean : float
        What it is worth.
    curves : tuple of tuples of float
        Shape ``(seeds, epochs)``: the score of each training after each epoch; where the table has no learning curves,
        one epoch stands for the whole training.
    parameters, macs : int, optional
        Costs; None where the table does not tell.
    """

    mean: float
    curves: tuple[tuple[float, ...], ...]
    parameters: int | None = None
    macs: int | None = None


@dataclass(frozen=True)
class Table:
    """A table of evaluated architectures.

    Parameters
    ----------
    entries : mapping of str to Entry
        By key; not empty, all keys of one length, all curves of as many epochs.
    has_curves : bool
        Whether its trainings can be followed epoch by epoch.
    """

    entries: Mapping[str, Entry]
    has_curves: bool = False

    @cached_property
    def alphabets(self) -> tuple[str, ...]:
        """For each place of a key the digits that occur there, sorted."""
        return tuple("".join(sorted(set(digits))) for digits in zip(*self.entries, strict=True))

    @property
    def epochs(self) -> int:
        """Epochs of a whole training; 1 where there are no learning curves."""
        return len(next(iter(self.entries.values())).curves[0])

    @property
    def seeds(self) -> int:
        """Trainings of one architecture, at most."""
        return max(len(entry.curves) for entry in self.entries.values())


def parse_table(text: str) -> Table:
    """Read a table, in the format above.

    Parameters
    ----------
    text : str
        JSON.

    Raises
    ------
    SpaceError
        It does not follow the format; the entry and the place in it are named.
    """
    try:
        values = json.loads(text, object_pairs_hook=_unique, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise SpaceError(f"A table must be valid JSON ({error})", fix="Write it with json.dump, without NaN") from None
    if not isinstance(values, dict) or not values:
        what = "an empty object" if values == {} else type(values).__name__
        raise SpaceError("A table must be a JSON object with an entry for each architecture", what, fix=_EXAMPLE)
    first = next(iter(values))
    _check_keys(values, len(first))
    with_curves = isinstance(values[first], dict) and "curves" in values[first]
    entries = {key: _entry(key, entry, with_curves) for key, entry in values.items()}
    _check_alike(entries, first)
    return Table(entries, with_curves)


_EXAMPLE = 'Write {"0120": {"test_acc": [92.1, 92.4]}, ...}'


def _check_keys(keys: Iterable[str], places: int) -> None:
    for key in keys:
        try:
            TabularSpec(key)
        except SpecError as error:
            raise SpaceError(f"The table has a key that is none: {error}".removesuffix(".")) from None
        if len(key) != places:
            raise SpaceError(
                f"All keys of a table have as many digits as the first, which has {places}",
                key,
                fix="Write one digit for each choice",
            )


def _entry(key: str, values: Any, with_curves: bool) -> Entry:
    if not isinstance(values, dict):
        raise _wrong(key, "must be an object", values, _EXAMPLE)
    if ("curves" in values) != with_curves:
        raise _wrong(key, "must have curves where the others have them, and none where they have none", sorted(values))
    accuracies = None
    if "test_acc" in values or not with_curves:
        accuracies = _numbers(key, "test_acc", values.get("test_acc"))
    curves = _curves(key, values["curves"]) if with_curves else tuple((value,) for value in accuracies or ())
    worth = accuracies or tuple(curve[-1] for curve in curves)
    mean = values.get("mean_acc", math.fsum(worth) / len(worth))
    if not _is_number(mean):
        raise _wrong(key, "mean_acc must be a number", mean)
    costs = {name: values.get(name) for name in _COSTS}
    for name, cost in costs.items():
        if cost is not None and (not is_whole(cost) or cost < 0):
            raise _wrong(key, f"{name} must be a whole number from 0", cost, f"Leave {name} out where it is unknown")
    return Entry(float(mean), curves, costs["params"], costs["flops"])


def _curves(key: str, values: Any) -> tuple[tuple[float, ...], ...]:
    if not isinstance(values, list) or not values:
        raise _wrong(key, "curves must be a list with a curve for each seed", values)
    curves = tuple(_numbers(key, f"curves[{seed}]", curve) for seed, curve in enumerate(values))
    if len({len(curve) for curve in curves}) > 1:
        raise _wrong(key, "curves must have a number for each epoch", [len(curve) for curve in curves])
    return curves


def _numbers(key: str, name: str, values: Any) -> tuple[float, ...]:
    if not isinstance(values, list) or not values:
        raise _wrong(key, f"{name} must be a list of numbers, at least one", values)
    for place, value in enumerate(values):
        if not _is_number(value):
            raise _wrong(key, f"{name}[{place}] must be a number", value)
    return tuple(map(float, values))


def _check_alike(entries: Mapping[str, Entry], first: str) -> None:
    """Raise where curves are of unlike length, or only some entries tell a cost."""
    rules: Sequence[tuple[str, Callable[[Entry], object]]] = (
        ("have as many epochs as", lambda entry: len(entry.curves[0])),
        ("tell params where the others do, like", lambda entry: entry.parameters is not None),
        ("tell flops where the others do, like", lambda entry: entry.macs is not None),
    )
    for rule, of in rules:
        wanted = of(entries[first])
        for key, entry in entries.items():
            if of(entry) != wanted:
                raise _wrong(key, f"must {rule} entry {first} ({wanted})", of(entry))


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and math.isfinite(value)


def _wrong(key: str, rule: str, got: object, fix: str = "Correct the entry, or remove it") -> SpaceError:
    return SpaceError(f"Entry {key} of the table: {rule}", got, fix=fix)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"the key {next(name for name in names if names.count(name) > 1)} occurs twice")
    return values


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number")
