"""How likely each option of each place of a mixed network was, round by round, as a picture."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from server_app.pictures import new_figure, write_figure

if TYPE_CHECKING:
    from server_app.stages.bilevel import Bilevel

FILE = "alphas.png"
_COLUMNS = 6
"""Panels in a row."""
_COLOURS = "tab10"

Course = dict[str, tuple[list[int], list[float]]]
"""By option its rounds and how likely it was after them; what was dropped ends."""


def draw_alphas(folder: Path, stage: Bilevel) -> Path | None:
    """Draw a panel for each place, with a line for each option; what is dropped ends in a cross, a level in dots.

    Parameters
    ----------
    folder : Path
        Where the file goes; it exists.
    stage : Bilevel
        With its history.

    Returns
    -------
    Path or None
        None where matplotlib is not installed, or no round has stepped architecture weights.

    Raises
    ------
    StorageError
        The folder cannot be written.
    """
    courses = courses_of(stage)
    if not courses:
        return None
    rows = _rows(courses)
    columns = max(map(len, rows))
    figure = new_figure(1.2 + 2.1 * columns, 1.4 + 1.6 * len(rows))
    if figure is None:
        return None
    lines: Any = import_module("matplotlib.lines")
    colours: Any = import_module("matplotlib").colormaps[_COLOURS].colors
    names = list(dict.fromkeys(name for course in courses.values() for name in course))
    colour = {name: colours[place % len(colours)] for place, name in enumerate(names)}
    panels = figure.subplots(len(rows), columns, sharex=True, sharey=True, squeeze=False)
    ends = [trial.rounds for trial in stage.trials[:-1]]
    for row, places in zip(panels, rows, strict=True):
        for axes, place in zip(row, places, strict=False):
            _panel(axes, place, courses[place], colour, ends)
        for axes in row[len(places) :]:
            axes.set_axis_off()
    figure.supxlabel("round", fontsize="small")
    figure.supylabel("probability of each option", fontsize="small")
    figure.legend(
        [lines.Line2D([], [], color=colour[name]) for name in names],
        names,
        loc="outside upper center",
        ncols=min(len(names), columns),
        frameon=False,
        fontsize="small",
    )
    return write_figure(figure, folder / FILE)


def courses_of(stage: Bilevel) -> dict[str, Course]:
    """Return by place the course of each of its options."""
    found: dict[str, Course] = {}
    for told in stage.history:
        for choice, values in zip(stage.spec_of(told.trial).choices, told.probabilities, strict=True):
            course = found.setdefault(choice.place, {})
            for name, value in zip(choice.names, values, strict=True):
                rounds, likely = course.setdefault(name, ([], []))
                rounds.append(told.round)
                likely.append(value)
    return found


def _rows(courses: Collection[str]) -> list[list[str]]:
    """Return places row by row; another cell begins another row."""
    parts: dict[str, list[str]] = {}
    for place in courses:
        parts.setdefault(place.partition(".")[0] if "." in place else "", []).append(place)
    return [part[at : at + _COLUMNS] for part in parts.values() for at in range(0, len(part), _COLUMNS)]


def _panel(axes: Any, place: str, course: Course, colour: Mapping[str, Any], ends: Sequence[int]) -> None:
    last = max(rounds[-1] for rounds, _ in course.values())
    for end in ends:
        axes.axvline(end + 0.5, lw=0.8, ls=":", color="grey")
    for name, (rounds, likely) in course.items():
        axes.plot(rounds, likely, lw=1.3, color=colour[name], marker="o" if len(rounds) == 1 else None, ms=3)
        if rounds[-1] < last:
            axes.plot(rounds[-1:], likely[-1:], "x", ms=5, color=colour[name])
    axes.set_title(place, fontsize="x-small", pad=3)
    axes.tick_params(labelsize="x-small")
    axes.grid(alpha=0.3)
