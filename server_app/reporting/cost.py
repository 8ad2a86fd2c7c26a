"""What a run has cost, in words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from server_app.reporting.words import shortened, size


def costs_in_words(result: Mapping[str, Any]) -> Iterator[str]:
    """Yield for each stage what it has cost; an earlier version told none of it.

    Parameters
    ----------
    result : mapping
        Content of result.json.
    """
    for stage, macs in result.get("mac_examples", {}).items():
        called = {"warm_up": "warm-up", "bilevel": "bilevel search", "personal": "nodes' own models"}.get(stage, stage)
        yield f"cost of the {called}: {in_currencies(macs, result['node_seconds'][stage], result['bytes'][stage])}"


def in_currencies(mac_examples: float, node_seconds: float, number_of_bytes: float) -> str:
    """Return a cost, as ``1.3 T MAC x examples, 52.0 node-seconds, 14.0 MB``."""
    return (
        f"{shortened(mac_examples).rstrip()} MAC x examples, {node_seconds:,.1f} node-seconds, {size(number_of_bytes)}"
    )
