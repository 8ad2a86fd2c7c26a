"""Where an architecture comes from: its parents, back to one that has none, and what each of them was changed in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def lineage_of(
    number: int | None, trials: Mapping[int, Mapping[str, Any]], chosen: Mapping[int, Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """Return a trial's ancestors, the eldest first, and at the end the trial itself.

    Parameters
    ----------
    number : int, optional
        Of the trial; None has no lineage.
    trials : mapping
        By number, as of `History`.
    chosen : mapping
        By number the answers to the questions of the space, by question.

    Returns
    -------
    list of dict
        Each with ``trial`` and ``changes``: the question, its answer in the parent and in the trial, those that only
        one of the two was asked included.
    """
    found: list[dict[str, Any]] = []
    seen: set[int] = set()
    while number is not None and number in trials and number not in seen:
        seen.add(number)
        parent = trials[number]["parent"]
        changes = [] if parent is None else changes_between(chosen.get(parent), chosen.get(number))
        found.append({"trial": number, "changes": changes})
        number = parent
    return found[::-1]


def changes_between(one: Mapping[str, Any] | None, other: Mapping[str, Any] | None) -> list[list[Any]]:
    """Return question, old and new answer where two trials differ; nothing where one of them is not known."""
    if one is None or other is None:
        return []
    names = dict.fromkeys([*one, *other])
    return [[name, one.get(name), other.get(name)] for name in names if one.get(name) != other.get(name)]
