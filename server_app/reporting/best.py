"""The best trial so far, in words: at which rung, and why it may score lower than the one before it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from common.architecture.cost import Cost
from server_app.reporting.words import counted

INFEASIBLE = "breaks a hard constraint"


_COUNTS = frozenset(field.name for field in fields(Cost))
"""Objectives that are whole numbers."""


def figure(value: float, name: str = "") -> str:
    """Return the value of an objective for people, in its own unit; of one that counts something a whole number."""
    if abs(value) >= 10_000 or name in _COUNTS:
        return f"{value:,.0f}"
    return f"{value:.4f}" if abs(value) < 100 else f"{value:.5g}"


def worth(values: Mapping[str, float]) -> str:
    """Return the values of a trial's objectives for people."""
    return ", ".join(f"{name} {figure(value, name)}" for name, value in values.items()) or "no score"


def worth_at_rung(event: Mapping[str, Any]) -> str:
    """Return what the best trial of a ``best`` event was worth, and at which rung."""
    return f"{worth(event['values'])} at rung {event['rung']}"


def why_lower(event: Mapping[str, Any]) -> str:
    """Return why the best trial of a ``best`` event scores lower than the best before it; empty where it does not.

    Parameters
    ----------
    event : mapping
        Of the journal. ``before`` is the best of until then, if there was one: its ``trial``, ``score``, ``values``,
        ``rung``, whether it is ``feasible``, and whether it has ``failed`` since.
    """
    before = event.get("before")
    if before is None or event["score"] >= before["score"]:
        return ""
    who = "it" if before["trial"] == event["trial"] else before["trial"]
    had = f"{who} had {worth(before['values'])}"
    if before["failed"]:
        return f"{had} at rung {before['rung']}, and failed"
    if before["rung"] != event["rung"]:
        return f"{had} at rung {before['rung']}: scores of different rungs do not compare"
    if not before["feasible"]:
        return f"{had}, but {INFEASIBLE if event['feasible'] else 'breaks hard constraints by more'}"
    if "front" in event:
        return f"{had}: the knee of the front has moved, which has {counted(event['front'], 'member')} now"
    return f"{had} from other nodes: trials are compared over those that they have in common"
