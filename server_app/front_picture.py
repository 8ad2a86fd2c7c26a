"""The front of a search as a picture: its trials, those that none is better than, the portfolio and the baseline."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from common.groups import PORTFOLIO
from server_app.given import best_of_portfolio
from server_app.objectives.costs import COSTS
from server_app.pictures import new_figure, write_figure

if TYPE_CHECKING:
    from server_app.objectives.base import Objective
    from server_app.stages.search import Search
    from server_app.trials import Trial

FILE = "front.png"
_WIDE = 10
"""Times the least value above which an axis of costs is logarithmic."""
_WIDER = 1000
"""Times above which it is marked at powers of 10 alone."""
_GREY, _BLUE, _RED, _GREEN = "#9aa0a6", "#1f6fb4", "#c2351f", "#2e7d32"


def draw_front(folder: Path, search: Search) -> Path | None:
    """Draw the first objective against each of the others.

    Parameters
    ----------
    folder : Path
        Where the file goes; it exists.
    search : Search
        With several objectives.

    Returns
    -------
    Path or None
        None where matplotlib is not installed, or no trial has a score.

    Raises
    ------
    StorageError
        The folder cannot be written.
    """
    scored = [trial for trial in search.ranking if trial.ranks]
    if not scored:
        return None
    first, *others = search.objectives.dimensions()
    figure = new_figure(1.8 + 5 * len(others), 4.6)
    if figure is None:
        return None
    panels = figure.subplots(1, len(others), sharey=True, squeeze=False)[0]
    for axes, other in zip(panels, others, strict=True):
        _panel(axes, search, scored, first, other)
    panels[0].set_ylabel(first.name)
    figure.legend(
        *panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=3, frameon=False, fontsize="small"
    )
    return write_figure(figure, folder / FILE)


def _panel(axes: Any, search: Search, scored: Sequence[Trial], first: Objective, other: Objective) -> None:
    def at(trials: Sequence[Trial]) -> tuple[list[float], list[float]]:
        values = [trial.scores[-1].values for trial in trials]
        return [one[other.name] for one in values], [one[first.name] for one in values]

    front, top = search.front, scored[0].rung
    lower = [trial for trial in scored if trial.rung < top]
    peers = [trial for trial in scored if trial.rung == top]
    if lower:
        axes.plot(*at(lower), "o", ms=5, mfc="none", mec=_GREY, label="stopped earlier, scores do not compare")
    axes.plot(*at(peers), "o", ms=5, color=_GREY, label="trials that went all the way")
    known = [trial for trial in scored if trial.origin == PORTFOLIO]
    if known:
        axes.plot(*at(known), "s", ms=9, mfc="none", mec=_GREEN, label="portfolio")
    if (baseline := best_of_portfolio(scored)) is not None:
        axes.plot(*at([baseline]), "s", ms=9, color=_GREEN, label="baseline")
    along = sorted(front, key=lambda trial: trial.scores[-1].values[other.name])
    line = "-" if len(search.objectives.dimensions()) == 2 else ""
    axes.plot(*at(along), line, marker="o", ms=6, lw=1, color=_BLUE, drawstyle=_steps(other), label="front")
    axes.plot(*at(front[:1]), "*", ms=15, color=_RED, label="knee, the winner")
    for trial in front:
        ((x,), (y,)) = at([trial])
        axes.annotate(str(trial.number), (x, y), xytext=(5, -10), textcoords="offset points", fontsize="x-small")
    costs = at(scored)[0]
    if other.name in COSTS and min(costs) > 0 and max(costs) > _WIDE * min(costs):
        make_logarithmic(axes, max(costs) / min(costs))
    axes.set_xlabel(other.name)
    axes.grid(alpha=0.3)


def make_logarithmic(axes: Any, times: float) -> None:
    """Make the axis of costs logarithmic, with as many marks as there is room for; matplotlib's own overlap.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
        As wide as a panel.
    times : float
        The largest cost in terms of the least.
    """
    from matplotlib.ticker import EngFormatter, LogLocator, NullFormatter

    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if times < _WIDER else (1,)))
    axes.xaxis.set_major_formatter(EngFormatter(sep=""))
    axes.xaxis.set_minor_formatter(NullFormatter())


def _steps(other: Objective) -> str:
    """Return how a line goes from point to point: what lies beyond it is dominated."""
    return "steps-post" if other.direction == "min" else "steps-pre"
