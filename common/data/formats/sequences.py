"""A folder of recordings, .wav or .csv files; `common.data.formats.signals` says what one of them is.

What each is of is said by folders, one for each class, as `common.data.formats.folders` has them, or by a table beside
them, and then they may lie anywhere in the folder; see `common.data.formats.labels_csv`.

Each file is one sequence, and all are of one length: their own, or one that is asked for (`Reading`: ``length``). Or
recordings are cut into windows (``window``, ``hop``). Windows that overlap share samples, and windows of one recording
are alike in any case, so it is known of each from which recording it is: see `common.data.recordings`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from common.data.formats.contents import Contents, named
from common.data.formats.folders import Wrong, list_classes, refusal, skipped, some
from common.data.formats.labels_csv import LABELS, Item, read_labels
from common.data.formats.reading import Reading
from common.data.formats.signals import SUFFIXES, Samples, Signal, read_signal, resampled
from common.errors import DataError

_UNREADABLE = (
    "Every file of a folder of sequences must be a recording, .wav (PCM) or .csv (numbers)",
    "Take the others out or repair them, or leave them out with skip_bad",
)
_RATES = ("All recordings must have one rate", "Say which they are brought to: rate")
_NAMES = (
    "All recordings must have the same channels",
    "Leave out columns that others lack, and write the same names above those that are the same",
)
_NUMBERS = (
    "All recordings must have the same number of channels",
    "Convert those that differ, such as stereo to mono, or take them out",
)
_NAMED_OR_NOT = (
    "The channels of all recordings must have names, or those of none",
    "Write the same names above the columns of all, or of none; those of .wav files have none",
)
_LENGTHS = ("All sequences must be of one length", "Say which: length, or cut them into windows: window and hop")


def read(path: str, reading: Reading) -> Contents:
    """Read all recordings of a folder; errors as in `common.data.formats.read`."""
    root = Path(path)
    try:
        items, notes = read_labels(root, reading.label) if (root / LABELS).is_file() else _in_folders(root)
        items, signals, left_out = _signals(items, reading)
    except OSError as error:
        raise DataError("The folder must be readable", fix="Check its permissions", detail=str(error)) from error
    if not items:
        raise DataError("A folder of sequences must hold recordings", fix=_UNREADABLE[1], detail=skipped(left_out))
    signals, moved = _in_one_order(signals)
    _check_channels(items, signals)
    notes = [*notes, *_told(items, signals, left_out, moved)]
    samples, rate = _at_one_rate(items, signals, reading)
    if sum(signal.rate not in (None, rate) for signal in signals):
        notes = [*notes, f"Recordings of another rate are brought to {rate:,} samples a second."]
    if reading.window:
        window, hop = (_in_samples(value, rate, reading) for value in (reading.window, reading.hop or reading.window))
        return _cut(items, samples, window, hop, notes)
    if reading.length:
        samples, changed = _of_length(samples, _in_samples(reading.length, rate, reading))
        notes = [*notes, *changed]
    _check_alike(items, [one.shape[1] for one in samples], _LENGTHS, lambda count: f"{count:,} samples")
    return _contents(items, np.stack(samples), notes)


def _in_folders(root: Path) -> tuple[list[Item], list[str]]:
    listing = list_classes(root, SUFFIXES, "recordings")
    items = [Item(one.path, str(one.path.relative_to(root)), one.label, one.part) for one in listing.examples]
    return items, list(listing.notes)


def _signals(items: Sequence[Item], reading: Reading) -> tuple[list[Item], list[Signal], list[str]]:
    """Return what can be read, and the names of what is left out."""
    taken: list[tuple[Item, Signal]] = []
    wrong: Wrong = {}
    left_out = []
    for item in items:
        try:
            if item.path.suffix.lower() not in SUFFIXES:
                raise ValueError("it ends in something else")
            taken.append((item, read_signal(item.path)))
        except (OSError, ValueError) as error:
            if reading.skip_bad:
                left_out.append(item.name)
            else:
                wrong.setdefault(_UNREADABLE, []).append(f"{item.name} cannot be read ({error})")
    if wrong:
        raise refusal(wrong)
    return [item for item, _ in taken], [signal for _, signal in taken], left_out


def _check_alike(
    items: Sequence[Item], traits: Sequence[Any], rule: tuple[str, str], told: Callable[[Any], str]
) -> None:
    """Raise `DataError`, which names those that differ from most, unless all have the same trait."""
    usual, number = Counter(traits).most_common(1)[0]
    others = [
        f"{item.name} has {told(own)}, and {number:,} of {len(items):,} have {told(usual)}"
        for item, own in zip(items, traits, strict=True)
        if own != usual
    ]
    if others:
        raise refusal({rule: others})


def _in_one_order(signals: Sequence[Signal]) -> tuple[list[Signal], int]:
    """Return signals whose channels come in the order of most, where all have these names, and how many were others."""
    usual = Counter(signal.names for signal in signals).most_common(1)[0][0]
    place = {name: index for index, name in enumerate(usual)}
    if len(place) < len(usual):  # which of two columns of one name is which, nobody can say
        return list(signals), 0
    taken = [
        replace(signal, names=usual, samples=signal.samples[[signal.names.index(name) for name in usual]])
        if signal.names != usual and sorted(signal.names) == sorted(usual)
        else signal
        for signal in signals
    ]
    return taken, sum(one is not other for one, other in zip(taken, signals, strict=True))


def _check_channels(items: Sequence[Item], signals: Sequence[Signal]) -> None:
    """Raise `DataError` unless all have the same names of channels, or none and the same number."""
    named_ones = sum(bool(signal.names) for signal in signals)
    if not named_ones:
        _check_alike(items, [len(signal.samples) for signal in signals], _NUMBERS, _counted)
        return
    rule = _NAMES if named_ones == len(signals) else _NAMED_OR_NOT
    _check_alike(items, [signal.names or len(signal.samples) for signal in signals], rule, _channels)


def _counted(number: int) -> str:
    return "1 channel" if number == 1 else f"{number:,} channels"


def _channels(named_or_counted: Any) -> str:
    if isinstance(named_or_counted, int):
        return f"{_counted(named_or_counted)} without names"
    return f"the channels {', '.join(named_or_counted)}"


def _told(items: Sequence[Item], signals: Sequence[Signal], left_out: Sequence[str], moved: int) -> Iterator[str]:
    """Yield what was done in reading the files that their people should know."""
    if left_out:
        yield f"{skipped(left_out)}."
    if moved:
        number = f"{moved:,} of {len(items):,}"
        yield f"In {number} recordings the columns come in another order, and are taken by their names."
    if any(signal.timed for signal in signals):
        yield "A column of times is left out: it is no channel."
    by_commas = [(item.name, signal.how) for item, signal in zip(items, signals, strict=True) if signal.how]
    if by_commas:
        name, how = by_commas[0]
        yield f"In {len(by_commas):,} of {len(items):,} recordings numbers have commas: in {name} {how}."


def _at_one_rate(
    items: Sequence[Item], signals: Sequence[Signal], reading: Reading
) -> tuple[list[Samples], int | None]:
    """Return the samples, all at one rate, and that rate; None where nobody says it."""
    rates = [signal.rate for signal in signals]
    if not reading.rate:
        _check_alike(items, rates, _RATES, lambda rate: f"{rate} samples a second" if rate else "no rate of its own")
        return [signal.samples for signal in signals], rates[0]
    wanted = reading.rate
    return [
        signal.samples if signal.rate in (None, wanted) else resampled(signal.samples, signal.rate, wanted)
        for signal in signals
    ], wanted


def _in_samples(number: float, rate: int | None, reading: Reading) -> int:
    """Return a length as whole samples, at least one."""
    if reading.unit == "samples":
        return int(number)
    if rate is None:
        raise DataError(
            "Seconds are samples where a rate is known, and .csv files do not say theirs",
            fix="Say it: rate=50, or give lengths in samples",
        )
    return max(1, round(number * rate))


def _of_length(samples: Sequence[Samples], length: int) -> tuple[list[Samples], list[str]]:
    """Return sequences cut off or filled up with zeros, and what is told of it."""
    longer = sum(one.shape[1] > length for one in samples)
    shorter = sum(one.shape[1] < length for one in samples)
    changed = [np.pad(one[:, :length], ((0, 0), (0, max(0, length - one.shape[1])))) for one in samples]
    told = f"Sequences are brought to {length:,} samples: {longer:,} by cutting off, {shorter:,} by zeros at the end."
    return changed, [told] if longer or shorter else []


def _cut(items: Sequence[Item], samples: Sequence[Samples], window: int, hop: int, notes: list[str]) -> Contents:
    """Return the windows of all recordings; who is shorter than a window has none."""
    short = [item.name for item, one in zip(items, samples, strict=True) if one.shape[1] < window]
    if len(short) == len(items):
        raise DataError(
            "Recordings must be as long as a window", fix="Use a shorter window", detail=f"none has {window:,} samples"
        )
    if short:
        notes = [
            *notes,
            f"{len(short):,} of {len(items):,} files are shorter than a window, and left out: {some(short)}.",
        ]
    found = [(place, each) for place, one in enumerate(samples) for each in _windows(one, window, hop)]
    places = np.array([place for place, _ in found])
    notes = [
        *notes,
        f"{len(found):,} windows of {window:,} samples are cut from {len(items) - len(short):,} recordings. Whole "
        "recordings are held out, and of classes with too few of them the last windows.",
    ]
    x = np.stack([each for _, each in found])
    return _contents([items[place] for place in places], x, notes, places, -(-window // hop) - 1)


def _windows(samples: Samples, window: int, hop: int) -> Iterator[Samples]:
    for begin in range(0, samples.shape[1] - window + 1, hop):
        yield samples[:, begin : begin + window]


def _contents(
    items: Sequence[Item],
    x: NDArray[Any],
    notes: Sequence[str],
    recording: NDArray[np.int64] | None = None,
    overlap: int = 0,
) -> Contents:
    y, classes = named([item.label for item in items])
    parts = np.array([item.part for item in items])
    client = named([item.client for item in items])[0] if items[0].client else None
    split = parts if parts.any() else None
    return Contents(x, y, classes, client, split, tuple(notes), recording, overlap)
