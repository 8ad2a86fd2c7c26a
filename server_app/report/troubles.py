"""What went wrong in a run, in plain words: equal things are one, with how often they happened, to whom and when."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

TITLES = {
    "node_refused": "A node was left out of the search",
    "refused": "What a node sent was refused",
    "absent": "A node was left out of a round",
    "unable": "A node did not train a network that it cannot hold",
    "unfinished": "A node did not finish what it was given",
    "retried": "A round was tried again, since too few nodes answered",
    "failed": "A training failed",
    "member_failed": "One of the trainings of a trial failed, and the trial went on without it",
    "scoreless": "A node gave no scores of untrained networks",
    "speed": "A node is not as fast as it said",
    "unscaled": "Inputs were not scaled, since no node has enough examples to say what they are like",
    "unweighted": "Classes do not weigh by how rare they are, since no node has enough examples to tell how many",
    "state_lost": "The state of the run could not be saved",
    "journal_lost": "The journal could not be written",
    "tracker_lost": "The tracker failed, and the run went on without it",
    "resuming": "The run was interrupted, and went on",
    "anew": "The run was interrupted before anything was saved, and began anew",
}
"""What each kind of event means, in the order of a report."""
_MOST = 20
"""Names that are told, at most."""
_NUMBER = re.compile(r"\d[\d,.]*")


def troubles_of(events: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return what went wrong.

    Returns
    -------
    list of dict
        Each with ``kind``, ``title`` (in words), ``reason`` (of the first, empty where there is none), ``count``,
        ``nodes`` and ``trials`` (names, 20 at most), and ``first`` and ``last`` (seconds). Those of one kind whose
        reasons differ in numbers only are one.
    """
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for event in events:
        kind = event["event"]
        if kind not in TITLES:
            continue
        reason = _reason(event)
        one = found.setdefault(
            (kind, _NUMBER.sub("0", reason)),
            {
                "kind": kind,
                "title": TITLES[kind],
                "reason": reason,
                "count": 0,
                "nodes": [],
                "trials": [],
                "first": event["time"],
            },
        )
        one["count"] += 1
        one["last"] = event["time"]
        for key, name in (("nodes", event.get("node")), ("trials", event.get("trial"))):
            if name is not None and name not in one[key] and len(one[key]) < _MOST:
                one[key].append(name)
    order = list(TITLES)
    return sorted(found.values(), key=lambda one: (order.index(one["kind"]), -one["count"], one["first"]))


def _reason(event: Mapping[str, Any]) -> str:
    if event["event"] == "resuming":
        return " ".join(event.get("changes", []))
    return str(event.get("reason", ""))
