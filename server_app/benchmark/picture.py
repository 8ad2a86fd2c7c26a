"""The curves of a benchmark: regret against evaluations, as a PNG file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from server_app.benchmark.record import KINDS
from server_app.pictures import new_figure, write_figure

FILE = "benchmark.png"
MISSING = 'No picture: that needs matplotlib, pip install "flwr-nas[plots]"'


def draw(folder: Path, found: Mapping[str, Any]) -> Path | None:
    """Draw the mean regret of each contender with the band between its quartiles, on a logarithmic axis.

    Parameters
    ----------
    folder : Path
        Where the file goes; it exists.
    found : mapping
        Content of benchmark.json.

    Returns
    -------
    Path or None
        None where matplotlib is not installed.

    Raises
    ------
    StorageError
        The folder cannot be written.
    """
    figure = new_figure(10, 4.2)
    if figure is None:
        return None
    for axes, (kind, words) in zip(figure.subplots(1, len(KINDS), sharey=True), KINDS.items(), strict=True):
        _panel(axes, found, kind)
        axes.set_title(f"Regret of {words}", fontsize="small")
    figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=4, frameon=False)
    return write_figure(figure, folder / FILE)


def _panel(axes: Any, found: Mapping[str, Any], kind: str) -> None:
    evaluations = np.arange(1, found["budget"] + 1)
    for contender in found["contenders"]:
        regrets = np.array([run[kind] for run in contender["runs"]])
        (line,) = axes.plot(evaluations, regrets.mean(axis=0), label=contender["name"])
        lower, upper = np.quantile(regrets, [0.25, 0.75], axis=0)
        axes.fill_between(evaluations, lower, upper, color=line.get_color(), alpha=0.15, linewidth=0)
    axes.set_ylim(*_limits(found))
    axes.set_yscale("log")
    axes.grid(alpha=0.3)
    axes.set_xlabel("whole trainings" if found["table"]["epochs"] else "evaluations")
    axes.set_ylabel("mean regret, quartiles")


def _limits(found: Mapping[str, Any]) -> tuple[float, float]:
    """Return the ends of the axis: a regret of 0, which it cannot show, is below."""
    runs = [contender["runs"] for contender in found["contenders"]]
    means = np.array([np.mean([run[kind] for run in of_one], axis=0) for kind in KINDS for of_one in runs])
    above = means[means > 0]
    return (0.5 * float(above.min()), 2 * float(above.max())) if above.size else (0.1, 1.0)
