"""What a run has cost, stage by stage, and where its time went."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

CALLED = {
    "start_up": "start-up",
    "warm_up": "warm-up",
    "bilevel": "bilevel search",
    "search": "search",
    "finalists": "finalists",
    "final": "final training",
    "personal": "nodes' own models",
}
"""Stages in their order, with what people call them."""
_BEGINS = {
    "path": "warm_up",
    "mixed": "bilevel",
    "trial": "search",
    "finalist": "finalists",
    "final": "final",
    "personal": "personal",
}
"""By label of what is proposed first (of the last one: announced), which stage begins."""


def costs_of(
    events: Sequence[Mapping[str, Any]], result: Mapping[str, Any], ledgers: Mapping[str, Sequence[int]]
) -> dict[str, Any]:
    """Return costs by stage, and in all.

    Parameters
    ----------
    events : sequence of mappings
        Of the journal.
    result : mapping
        Content of result.json; empty of a run that is under way, whose journal tells nearly as much.
    ledgers : mapping
        As of `History`.

    Returns
    -------
    dict
        ``stages``: for each its name, ``seconds``, ``mac_examples``, ``node_seconds``, ``bytes`` and ``busy``, the part
        of the time in which an average node computed; what is not known is None. ``counts`` as in result.json, and
        ``nodes``.
    """
    nodes = result.get("counts", {}).get("nodes") or sum(event["event"] == "node" for event in events)
    seconds = result.get("seconds") or _seconds(events)
    spent = {currency: result.get(currency) or by_stage for currency, by_stage in _spent(ledgers).items()} | {
        "node_seconds": result.get("node_seconds") or {}
    }
    stages = [
        _stage(stage, nodes, seconds.get(stage), {currency: own.get(stage) for currency, own in spent.items()})
        for stage in CALLED
        if stage in seconds or any(stage in own for own in spent.values())
    ]
    return {"stages": stages, "counts": dict(result.get("counts") or {}), "nodes": nodes}


def _stage(stage: str, nodes: int, seconds: float | None, spent: Mapping[str, float | None]) -> dict[str, Any]:
    computed = spent.get("node_seconds")
    known = computed is not None and seconds and nodes
    return {
        "stage": stage,
        "name": CALLED[stage],
        "seconds": seconds,
        **spent,
        "busy": computed / seconds / nodes if known and computed is not None and seconds else None,
    }


def _seconds(events: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """Return how long each stage has taken by the last event."""
    began = {"start_up": 0.0}
    for event in events:
        label = str(event.get("trial", "")).partition("-")[0]
        if event["event"] in ("proposed", "personal") and label in _BEGINS:
            began.setdefault(_BEGINS[label], event["time"])
    ends = [*list(began.values())[1:], events[-1]["time"] if events else 0.0]
    return {stage: round(end - start, 3) for (stage, start), end in zip(began.items(), ends, strict=True)}


def _spent(ledgers: Mapping[str, Sequence[int]]) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {"mac_examples": {}, "bytes": {}}
    for name, ledger in ledgers.items():
        stage = _BEGINS.get(name.partition("-")[0])
        if stage is None:
            continue
        for own, amount in zip(found.values(), ledger, strict=True):
            own[stage] = own.get(stage, 0) + amount
    return found
