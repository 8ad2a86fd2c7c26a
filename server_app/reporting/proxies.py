"""What zero-cost scores print: for each score the specs that it holds to be the best."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from common.models.proxies import OF_GRAPH
from server_app.proxy_ranking import MEAN_RANK
from server_app.reporting.words import clock, counted, listed

_REASONS = 3
"""Reasons for missing scores that are printed."""


def render(found: Mapping[str, Any], top: int) -> RenderableType:
    """Return the tables of a proxies.json.

    Parameters
    ----------
    found : mapping
        Its content.
    top : int
        So many specs are shown for each score.
    """
    specs = found["specs"]
    if not specs:
        return Text("Nothing was scored.", style="red")
    where = f"{counted(len(specs), 'spec')} on {counted(len(found['nodes']), 'node')}"
    table = Table(title=escape(f"{found['name']}, seed {found['seed']}: {where}"))
    table.add_column("the best by")
    table.add_column("id", no_wrap=True)
    for title in ("score", "parameters", "MACs", "mean rank"):
        table.add_column(title, justify="right")
    shown: dict[str, str] = {}
    for name in (*found["proxies"], MEAN_RANK):
        best = sorted(specs, key=lambda spec: (spec["ranks"][name], spec["id"]))[:top]
        shown |= {spec["id"]: spec["architecture"] for spec in best}
        for place, spec in enumerate(best):
            table.add_row(*map(Text, _cells(name, place, spec)), end_section=place == len(best) - 1)
    architectures = [Text(f"{identity}: {architecture}") for identity, architecture in shown.items()]
    return Group(table, *architectures, *(Text(line, style="dim") for line in (*_missing(found), _summary(found))))


def _cells(name: str, place: int, spec: Mapping[str, Any]) -> Sequence[str]:
    scores = spec["scores"]
    told = "" if name == MEAN_RANK else _figure(scores.get(name), whole=name in OF_GRAPH and name != "entropy")
    size = [_figure(scores[name], whole=True) for name in ("parameters", "macs")]
    return "" if place else name.replace("_", " "), spec["id"], told, *size, f"{spec['ranks'][MEAN_RANK]:g}"


def _figure(value: float | None, *, whole: bool) -> str:
    if value is None:
        return "-"
    return f"{value:,.0f}" if whole else f"{value:.4g}"


def _missing(found: Mapping[str, Any]) -> Iterator[str]:
    """Yield what is said of scores that some specs lack, and of the reasons that nodes gave."""
    lacking = Counter(name for spec in found["specs"] for name in found["proxies"] if name not in spec["scores"])
    if lacking:
        names = listed([f"{name} ({counted(number, 'spec')})" for name, number in sorted(lacking.items())])
        yield f"Not finite on any node, or not scored, and so ranked last: {names}."
    reasons = Counter(reason for spec in found["specs"] for reason in spec["reasons"])
    for reason, number in reasons.most_common(_REASONS):
        yield f"Nodes gave no scores of {counted(number, 'spec')}: {reason.rstrip('.')}."


def _summary(found: Mapping[str, Any]) -> str:
    counts, seconds = found["counts"], found["seconds"]
    times = ", ".join(f"{name} {clock(value)}" for name, value in seconds.items())
    return (
        f"{counted(counts['exchanges'], 'exchange')}, {counted(counts['messages'], 'message')} with those of the "
        f"handshake; {times}; {found['node_seconds']:,.1f} node-seconds. More of a score counts as better; the mean "
        "rank is over all scores."
    )
