"""The numbers that a tracker shows, out of the journal alone: what was read again gives what was given before.

- ``trial/OBJECTIVE``, ``trial/loss``: what a trial of the search was worth when it was scored; its loss on validation
- ``trial/number``, ``trial/rung``, and its ``rounds``, ``parameters`` and ``macs``: which one that was
- ``best/OBJECTIVE``: the best so far, of the highest rung
- ``cost/mac_examples``: what all has cost so far, in MACs of one example x examples
- ``warm_up/training_loss``, ``bilevel/training_loss``: of each round of what comes before the trials
- ``finalist/TRIAL-K/...``, ``final/ROLE-K/...``: likewise, and what validation says; K is the seed's number
- ``test/ROLE/METRIC``: the test, the mean over the seeds so far
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

_BEFORE = {"path": "warm_up", "mixed": "bilevel"}
"""By label, what comes before the trials."""
_AGAIN = ("finalist", "final")
"""Labels of what trains several times."""

Event = Mapping[str, Any]


class Scalars:
    """Makes numbers of events, which it takes in the order of the journal.

    Attributes
    ----------
    step : int
        How many events had numbers so far. The number of a line would not do: those after an interruption are others.
    """

    def __init__(self) -> None:
        self.step = 0
        self._proposed: dict[str, Event] = {}
        self._spent: dict[str, float] = {}
        self._waiting: dict[str, list[tuple[str, str | None]]] = {label: [] for label in _AGAIN}
        self._names: dict[str, tuple[str, int]] = {}
        self._tests: dict[str, dict[str, list[float]]] = {}

    def take(self, event: Event) -> dict[str, float]:
        """Return the numbers of an event, all finite; most events have none."""
        found = self._numbers_of(event)
        self.step += bool(found)
        return found

    def _numbers_of(self, event: Event) -> dict[str, float]:
        kind = event["event"]
        if kind == "finalists":
            self._waiting["finalist"] = [(name, None) for name in event["finalists"]]
        elif kind == "final":
            self._waiting["final"] = list(event["roles"].items())
        elif kind == "proposed":
            self._enter(event)
        elif kind == "best":
            return _finite(("best", event["values"]))
        elif kind in ("round", "scored"):
            return self._measured(event)
        return {}

    def _enter(self, event: Event) -> None:
        """Take in a trial; of those that train several times, find out whose run it is, and with which seed."""
        label = _label(event)
        self._proposed[event["trial"]] = event
        if label not in _AGAIN:
            return
        if (first := event["repeats"]) is None:
            waiting = self._waiting[label]
            place = next((n for n, (_, spec) in enumerate(waiting) if spec in (None, event["spec_id"])), None)
            name = event["trial"] if place is None else waiting.pop(place)[0]
        else:
            name = self._names[f"{label}-{first:04d}"][0]
        runs = sum(other == name and key.startswith(f"{label}-") for key, (other, _) in self._names.items())
        self._names[event["trial"]] = name, runs

    def _measured(self, event: Event) -> dict[str, float]:
        trial, label = event["trial"], _label(event)
        self._spent[trial] = event.get("mac_examples", 0)
        cost = {"mac_examples": sum(self._spent.values())}
        if event["event"] == "round":
            if label == "trial":  # several train at the same time: their scores tell more
                return {}
            return _finite((self._place(trial, label), {"training_loss": event["loss"]}), ("cost", cost))
        loss = {"loss": event["metrics"].get("loss")}
        if label == "trial":
            proposed = self._proposed[trial]
            about = {name: proposed[name] for name in ("parameters", "macs")}
            about |= {"number": int(trial.rpartition("-")[2]), "rung": event["rung"], "rounds": event["rounds"]}
            return _finite(("trial", loss | event["values"] | about), ("cost", cost))
        if event.get("split") == "test" and trial in self._names:
            return _finite((f"test/{self._names[trial][0]}", self._tested(event)), ("cost", cost))
        return _finite((self._place(trial, label), loss | event["values"]), ("cost", cost))

    def _place(self, trial: str, label: str) -> str:
        name, seed = self._names.get(trial, ("", 0))
        return f"{label}/{name}-{seed}" if name else _BEFORE.get(label, label)

    def _tested(self, event: Event) -> dict[str, float]:
        """Return the mean of each metric over the runs of a role that were tested so far."""
        seen = self._tests.setdefault(self._names[event["trial"]][0], {})
        for name, value in event["metrics"].items():
            seen.setdefault(name, []).append(value)
        return {name: math.fsum(values) / len(values) for name, values in seen.items()}


def _label(event: Event) -> str:
    return str(event["trial"]).rpartition("-")[0]


def _finite(*groups: tuple[str, Mapping[str, Any]]) -> dict[str, float]:
    return {f"{group}/{name}": value for group, values in groups for name, value in _numbers(values)}


def _numbers(values: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    for name, value in values.items():
        if isinstance(value, int | float) and math.isfinite(value):
            yield name, float(value)
