"""Whether a search can pay for a step: by hand, of a search that is as it says."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import pytest

from common.architecture.kinds.layered import LayeredSpec
from common.architecture.kinds.layers import Linear
from common.groups import NO_LIMITS, FinalConfig
from server_app.allowance import Allowance
from server_app.budget import Shortage, Spent
from server_app.fidelity.base import Climb
from server_app.forecast import Load
from server_app.placement.shared import Shared
from server_app.to_come import ToCome
from server_app.trials import Ledger, Recipe, TrialState
from tests.support.trials import trial

SPECS = [LayeredSpec((Linear(width=width, norm="none"),)) for width in range(1, 5)]
HELD = {"train": {"a": 10, "b": 20}, "validation": {"a": 1, "b": 2}, "test": {"a": 3, "b": 4}}
LINEAR, CONSTANT, BASELINE = Load(5, 7, 1), Load(0, 1, 1), Load(50, 70, 1)
FINAL = FinalConfig(rounds=2, min_steps=0, finalists=1, seeds=1, baseline="portfolio", checkpoints=1)


def load_of(identity):
    """100 MACs and 10 bytes for each unit of width."""
    width = identity[0].layers[0].width
    return Load(100 * width, 10 * width, 1)


def allowance(**changes):
    to_come = ToCome(
        final=FINAL,
        load=load_of,
        linear=LINEAR,
        constant=CONSTANT,
        baseline=BASELINE,
        placement=Shared(0, 1, Shared.Options()),
        final_placement=Shared(0, 1, Shared.Options()),
        names=lambda: ["a", "b"],
        held=lambda name, split: HELD[split][name],
    )
    limits = {name: changes.pop(name) for name in list(changes) if hasattr(NO_LIMITS, name)}
    work = {name: changes.pop(name) for name in list(changes) if hasattr(to_come, name)}
    made = Allowance(limits=replace(NO_LIMITS, **limits), to_come=replace(to_come, **work), least_rounds=2)
    return replace(made, **changes)


def search_of(trials=(), under_way=(), held_out=(), climbs=(), passes=0):
    ranking = sorted(trials, key=lambda one: -(one.score or 0))
    panel = tuple(held_out) or ("a", "b")
    return SimpleNamespace(
        objectives=SimpleNamespace(several=False),
        trials=list(trials),
        spent=Spent.of(trials),
        passes_of_pool=passes,
        under_way=list(under_way),
        ranking=ranking,
        panel=panel,
        held_out=held_out,
        split="validation",
        name="search",
        fidelity=SimpleNamespace(climbs=lambda _: list(climbs), first=0),
    )


def least(search, one, rounds, **changes):
    """What a step is said to take in MACs x examples at least."""
    shortage = allowance(mac_examples=1e-9, **changes).shortage(search, one, rounds)
    return shortage.spent + shortage.reserved


STEP = 100 * (2 * 30 + 3)
"""Of width 1: two rounds on both nodes, and a score."""
REFERENCES = (5 + 50) * (2 * 30 + 7)
"""Linear model and baseline: two rounds and a test."""


def test_a_step_a_trial_under_way_and_what_follows_are_reserved():
    new, running = trial(1, SPECS[0]), trial(0, SPECS[1], state=TrialState.RUNNING, ledger=Ledger(0, 0, 0, 999))
    running.rounds = 1
    search = search_of([running], [(running, 3)])
    winner = 200 * (2 * 30 + 7)  # the wider of both
    assert least(search, new, 2) == 999 + STEP + 200 * (2 * 30 + 3) + winner + REFERENCES


def test_what_it_takes_to_pick_the_next_trial_is_reserved_with_each_new_one():
    new, running = trial(0, SPECS[0]), trial(0, SPECS[0], state=TrialState.RUNNING)
    plain, picked = search_of(), search_of(passes=640)
    assert least(picked, new, 2) == least(plain, new, 2) + 100 * 640
    going_on = search_of([running], passes=640)
    assert least(going_on, running, 2) == least(search_of([running]), running, 2)


def test_a_new_trial_leaves_enough_for_the_dearest_that_may_go_on():
    """Of widths 1, 2 and 3 two take the places of 3 rounds after 2, and one those of 4 after 3: a round and a score."""
    old, new = [trial(number, SPECS[number], 0.5 + number) for number in (0, 1)], trial(2, SPECS[2])
    climbs = [Climb((0, 1, 2), 2, 2, 3), Climb((1, 2), 1, 3, 4)]
    without = least(search_of(old), new, 2)
    assert least(search_of(old, climbs=climbs), new, 2) == without + (300 + 200 + 300) * (30 + 3)
    going_on = trial(1, SPECS[1], 0.5)
    assert least(search_of(old, climbs=climbs), going_on, 3) == least(search_of(old), going_on, 3), "it has precedence"


def test_it_fits_up_to_the_last_unit():
    new, needed = trial(0, SPECS[0]), least(search_of(), trial(0, SPECS[0]), 2)
    assert needed == STEP + 100 * (2 * 30 + 7) + REFERENCES
    assert allowance(mac_examples=needed).shortage(search_of(), new, 2) is None
    assert allowance(mac_examples=needed - 1).shortage(search_of(), new, 2) == Shortage(
        "mac_examples", 0, needed, needed - 1
    )


def test_bytes_are_reserved_both_ways_for_training_and_one_way_for_scores():
    shortage = allowance(bytes=1).shortage(search_of(), trial(0, SPECS[0]), 2)
    models = 10 + 70 + 7 + 1
    assert shortage == Shortage("bytes", 0, 10 * 2 * (2 * 2 + 1) + models * 2 * (2 * 2 + 1), 1)


def test_who_is_held_out_scores_and_trains_in_the_end_only():
    search = search_of(held_out=("b",))
    assert least(search, trial(0, SPECS[0]), 2) == 100 * (2 * 10 + 2) + 100 * (2 * 30 + 7) + REFERENCES


def test_where_a_sample_trains_it_may_be_that_of_the_most_examples():
    one = Shared(0, 1, Shared.Options(1))
    needed = least(search_of(), trial(0, SPECS[0]), 2, placement=one)
    assert needed == 100 * (2 * 20 + 3) + 100 * (2 * 30 + 7) + REFERENCES


def test_the_dearest_of_the_portfolio_that_may_be_its_best_is_the_baseline():
    tried = [trial(n, SPECS[n], 0.9 - n / 10, state=TrialState.FINISHED, origin="portfolio") for n in range(2)]
    new = trial(2, SPECS[2], origin="portfolio")
    needed = 300 * (2 * 30 + 3) + 300 * (2 * 30 + 7) * 2 + 5 * (2 * 30 + 7)
    # before any of it was tried, it would have been its first
    assert least(search_of(tried), new, 2, baseline=None) == least(search_of(tried), new, 2) == needed


def test_a_baseline_that_was_given_is_the_baseline_whatever_was_tried():
    tried = [trial(0, SPECS[0], 0.9, state=TrialState.FINISHED, origin="portfolio")]
    given = replace(FINAL, baseline={"version": 1})
    assert least(search_of(tried), trial(1, SPECS[0]), 2, final=given) == STEP + 100 * (2 * 30 + 7) + REFERENCES


def test_folds_train_as_often_as_they_are():
    once, thrice = (least(search_of(), trial(0, SPECS[0]), 2, folds=folds) for folds in (1, 3))
    assert thrice - once == 2 * 100 * 2 * 30


def test_by_the_clock_the_rest_takes_as_long_as_what_was():
    """The search took 8 s for 3 phases and 1000 MACs x examples; the start took 2 s more."""
    done = trial(0, SPECS[0], 0.5, state=TrialState.FINISHED, ledger=Ledger(0, 0, 4.0, 1000))
    done.rounds = 2
    search, new = search_of([done]), trial(1, SPECS[0])
    to_come = STEP + 100 * (2 * 30 + 7) + REFERENCES
    seconds = {"start_up": 2.0, "search": 8.0}
    shortage = allowance(seconds=1, elapsed=lambda: seconds).shortage(search, new, 2)
    assert (shortage.spent, shortage.reserved) == (10, pytest.approx(8 * to_come / 1000))
    shortage = allowance(node_seconds=1, elapsed=lambda: seconds).shortage(search, new, 2)
    assert (shortage.spent, shortage.reserved) == (4, pytest.approx(4 * to_come / 1000))


def test_without_a_limit_nothing_is_short():
    assert allowance().shortage(search_of(), trial(0, SPECS[0]), 10**9) is None


def warm_up_of(cost=0):
    return SimpleNamespace(name="warm_up", trials=[trial(0, SPECS[0], ledger=Ledger(0, 0, 0, cost))])


def test_a_round_of_a_warm_up_leaves_the_search_its_part_and_enough_for_one_trial():
    """Of widths 1 and 2: one round of both; then the wider is scored, and trains in the end."""
    paths = [trial(1, SPECS[0]), trial(2, SPECS[1])]
    one_round = (100 + 200) * 30
    after = 200 * 3 + 200 * (2 * 30 + 7) + REFERENCES

    def shortage(limit, part, cost=0):
        return allowance(mac_examples=limit).shortage_of_round(warm_up_of(cost), search_of(), paths, part)

    assert shortage(1e9, 0.5) is None
    assert allowance().shortage_of_round(warm_up_of(), search_of(), paths, 0.5) is None, "without a budget all is paid"
    assert shortage(20 * one_round, 0.05) is None
    assert shortage(20 * one_round - 1, 0.05) == Shortage("mac_examples", 0, one_round, pytest.approx(one_round - 0.05))
    enough = 5000 + one_round + after
    assert shortage(enough, 0.99, cost=5000) is None
    assert shortage(enough - 1, 0.99, cost=5000) == Shortage("mac_examples", 5000, one_round + after, enough - 1)


def test_rounds_of_a_bilevel_search_leave_the_search_its_part_and_enough_for_all_that_it_would_find():
    """Three rounds of 45 and 90 passes on the two nodes; then widths 1 and 2, each with two recipes, for two rounds."""
    load = Load(700, 70, 1)
    stage = SimpleNamespace(
        name="bilevel",
        trials=[trial(0, SPECS[0], ledger=Ledger(0, 0, 0, 5000))],
        trained=4,
        would_find=lambda: SPECS[:2],
        options=SimpleNamespace(recipes=2),
    )
    search = search_of()
    search.fidelity.max_rounds = 2
    search.controller = SimpleNamespace(space=SimpleNamespace(recipes=SimpleNamespace(default=Recipe())))
    rounds = 3 * 700 * (45 + 90)
    after = 2 * (100 + 200) * (2 * 30 + 3) + 200 * (2 * 30 + 7) + REFERENCES

    def shortage(limit, part):
        made = allowance(mac_examples=limit)
        return made.shortage_of_bilevel(stage, search, load, lambda examples: 9 * examples // 2, 3, part)

    assert shortage(1e9, 0.5) is None
    own = 5000 + rounds
    assert shortage(20 * own, 0.05) is None
    assert shortage(20 * own - 1, 0.05) == Shortage("mac_examples", 5000, rounds, pytest.approx(own - 0.05))
    enough = own + after
    assert shortage(enough, 0.99) is None
    assert shortage(enough - 1, 0.99) == Shortage("mac_examples", 5000, rounds + after, enough - 1)


def final_of(rounds):
    """What the final training costs: the winner of width 1, the linear model and the baseline."""
    return (100 + 5 + 50) * (rounds * 30 + 7)


@pytest.mark.parametrize(("paid", "reserved"), [(3, 3), (6.9, 6), (100, 20), (1, 2)])
def test_a_final_training_that_may_be_shorter_has_half_of_a_budget_or_what_it_needs(paid, reserved):
    """Half of the limit pays for 3 rounds, for less than 7, for more than all 20, for less than the least, 2."""
    limit, final = 2 * final_of(paid), replace(FINAL, rounds=20)
    shortage = allowance(mac_examples=limit, final=final).shortage(search_of(), trial(0, SPECS[0]), 10**6)
    assert shortage.reserved == 100 * (10**6 * 30 + 3) + final_of(reserved)


@pytest.mark.parametrize(("left", "rounds"), [(5, 5), (5.9, 5), (21, 20), (0.5, 2)])
def test_the_final_training_has_as_many_rounds_as_the_search_left_pays_for(left, rounds):
    done = trial(0, SPECS[0], 0.5, state=TrialState.FINISHED, ledger=Ledger(0, 0, 0, 777))
    search, final = search_of([done]), replace(FINAL, rounds=20)
    search.found = lambda: done
    assert allowance(mac_examples=777 + final_of(left), final=final).final_rounds(search) == rounds
    assert allowance(final=final).final_rounds(search) == 20, "without a budget"


def test_what_came_before_a_search_is_spent():
    before = Spent(mac_examples=777)
    needed = least(search_of(), trial(0, SPECS[0]), 2)
    assert least(search_of(), trial(0, SPECS[0]), 2, before=lambda: before) == needed + 777
