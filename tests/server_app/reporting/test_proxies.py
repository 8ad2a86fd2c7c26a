"""What zero-cost scores print."""

from __future__ import annotations

from typing import Any

import pytest
from rich.console import Console

from server_app.reporting.proxies import render


def spec(identity: str, naswot: float | None, rank: float, **changes: Any) -> dict[str, Any]:
    scores = {"parameters": 1000.0 * (4 - rank), "macs": 5000.0} | ({} if naswot is None else {"naswot": naswot})
    return {
        "id": identity,
        "architecture": f"linear of {identity}",
        "scores": scores,
        "ranks": {"parameters": rank, "macs": 2.0, "naswot": rank, "mean_rank": rank},
        "reasons": [],
        **changes,
    }


def found(*specs: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": "digits",
        "seed": 7,
        "nodes": ["a", "b"],
        "proxies": ["parameters", "macs", "naswot"],
        "specs": list(specs),
        "counts": {"exchanges": 1, "messages": 4},
        "seconds": {"handshake": 1.0, "proxies": 75.0},
        "node_seconds": 12.5,
    }


SPECS = (spec("aaaa", 90.5, 1.0), spec("bbbb", 12.25, 2.0), spec("cccc", None, 3.0, reasons=["Out of memory."]))


def printed(top: int, *specs: dict[str, Any]) -> list[str]:
    console = Console(width=80)
    with console.capture() as capture:
        console.print(render(found(*specs), top))
    return capture.get().splitlines()


def test_the_best_by_each_score_with_their_sizes():
    lines = printed(2, *SPECS)
    assert "digits, seed 7: 3 specs on 2 nodes" in lines[0]
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in lines if "│" in line]
    assert rows[:2] == [
        ["parameters", "aaaa", "3,000", "3,000", "5,000", "1"],
        ["", "bbbb", "2,000", "2,000", "5,000", "2"],
    ]
    assert rows[4:] == [
        ["naswot", "aaaa", "90.5", "3,000", "5,000", "1"],
        ["", "bbbb", "12.25", "2,000", "5,000", "2"],
        ["mean rank", "aaaa", "", "3,000", "5,000", "1"],
        ["", "bbbb", "", "2,000", "5,000", "2"],
    ]


def test_each_architecture_is_told_once_and_only_where_it_is_shown():
    lines = printed(2, *SPECS)
    assert lines.count("aaaa: linear of aaaa") == lines.count("bbbb: linear of bbbb") == 1
    assert not any(line.startswith("cccc:") for line in lines)


@pytest.mark.parametrize("top", [3, 100])
def test_what_is_missing_is_said(top: int):
    text = " ".join(" ".join(printed(top, *SPECS)).split())
    assert "naswot (1 spec)" in text
    assert "Nodes gave no scores of 1 spec: Out of memory." in text
    assert "1 exchange, 4 messages with those of the handshake; handshake 1 s, proxies 1:15 min" in text
    assert " - " in text  # in the place of its score


def test_nothing_found_is_said():
    assert printed(3) == ["Nothing was scored."]
