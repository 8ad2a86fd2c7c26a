"""A search and a random one at the same cost, through the flwr-nas command."""

from __future__ import annotations

import json

import pytest

pytestmark = [pytest.mark.simulation, pytest.mark.thorough]


@pytest.fixture(scope="module")
def controlled(search, tmp_path_factory):
    return search(
        tmp_path_factory.mktemp("controlled") / "run",
        "controller=hill_climb",
        "final.finalists=1",
        "final.seeds=1",
        "control=random",
    )


def test_a_random_search_follows_and_costs_no_more(controlled):
    assert controlled.process.returncode == 0, controlled.output
    result = json.loads((controlled.folder / "control" / "result.json").read_text())
    limit = sum(controlled.result["mac_examples"].values())
    assert result["status"] == "finished"
    assert 0 < sum(result["mac_examples"].values()) <= limit
    assert result["mac_examples"]["final"] > 0
    events = [json.loads(line) for line in (controlled.folder / "control" / "journal.jsonl").read_text().splitlines()]
    (spent,) = [event for event in events if event["event"] == "budget"]
    assert spent["limit"] == limit
    assert spent["trials"] == result["counts"]["trials"] == len([e for e in events if _ended(e)])


def _ended(event):
    return event["event"] in ("finished", "stopped", "failed") and event["trial"].startswith("trial")


def test_the_gain_is_printed_and_kept(controlled):
    told = json.loads((controlled.folder / "control.json").read_text())
    control = json.loads((controlled.folder / "control" / "result.json").read_text())
    gain = controlled.result["winner"]["test"]["accuracy"] - control["winner"]["test"]["accuracy"]
    assert told["gain"]["mean"] == pytest.approx(gain)
    assert "Against random search: Gain in accuracy" in " ".join(controlled.output.split())
    assert "cost of the search" in controlled.output
