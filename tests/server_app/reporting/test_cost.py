"""What a run has cost, in words."""

from __future__ import annotations

from server_app.reporting.cost import costs_in_words, in_currencies


def test_a_cost_is_told_in_readable_units():
    assert in_currencies(1_250_000_000_000, 1234.56, 14_000_000) == (
        "1.2 T MAC x examples, 1,234.6 node-seconds, 14.0 MB"
    )


def test_each_stage_has_its_line():
    by_stage = {"search": 1000, "final": 20}
    lines = costs_in_words({"mac_examples": by_stage, "node_seconds": by_stage, "bytes": by_stage})
    assert list(lines) == [
        "cost of the search: 1.0 k MAC x examples, 1,000.0 node-seconds, 1.0 kB",
        "cost of the final: 20 MAC x examples, 20.0 node-seconds, 20 B",
    ]


def test_the_result_of_an_earlier_version_tells_none():
    assert list(costs_in_words({"node_seconds": {"search": 1.0, "final": 1.0}})) == []


def test_a_real_run_tells_what_all_its_trials_cost(eventful):
    history = (eventful.folder / "history.json").read_text()
    search, final = costs_in_words(eventful.result)
    assert search.startswith("cost of the search: ")
    assert final.startswith("cost of the final: ")
    assert eventful.result["mac_examples"]["search"] > 0
    assert '"mac_examples"' in history
