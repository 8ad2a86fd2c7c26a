"""Who takes part in a phase."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from common.architecture.kinds.layered import LayeredSpec
from common.errors import ConfigError, SearchError
from server_app.assignment import Assigner, TooFewFree
from server_app.members import Member
from server_app.placement.base import Request
from server_app.placement.capability import Capability
from server_app.placement.shared import Shared
from server_app.placement.split import Split
from server_app.scoring import Scoring
from server_app.trials import Trial

TRIAL, REQUEST, NODES = Trial(0, LayeredSpec()), Request(0, 0, 1, 1), ["a", "b", "c", "d"]


def assigner(*unable, nodes_per_round=None, placement=None, **scoring):
    placement = placement or Shared(0, 1, Shared.Options(nodes_per_round))
    reasons = dict.fromkeys(unable, "too large")
    made = Assigner(placement, Scoring(**scoring), lambda node, _: reasons.get(node, ""), seed=0)
    made.begin(NODES, NODES, 1, 1)
    return made


def test_all_that_can_take_part():
    chosen = assigner().trainers(TRIAL, REQUEST, NODES, NODES, 1)
    assert (chosen.nodes, chosen.left_out) == (tuple(NODES), {})
    assert assigner().scorers(TRIAL, NODES, NODES) == chosen


def test_who_is_busy_or_cannot_hold_the_spec_is_left_out_with_the_reason():
    made = assigner("b", "c", min_nodes=1)
    for chosen in (made.trainers(TRIAL, REQUEST, NODES, ["a", "b"], 1), made.scorers(TRIAL, NODES, ["a", "b"])):
        assert chosen.nodes == tuple(NODES)
        assert chosen.left_out == {"b": "too large", "c": "too large", "d": "still busy with an earlier message"}


def test_too_few_free_nodes_are_a_reason_to_wait():
    with pytest.raises(TooFewFree, match="needs 2 free nodes"):
        assigner().trainers(TRIAL, REQUEST, NODES, ["a"], 2)
    with pytest.raises(TooFewFree, match=r"needs 1 free node$"):
        assigner("a", min_nodes=1).scorers(TRIAL, NODES, ["a"])


def test_too_few_that_can_hold_the_spec_are_a_reason_to_give_it_up():
    with pytest.raises(SearchError, match=r"2 nodes that can hold its spec, but 1 can \(of node 'a': too large\)"):
        assigner("a", "b", "c").trainers(TRIAL, REQUEST, NODES, NODES, 2)
    with pytest.raises(SearchError, match="2 nodes that can hold its spec, but 0 can"):
        assigner(*NODES, min_nodes=2).scorers(TRIAL, NODES, NODES)


def test_a_few_that_are_there_are_waited_for_whatever_they_can_hold():
    with pytest.raises(TooFewFree, match="needs 2 free nodes"):
        assigner("a").trainers(TRIAL, REQUEST, ["a"], ["a"], 2)


def test_a_sample_is_the_same_for_all_specs_unless_too_few_of_it_can_hold_this_one():
    (sample,) = assigner(nodes_per_round=1).trainers(TRIAL, REQUEST, NODES, NODES, 1).nodes
    others = [node for node in NODES if node != sample]
    assert assigner(*others, nodes_per_round=1).trainers(TRIAL, REQUEST, NODES, NODES, 1).nodes == (sample,)
    (other,) = assigner(sample, nodes_per_round=1).trainers(TRIAL, REQUEST, NODES, NODES, 1).nodes
    assert other in others


def test_cohorts_that_cannot_be_made_of_the_able_fail_the_trial():
    made = assigner("a", "b", "c", placement=Split(0, 2))
    requests = [Request(0, slot, 1, 1) for slot in range(2)]
    lucky, unlucky = sorted(requests, key=lambda request: "d" not in Split(0, 2).select(request, NODES))
    assert "d" in made.trainers(TRIAL, lucky, NODES, NODES, 1).nodes
    with pytest.raises(SearchError, match="Too few nodes can hold this spec"):
        made.trainers(TRIAL, unlucky, NODES, NODES, 1)


def test_those_held_out_score_on_all_they_have_and_never_train():
    made = assigner(held_out=0.25)
    (scorer,) = made.scorers(TRIAL, NODES, NODES).nodes
    assert made.trainers(TRIAL, REQUEST, NODES, NODES, 1).nodes == tuple(n for n in NODES if n != scorer)
    assert (made.held_out, made.split) == ((scorer,), "all")
    assert (assigner().held_out, assigner().split) == ((), "validation")


def test_those_held_out_are_the_same_after_an_interruption_whoever_is_there():
    before, after = assigner(held_out=0.5), Assigner(Shared(0, 1), Scoring(held_out=0.5), lambda *_: "", seed=0)
    after.load_state_dict(json.loads(json.dumps(before.state_dict())))
    others = ["e", "f", "g", "h", *NODES]
    after.begin(others, others, 1, 1)
    assert (after.panel, after.held_out, after.split) == (before.panel, before.held_out, "all")
    assert not set(after.trainers(TRIAL, REQUEST, others, others, 1).nodes) & set(before.held_out)


def test_where_too_few_are_left_to_train_those_held_out_are_named():
    with pytest.raises(ConfigError, match=r"each of 3 concurrent trials, got 2, with 2 nodes held out\. .*held_out\.$"):
        assigner(placement=Split(0, 3), held_out=0.5)
    with pytest.raises(ConfigError, match=r"each of 5 concurrent trials, got 4\. .*placement=shared\.$"):
        assigner(placement=Split(0, 5))
    made = Assigner(Shared(0, 1), Scoring(held_out=0.5), lambda *_: "", seed=0)
    with pytest.raises(ConfigError, match=r"needs 3 nodes that train .*, got 2, with 2 nodes held out\. "):
        made.begin(NODES, NODES, 1, 3)


def test_too_few_scores_of_those_held_out_are_said():
    with pytest.raises(ConfigError, match=r"scoring\.min_nodes=3 nodes, got 1\. .*; or hold out more, or nobody, by "):
        assigner(held_out=0.25, min_nodes=3)
    with pytest.raises(ConfigError, match=r"got 4\. Start more nodes or lower scoring\.min_nodes\.$"):
        assigner(min_nodes=5)


def test_a_panel_is_drawn_once_and_more_than_half_of_it_counts():
    made = assigner()
    assert (made.panel, made.min_scores) == (tuple(NODES), 3)
    assert made.scorers(TRIAL, [*NODES, "late"], [*NODES, "late"]).nodes == tuple(NODES)
    with pytest.raises(TooFewFree, match="needs 3 free nodes"):
        made.scorers(TRIAL, ["a", "b", "late"], ["a", "b", "late"])


def test_who_gave_a_score_is_not_asked_again_and_counts():
    chosen = assigner().scorers(TRIAL, ["a", "b", "c"], ["a", "b", "c"], known=["a", "d"])
    assert (chosen.nodes, chosen.left_out) == (("b", "c"), {})
    with pytest.raises(TooFewFree, match=r"needs 1 free node$"):
        assigner().scorers(TRIAL, ["a"], ["a"], known=["a", "d"])


def test_a_placement_that_has_too_few_for_now_waits():
    with pytest.raises(TooFewFree, match="a node for each of 2 concurrent trials"):
        assigner(placement=Split(0, 2)).trainers(TRIAL, REQUEST, ["a"], ["a"], 1)


# ---------------------------------------------------------------- folds


def test_a_member_is_trained_by_all_but_its_fold_and_the_trial_scored_by_all():
    made = assigner(folds=2)
    assert sorted(made.folds[0] + made.folds[1]) == NODES
    for fold, other in ((0, 1), (1, 0)):
        chosen = made.trainers(Member.without(fold, TRIAL), REQUEST, NODES, NODES, 1)
        assert chosen.nodes == made.folds[other]
        assert {made.fold_of[node] for node in made.folds[fold]} == {fold}
    assert made.scorers(TRIAL, NODES, NODES).nodes == tuple(NODES)
    assert (made.split, made.held_out, made.min_scores) == ("all", (), 3)


def test_a_node_that_joins_is_in_no_fold_and_moves_nobody_also_after_an_interruption():
    before, after = assigner(folds=3), Assigner(Shared(0, 1), Scoring(folds=3), lambda *_: "", seed=0)
    after.load_state_dict(json.loads(json.dumps(before.state_dict())))
    others = [*NODES, "e", "f"]
    after.begin(others, others, 1, 1)
    assert (after.folds, after.fold_of, after.panel) == (before.folds, before.fold_of, before.panel)
    for made in (before, after):
        for fold in range(3):
            chosen = made.trainers(Member.without(fold, TRIAL), REQUEST, others, others, 1)
            assert chosen.nodes == tuple(node for node in others if node not in made.folds[fold])
        assert made.scorers(TRIAL, others, others).nodes == tuple(NODES)


def test_each_member_needs_nodes_that_train_it():
    """Four in two folds leave two; three of four folds leave three."""
    with pytest.raises(
        ConfigError, match=r"needs 3 nodes .*, got 2, with 2 nodes held out\. .*; or raise scoring\.folds"
    ):
        Assigner(Shared(0, 1), Scoring(folds=2), lambda *_: "", seed=0).begin(NODES, NODES, 1, 3)
    Assigner(Shared(0, 1), Scoring(folds=4), lambda *_: "", seed=0).begin(NODES, NODES, 1, 3)
    with pytest.raises(ConfigError, match=r"scoring\.folds=5 takes a node for each fold, got 4"):
        assigner(folds=5)


# ---------------------------------------------------------------- nodes that differ


class Foreseen:
    """Stands for `server_app.pace.Pace`: so many seconds of each node, ten times less for a score."""

    deadline = 50.0

    def __init__(self, **seconds):
        self._of = seconds

    def seconds(self, node, trial, split):  # noqa: ARG002
        return self._of[node] / (1 if split == "train" else 10)


def differing(*unable, trials=(), **seconds):
    reasons = dict.fromkeys(unable, "too large")
    placement, pace = Capability(0, 1), Foreseen(**{**dict.fromkeys("abcd", 1.0), **seconds})
    made = Assigner(placement, Scoring(min_nodes=2), lambda n, _: reasons.get(n, ""), 0, pace, lambda: list(trials))
    made.begin(NODES, NODES, 1, 1)
    return made


def test_with_capability_who_cannot_hold_a_trial_is_not_chosen_at_all():
    made = differing("b")
    chosen = [made.trainers(TRIAL, REQUEST, NODES, NODES, 1), made.scorers(TRIAL, NODES, NODES, request=REQUEST)]
    assert [(one.nodes, one.left_out) for one in chosen] == [(("a", "c", "d"), {})] * 2


def test_with_capability_a_slow_node_is_chosen_in_some_rounds_and_for_some_scores():
    trials = [Trial(number, LayeredSpec()) for number in range(16)]
    made = differing(d=8.0, trials=trials)
    asked = [replace(REQUEST, trial=trial.number) for trial in trials]
    trainers = [made.trainers(t, r, NODES, NODES, 1).nodes for t, r in zip(trials, asked, strict=True)]
    scorers = [made.scorers(t, NODES, NODES, request=r).nodes for t, r in zip(trials, asked, strict=True)]
    assert sum("d" in nodes for nodes in trainers) == sum("d" in nodes for nodes in scorers) == 2
    assert made.scorers(TRIAL, NODES, NODES).nodes == tuple(NODES), "without a request all are asked, as for a test"


def test_with_capability_who_would_be_late_trains_only_where_others_are_too_few():
    made = differing(d=51.0)
    assert made.trainers(TRIAL, REQUEST, NODES, NODES, 1).nodes == ("a", "b", "c")
    assert made.trainers(TRIAL, REQUEST, NODES, NODES, 4).nodes == tuple(NODES)
    assert made.trainers(TRIAL, REQUEST, ["d"], ["d"], 1).nodes == ("d",)


def test_with_capability_scores_that_are_missing_are_asked_of_whoever_is_left():
    made = differing(c=99.0, d=99.0)
    assert made.scorers(TRIAL, ["a", "c", "d"], NODES, known=["b"], request=REQUEST).nodes[0] == "a"
    assert made.scorers(TRIAL, ["c", "d"], NODES, known=["b"], request=REQUEST).nodes
    with pytest.raises(SearchError, match="2 nodes that can hold its spec, but 1 can"):
        differing("a", "b", "c").scorers(TRIAL, NODES, NODES, request=REQUEST)
