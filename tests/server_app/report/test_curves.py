from __future__ import annotations

from server_app.report.curves import curves_of
from server_app.report.history import history_of
from tests.server_app.report.conftest import spec_of


def test_runs_say_whose_they_are_and_what_they_scored_on_validation(searched):
    searched.add("finalists", finalists=["trial-0001"], seeds=1).proposed(0, 5, label="finalist")
    searched.scored("finalist-0000", 2, 0.7, 0).scored("finalist-0000", 4, 0.8, 0)
    searched.add("final", roles={"winner": spec_of(5).id, "baseline": spec_of(5).id}, trials=2)
    searched.proposed(0, 5, label="final").proposed(1, 8, label="final")
    searched.scored("final-0000", 3, 0.75, 0).scored("final-0000", 3, 0.74, 0, split="test")
    assert curves_of(searched.events, history_of(searched.events)) == [
        {"stage": "finalists", "run": "finalist-0000", "of": "trial 1", "points": [[2, 0.7], [4, 0.8]]},
        {"stage": "final", "run": "final-0000", "of": "winner", "points": [[3, 0.75]]},
    ]


def test_a_search_alone_has_none(searched):
    assert curves_of(searched.events, history_of(searched.events)) == []
