"""What is said about data, for the people who have them: lines and tables for a terminal or a log."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import numpy as np
from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from common.data.formats.reading import PLAIN, Reading
from server_app.balance import uneven
from server_app.reporting.bars import Bar
from server_app.reporting.words import counted

if TYPE_CHECKING:
    from common.data.formats import Reading
    from common.data.tools.suitability import Finding
    from common.data.tools.summary import ClassCount, Summary
    from common.errors import DataError

_MOST_ROWS = 40
_BAR = 30
_NAME = 24
_MANY_CLASSES = 20
_WIDTH = 1000
"""Columns that a line may take: what is longer than the screen, the terminal wraps, and nothing is cut off."""


def laid_out(lines: Iterable[RenderableType]) -> str:
    """Return what one of the functions below says, as the output takes it."""
    console = Console(width=_WIDTH)
    with console.capture() as text:
        for line in lines:
            console.print(line, soft_wrap=True)
    return text.get()


def unreadable(path: str, error: DataError) -> Iterator[RenderableType]:
    """Say why data cannot be read."""
    yield Text(path, "bold")
    yield ""
    yield from _refusal(error)


def found(path: str, finding: Finding, reading: Reading = PLAIN) -> Iterator[RenderableType]:
    """Say what data are that were read so, and whether they fit."""
    summary = finding.summary
    yield Text(path, "bold")
    yield Text(f"  {what(summary)}")
    yield Text(f"  {_labels(summary)}")
    yield ""
    if summary.counts:
        yield Padding(_table(summary), (0, 0, 0, 2), expand=False)
        yield Text("  These counts stay on this machine. A search with objective=primary, the", "dim")
        yield Text("  default, is told those of training, rounded down (by default to tens).", "dim")
        yield ""
    facts = list(_facts(finding))
    column = max(len(name) for name, _ in facts) + 3
    yield from (Text(f"  {name.ljust(column)}{fact}") for name, fact in facts)  # no table: it would fill up all lines
    notes = [Text.assemble("  ", ("Note:", "yellow"), f" {note}") for note in _notes(finding, reading)]
    if notes:
        yield ""
        yield from notes
    yield ""
    if finding.problem is None:
        yield Text("It fits.", "bold green")
    else:
        yield from _refusal(finding.problem)


def what(summary: Summary) -> str:
    """Say what the examples are."""
    shape, number = summary.input_shape, summary.examples
    if len(shape) == 1:
        return f"{counted(number, 'example')} of {counted(shape[0], 'number')} each"
    if len(shape) == 2:
        return f"{counted(number, 'sequence')} of {counted(shape[1], 'time step')} in {counted(shape[0], 'channel')}"
    colour = {1: "grey ", 3: "colour "}.get(shape[0], "")
    channels = "" if colour else f" with {shape[0]} channels"
    return f"{counted(number, f'{colour}image')}{channels} of {shape[2]} x {shape[1]} pixels"


def shares(parts: list[tuple[ClassCount, ...]], sizes: list[tuple[int, int]]) -> Table:
    """Lay out the examples of each class and node, or how many classes a node has where they are many.

    Parameters
    ----------
    parts : list
        Of each node the examples by class, or label.
    sizes : list of tuple of int
        Of each node how many examples it trains on, and how many are for the test.
    """
    names = [_short(count.name) for count in parts[0]]
    few = len(names) <= 12
    tested = any(test for _, test in sizes)
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("node")
    for title in ("examples", *(["test"] if tested else []), *(names if few else ["classes"])):
        table.add_column(Text(title), justify="right")
    for number, (counts, (train, test)) in enumerate(zip(parts, sizes, strict=True), 1):
        held = [count.train + count.test for count in counts]
        of_classes = [f"{each:,}" for each in held] if few else [f"{sum(map(bool, held))} of {len(held)}"]
        table.add_row(f"node-{number}", f"{train + test:,}", *([f"{test:,}"] if tested else []), *of_classes)
    return table


def _refusal(error: DataError) -> Iterator[Text]:
    rule = error.rule[0].lower() + error.rule[1:] if error.rule[1:2].islower() or error.rule[1:2] == " " else error.rule
    yield Text.assemble(("It does not fit:", "bold red"), f" {rule}. {error.fix}.")
    if error.detail:
        yield Text(f"  Found: {error.detail}.")


def _labels(summary: Summary) -> str:
    if summary.kind == "multilabel":
        return f"{counted(len(summary.counts), 'label')}, of which an example has any number"
    held = [count.name for count in summary.counts if count.train + count.test]
    if not held:
        return "numbers to be predicted, labels that are no classes"
    number = counted(len(held), "class", "classes")
    if summary.named and not all(name.removeprefix("-").isdecimal() for name in held):
        return f"{number}, with names" if len(held) > 1 else f"{number}, with a name"
    return (
        f"{number}, numbered from {held[0]} to {held[-1]}" if len(held) > 1 else f"{number}, with the number {held[0]}"
    )


def _table(summary: Summary) -> Table:
    shown = summary.counts[:_MOST_ROWS]
    most = max(count.train + count.test for count in summary.counts)
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column("label" if summary.kind == "multilabel" else "class")
    for title in ["training", "test"] if summary.has_test else ["examples"]:
        table.add_column(title, justify="right", min_width=8)
    table.add_column("")
    for count in shown:
        numbers = [count.train, *([count.test] if summary.has_test else [])]
        table.add_row(Text(_short(count.name)), *(f"{number:,}" for number in numbers), Bar(sum(numbers) / most, _BAR))
    if len(summary.counts) > len(shown):
        table.add_row(f"... and {len(summary.counts) - len(shown)} more")
    return table


def _facts(finding: Finding) -> Iterator[tuple[str, str]]:
    summary = finding.summary
    yield "people", f"{summary.people:,}" if summary.people is not None else "not said ('client' would say it)"
    if len(summary.counts) > 1 and summary.kind == "classification":
        yield "balance", _balance([count.train for count in summary.counts])
    yield "test part", counted(summary.test, "example") if summary.has_test else "none given"
    if finding.parts:
        train, validation, test = finding.parts
        yield (
            "a search",
            f"trains on {train:,}, validates on {validation:,} and at its end tests on {counted(test, 'example')}",
        )
    if summary.deviations:
        yield "scales", _scales(summary)
    yield "memory", f"about {_bytes(summary.nbytes)} while a search runs"


def _balance(counts: list[int]) -> str:
    """Say how evenly classes are spread, and what a search makes of that where all nodes together are alike."""
    metric = "balanced accuracy" if uneven(np.array(counts)) else "accuracy"
    return f"{min(counts):,} to {max(counts):,} examples a class; such data are ranked by {metric}"


def _scales(summary: Summary) -> str:
    """Say how far apart the scales of features or channels are, and that a search does not mind."""
    smallest, largest = summary.deviations
    if summary.input_shape[0] == 1:
        return f"a deviation of {largest:.3g}; a search brings it to 1"
    each = "column" if len(summary.input_shape) == 1 else "channel"
    return f"deviations {smallest:.3g} to {largest:.3g}; a search brings each {each} to 1"


def _notes(finding: Finding, reading: Reading) -> Iterator[str]:
    summary = finding.summary
    yield from finding.notes
    if finding.missing:
        some = ", ".join(finding.missing[:10]) + (", ..." if len(finding.missing) > 10 else "")
        yield f"no examples of {some}. That is fine if other nodes have them."
    if sum(count.train > 0 for count in summary.counts) == 1 and summary.kind == "classification":
        yield "all training examples are of one class. Alone, they teach a model nothing."
    if finding.parts and not finding.parts[1]:
        yield "too few examples to be scored on: in a search this node only trains."
    held = [count for count in summary.counts if count.train]
    if summary.kind == "classification" and len(held) > _MANY_CLASSES and 2 * len(held) > summary.train:
        yield (
            f"{len(held)} classes of {counted(summary.train, 'training example')} are more than can be learnt. If "
            'these are numbers to predict, say so: --task regression here, task="regression" in the node config'
        )
    if summary.constant:
        kind = "column" if len(summary.input_shape) == 1 else "channel"
        changes = "never changes" if len(summary.constant) == 1 else "never change"
        names = [summary.features[place] for place in summary.constant] if summary.features else []
        some = ", ".join(names[:10] or [str(place + 1) for place in summary.constant[:10]])
        more = ", ..." if len(summary.constant) > 10 else ""
        which = "" if names else "number "
        yield f"{len(summary.constant)} of {counted(summary.input_shape[0], kind)} {changes}: {which}{some}{more}."
    if summary.copies and summary.has_test:
        copies = counted(summary.copies, "test example is", "test examples are")
        yield f"{copies} trained on too. Scores of the test will be too good."
    elif summary.copies:
        copies = counted(summary.copies, "example is a copy of another", "examples are copies of others")
        yield f"{copies}. What is trained and tested on scores too well."
    if summary.overlapping:
        yield (
            counted(summary.overlapping, "sequence overlaps the one before it", "sequences overlap the one before them")
            + " by half. Ask for a search with dataset.split=block dataset.gap=1, or scores will be too good."
        )
    if declared := reading.declared:
        said = " ".join(f"{name}={json.dumps(value)}" for name, value in declared.items())  # as TOML writes them too
        yield f"the node must say how its data are read: {said} in its node config"


def _short(name: str) -> str:
    return name if len(name) <= _NAME else f"{name[: _NAME - 3]}..."


def _bytes(number: int) -> str:
    for unit in ("kB", "MB"):
        number_in = number / {"kB": 1e3, "MB": 1e6}[unit]
        if number_in < 1000:
            return f"{max(number_in, 0.1):.1f} {unit}"
    return f"{number / 1e9:.1f} GB"
