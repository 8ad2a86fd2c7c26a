"""Who scores, and who trains."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from server_app.scoring import Scoring

NODES = [f"node-{index}" for index in range(9)]


def test_all_score_by_default():
    assert Scoring().panel_of(NODES[::-1], seed=1) == tuple(NODES)


def test_a_panel_depends_on_the_seed_and_the_names_only():
    panel = Scoring(panel=3).panel_of(NODES, seed=1)
    assert len(panel) == 3
    assert panel == Scoring(panel=3).panel_of(NODES[::-1], seed=1)
    assert len({Scoring(panel=3).panel_of(NODES, seed) for seed in range(20)}) > 1


@given(st.lists(st.text(max_size=6), unique=True, min_size=2, max_size=40), st.integers(1, 9), st.integers(0, 2**31))
@settings(max_examples=200, deadline=None)
def test_a_node_that_joins_takes_one_place_or_none(nodes, panel, seed):
    scoring = Scoring(panel=panel)
    before, after = scoring.panel_of(nodes[1:], seed), scoring.panel_of(nodes, seed)
    assert set(after) - set(before) <= {nodes[0]}
    assert len(set(before) - set(after)) <= 1
    assert len(after) == min(panel, len(nodes))


def test_a_node_that_leaves_changes_the_panel_by_one_name():
    scoring = Scoring(panel=3)
    panel = scoring.panel_of(NODES, seed=1)
    left = scoring.panel_of([name for name in NODES if name != panel[0]], seed=1)
    assert set(panel) - set(left) == {panel[0]}
    assert len(left) == 3
