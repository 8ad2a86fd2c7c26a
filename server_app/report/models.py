"""The models of the final training beside each other, and what that means in sentences."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from common.tasks import Head
from server_app.candidates import ROLES
from server_app.reporting.columns import lines_of, over_what, tests_of, titles
from server_app.reporting.judgement import judgement
from server_app.reporting.table import chosen_in_words
from server_app.reporting.words import in_words, size


def models_of(result: Mapping[str, Any], head: Head | None) -> dict[str, Any]:
    """Return the table at the end of a search, as texts, with its sentences.

    Parameters
    ----------
    result : mapping
        Content of result.json; empty where there is none.
    head : Head, optional
        Of the task.

    Returns
    -------
    dict
        ``roles`` (each with ``role``, ``title``, ``trial``, ``id`` and ``architecture``), ``rows`` (a title and a cell
        for each role), ``runs`` (with how many seeds), and ``sentences``. All are empty where nothing was found.
    """
    there = {role: entry for role in ROLES if (entry := result.get(role))}
    if "winner" not in there or head is None:
        return {"roles": [], "rows": [], "runs": 0, "sentences": ["Nothing was found yet."]}
    entries = list(there.values())
    names = ["found", *titles(list(there)[1:], head)]
    rows = [[title, *cells] for title, cells in lines_of(head, entries)]
    rows.append(["bytes sent, final training", *(size(entry.get("bytes_sent", 0)) for entry in entries)])
    return {
        "roles": [
            {
                "role": role,
                "title": title,
                "trial": entry.get("trial"),
                "id": entry["id"],
                "architecture": entry["architecture"],
                "recipe": in_words(entry.get("recipe") or {}),
            }
            for title, (role, entry) in zip(names, there.items(), strict=True)
        ],
        "rows": rows,
        "runs": max(len(tests_of(entry)) for entry in entries),
        "sentences": [
            *chosen_in_words(result.get("finalists", [])),
            *judgement(there, head),
            *over_what(entries),
        ],
    }
