"""What is said about data, as plain lines: a node's installation has no rich."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from common.data.check import Finding
    from common.data.summary import ClassCount, Summary
    from common.errors import DataError

_MOST_ROWS = 40
_BAR = 30
_NAME = 24


@dataclass(frozen=True)
class Style:
    """How lines may look where they are shown.

    Parameters
    ----------
    colour : bool
        Whether ANSI escapes are understood.
    blocks : bool
        Whether the block character can be encoded.
    """

    colour: bool = False
    blocks: bool = False

    def paint(self, text: str, code: str) -> str:
        """Return `text` in a colour, by its ANSI code."""
        return f"\x1b[{code}m{text}\x1b[0m" if self.colour else text

    def bar(self, share: float) -> str:
        """Return a bar of a length between 0 and 1."""
        return ("█" if self.blocks else "#") * (max(1, round(share * _BAR)) if share > 0 else 0)


def style_of(stream: TextIO) -> Style:
    """Return what `stream` can show; https://no-color.org is respected."""
    colour = stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    try:
        "█".encode(stream.encoding or "ascii")
    except UnicodeEncodeError:
        return Style(colour, False)
    return Style(colour, True)


def unreadable(path: str, error: DataError, style: Style) -> Iterator[str]:
    """Say why data cannot be read."""
    yield style.paint(path, "1")
    yield ""
    yield from _refusal(error, style)


def found(path: str, finding: Finding, label: str, style: Style) -> Iterator[str]:
    """Say what data are, and whether they fit."""
    summary = finding.summary
    yield style.paint(path, "1")
    yield f"  {what(summary)}"
    yield f"  {_classes(summary)}"
    yield ""
    yield from (f"  {line}" for line in _table(summary, style))
    yield style.paint("  These counts stay on this machine; a search never sends them.", "2")
    yield ""
    yield from (f"  {name:<12}{text}" for name, text in _facts(finding))
    notes = list(_notes(finding, label))
    yield from ["", *(f"  {style.paint('Note:', '33')} {note}" for note in notes)] if notes else []
    yield ""
    if finding.problem is None:
        yield style.paint("It fits.", "1;32")
    else:
        yield from _refusal(finding.problem, style)


def what(summary: Summary) -> str:
    """Say what the examples are."""
    shape, number = summary.input_shape, f"{summary.examples:,}"
    if len(shape) == 1:
        return f"{number} examples of {_count(shape[0], 'number')} each"
    if len(shape) == 2:
        return f"{number} sequences of {_count(shape[1], 'time step')} in {_count(shape[0], 'channel')}"
    colours = {1: "grey images", 3: "colour images"}.get(shape[0], f"images with {shape[0]} channels")
    return f"{number} {colours} of {shape[2]} x {shape[1]} pixels"


def shares(parts: list[tuple[ClassCount, ...]]) -> Iterator[str]:
    """Lay out the examples of each class and node, or how many classes a node has where they are many."""
    names = [_short(count.name) for count in parts[0]]
    few = len(names) <= 12
    tested = any(count.test for counts in parts for count in counts)
    head = ["node", "examples", *(["test"] if tested else []), *(names if few else ["classes"])]
    rows = [head]
    for number, counts in enumerate(parts, 1):
        train, test = sum(count.train for count in counts), sum(count.test for count in counts)
        held = [count.train + count.test for count in counts]
        of_classes = [f"{each:,}" for each in held] if few else [f"{sum(map(bool, held))} of {len(held)}"]
        rows.append([f"node-{number}", f"{train + test:,}", *([f"{test:,}"] if tested else []), *of_classes])
    widths = [max(len(row[column]) for row in rows) for column in range(len(head))]
    for row in rows:
        cells = [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))]
        yield "  ".join(cells).rstrip()


def _refusal(error: DataError, style: Style) -> Iterator[str]:
    rule = error.rule[0].lower() + error.rule[1:] if error.rule[1:2].islower() or error.rule[1:2] == " " else error.rule
    yield style.paint("It does not fit:", "1;31") + f" {rule}. {error.fix}."
    if error.detail:
        yield f"  Found: {error.detail}."


def _classes(summary: Summary) -> str:
    held = [count.name for count in summary.counts if count.train + count.test]
    number = _count(len(held), "class", "classes")
    if summary.named:
        return f"{number}, with names" if len(held) > 1 else f"{number}, with a name"
    return (
        f"{number}, numbered from {held[0]} to {held[-1]}" if len(held) > 1 else f"{number}, with the number {held[0]}"
    )


def _table(summary: Summary, style: Style) -> Iterator[str]:
    shown = summary.counts[:_MOST_ROWS]
    width = max(5, *(len(_short(count.name)) for count in shown))
    most = max(count.train + count.test for count in summary.counts)
    test = f"{'test':>10}" if summary.has_test else ""
    yield style.paint(f"{'class':<{width}}{'training' if summary.has_test else 'examples':>10}{test}", "1")
    for count in shown:
        tested = f"{count.test:>10,}" if summary.has_test else ""
        bar = style.paint(style.bar((count.train + count.test) / most), "36")
        yield f"{_short(count.name):<{width}}{count.train:>10,}{tested}  {bar}".rstrip()
    if len(summary.counts) > len(shown):
        yield f"... and {len(summary.counts) - len(shown)} more"


def _facts(finding: Finding) -> Iterator[tuple[str, str]]:
    summary = finding.summary
    yield "people", f"{summary.people:,}" if summary.people is not None else "not said ('client' would say it)"
    yield "test part", f"{sum(count.test for count in summary.counts):,} examples" if summary.has_test else "none given"
    if finding.parts:
        train, validation, test = (f"{part:,}" for part in finding.parts)
        yield "a search", f"trains on {train}, validates on {validation} and at its end tests on {test} examples"
    yield "memory", f"about {_bytes(summary.nbytes)} while a search runs"


def _notes(finding: Finding, label: str) -> Iterator[str]:
    summary = finding.summary
    if finding.missing:
        some = ", ".join(finding.missing[:10]) + (", ..." if len(finding.missing) > 10 else "")
        yield f"no examples of {some}. That is fine if other nodes have them."
    if sum(count.train > 0 for count in summary.counts) == 1:
        yield "all training examples are of one class. Alone, they teach a model nothing."
    if summary.constant:
        kind = "columns" if len(summary.input_shape) == 1 else "channels"
        some = ", ".join(str(place + 1) for place in summary.constant[:10])
        more = ", ..." if len(summary.constant) > 10 else ""
        yield f"{len(summary.constant)} of {summary.input_shape[0]} {kind} never change: number {some}{more}."
    if summary.copies and summary.has_test:
        yield f"{summary.copies:,} test examples are trained on too. Scores on them will be too good."
    elif summary.copies:
        yield f"{summary.copies:,} examples are copies of others. What is trained and tested on scores too well."
    if summary.overlapping:
        yield (
            f"{summary.overlapping:,} sequences overlap the one before them by half. Ask for a search with "
            "dataset.split=block dataset.gap=1, or scores will be too good."
        )
    if label != "label":
        yield f'the node must say where the classes are: label="{label}" in its node config'


def _count(number: int, one: str, many: str | None = None) -> str:
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def _short(name: str) -> str:
    return name if len(name) <= _NAME else f"{name[: _NAME - 3]}..."


def _bytes(number: int) -> str:
    for unit in ("kB", "MB"):
        number_in = number / {"kB": 1e3, "MB": 1e6}[unit]
        if number_in < 1000:
            return f"{max(number_in, 0.1):.1f} {unit}"
    return f"{number / 1e9:.1f} GB"
