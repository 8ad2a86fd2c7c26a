"""What work to come costs, by hand."""

from __future__ import annotations

import pytest

from common.architecture.kinds.layered import LayeredSpec
from common.architecture.kinds.layers import Linear
from common.groups import FinalConfig
from common.settings import PersonalSettings
from common.tasks import Classification, Task
from server_app.budget import Spent
from server_app.forecast import (
    Bill,
    Load,
    Workers,
    dearest,
    final_cost,
    may_be_best,
    personal_cost,
    priced,
    score_cost,
    training_cost,
)
from server_app.trials import Recipe, TrialState
from tests.support.trials import trial

LOAD = Load(macs=7, bytes=100, epochs=3)
WORKERS = Workers(train=(10, 30), score=(2, 3, 4))
SPECS = [LayeredSpec((Linear(width=width, norm="none"),)) for width in range(1, 7)]


def test_the_load_is_that_of_the_spec_with_its_recipe():
    # a hidden layer of 1 and a classifier of 3, on 4 features: 4 + 1 + 3 + 3 numbers
    task = Task((4,), Classification(3))
    assert Load.of((SPECS[0], Recipe(epochs=2)), task, "float32") == Load(4 + 3, 4 * 11, 2)
    assert Load.of((SPECS[0], Recipe(epochs=2)), task, "float16") == Load(4 + 3, 2 * 11, 2)


def test_a_round_goes_both_ways_and_through_its_examples_once_an_epoch():
    assert training_cost(LOAD, WORKERS, 5) == Bill(5 * 7 * 3 * 40, 5 * 2 * 2 * 100, 5)
    assert training_cost(LOAD, WORKERS, 0) == Bill()


def test_a_score_goes_one_way_and_through_its_examples_once():
    assert score_cost(LOAD, WORKERS) == Bill(7 * 9, 3 * 100, 1)


def test_the_dearest_are_looked_for_in_each_currency():
    bills = [Bill(1, 30, 1), Bill(2, 20, 1), Bill(3, 10, 1)]
    assert dearest(bills, 2) == Bill(2 + 3, 30 + 20, 2)
    assert dearest(bills, 9) == Bill(6, 60, 3)
    assert dearest([], 2) == Bill()


ONE, TWO, THREE = (Load(macs, 10 * macs, 1) for macs in (100, 200, 300))
LINEAR, CONSTANT = Load(10, 10, 5), Load(0, 1, 1)
SELECTION, OTHERS = Workers((5,), (4,)), Workers((5, 5), (1, 2), (2, 3))


def cost(final, finalists, baselines=(), held_out=True):
    return final_cost(final, finalists, baselines, LINEAR, CONSTANT, SELECTION, OTHERS, held_out=held_out)


def run_of(load, workers, rounds):
    """By hand: MACs x examples of one run, which is scored after each round of one or two, and perhaps tested."""
    return load.macs * (load.epochs * sum(workers.train) * rounds + rounds * sum(workers.score) + sum(workers.test))


def test_with_one_finalist_each_model_trains_with_each_seed_and_the_constant_once():
    bill = cost(FinalConfig(rounds=2, min_steps=0, finalists=1, seeds=3, baseline="portfolio"), [ONE, TWO], [ONE])
    assert bill.mac_examples == 3 * sum(run_of(load, OTHERS, 2) for load in (TWO, ONE, LINEAR))
    # 2 nodes are sent weights for 2 rounds, 2 scores and a test, and send them back after a round
    assert bill.bytes == 2 * (2 + 2 + 1 + 2) * (3 * (2000 + 1000 + 10) + 1)
    assert bill.phases == (2 + 2 + 1) * (3 * 3 + 1)


def test_a_run_is_scored_as_often_as_it_has_checkpoints():
    """Of eight rounds: after 1, 2, 4 and 8; with one checkpoint only where one of several runs is to be shown."""

    def of(checkpoints, seeds):
        final = FinalConfig(8, 0, finalists=1, seeds=seeds, baseline="portfolio", checkpoints=checkpoints)
        return cost(final, [ONE]).mac_examples

    score = 1 + 2
    assert of(4, seeds=1) - of(1, seeds=1) == 4 * (100 + 10) * score
    assert of(4, seeds=2) - of(1, seeds=2) == 2 * (4 * (100 + 10) - 100) * score


def test_where_people_were_held_out_the_winner_trains_again():
    final = FinalConfig(rounds=2, min_steps=0, finalists=2, seeds=3, baseline="portfolio")
    bill = cost(final, [ONE, THREE, TWO])
    selected = sum(run_of(load, SELECTION, 2) for load in (THREE, TWO))
    assert bill.mac_examples == 3 * (selected + run_of(THREE, OTHERS, 2) + run_of(LINEAR, OTHERS, 2))


def test_where_nobody_was_the_winner_is_tested_only():
    final = FinalConfig(rounds=2, min_steps=0, finalists=2, seeds=3, baseline="portfolio")
    bill = cost(final, [ONE, THREE, TWO], held_out=False)
    selected = sum(run_of(load, SELECTION, 2) for load in (THREE, TWO))
    assert bill.mac_examples == 3 * (selected + 300 * (2 + 3) + run_of(LINEAR, OTHERS, 2))


def test_a_baseline_that_is_a_finalist_trains_no_more_often_than_the_winner():
    final = FinalConfig(rounds=2, min_steps=0, finalists=2, seeds=3, baseline="portfolio")
    models = (final, [ONE, THREE, TWO], [], LINEAR, CONSTANT, SELECTION, OTHERS)
    selected = sum(run_of(load, SELECTION, 2) for load in (THREE, TWO))
    for held_out, again in ((True, run_of(THREE, OTHERS, 2) + run_of(TWO, OTHERS, 2)), (False, 500 * (2 + 3))):
        bill = final_cost(*models, held_out=held_out, winners=2)
        assert bill.mac_examples == 3 * (selected + again + run_of(LINEAR, OTHERS, 2))


def test_of_a_front_so_many_train_the_dearest_of_all_that_may_be_of_it():
    final = FinalConfig(rounds=2, min_steps=0, finalists=1, seeds=3, baseline="portfolio")
    bill = final_cost(final, [ONE, THREE, TWO], [], LINEAR, CONSTANT, SELECTION, OTHERS, held_out=False, winners=2)
    assert bill.mac_examples == 3 * sum(run_of(load, OTHERS, 2) for load in (THREE, TWO, LINEAR))


def test_fewer_trials_than_finalists_are_all_of_them():
    final = FinalConfig(rounds=1, min_steps=0, finalists=3, seeds=1, baseline="portfolio")
    assert cost(final, [ONE]).mac_examples == sum(
        [run_of(ONE, SELECTION, 1), run_of(ONE, OTHERS, 1), run_of(LINEAR, OTHERS, 1)]
    )


def test_models_of_the_nodes_own_cost_their_passes_and_the_weights_one_way():
    settings = PersonalSettings("all", epochs=2, checkpoints=(1, 2))
    # epochs 3 in each of 2 rounds and two times 2 of fine-tuning; 1 common, 1 personal, 2 + 1 local; 3 tests
    passes = 10 * (3 * 2 + 2 * 2) + 4 * 5 + 3 * 2
    assert personal_cost(LOAD, settings, [(10, 4, 2), (9, 0, 2)], 2) == Bill(7 * (passes + 2), 2 * 100, 1)


def test_they_are_reserved_once_for_the_dearest_winner_and_for_no_seed():
    final = FinalConfig(rounds=2, min_steps=0, finalists=1, seeds=3, baseline="portfolio")
    settings = PersonalSettings("all", epochs=2, checkpoints=(1, 2))

    def own(load):
        return personal_cost(load, settings, [(10, 4, 2)], 2)

    args = [final, [ONE, THREE, TWO], [], LINEAR, CONSTANT, SELECTION, OTHERS]
    without, with_own = final_cost(*args, held_out=False), final_cost(*args, held_out=False, personal=own)
    assert with_own == without + own(THREE)


def best_of(ranking, most):
    return [one.number for one in may_be_best(ranking, most)]


def test_those_that_go_on_may_be_best_and_of_those_that_ended_the_best():
    finished, failed, waiting = TrialState.FINISHED, TrialState.FAILED, TrialState.WAITING
    states = [finished, waiting, finished, finished, failed, TrialState.RUNNING]
    ranking = [trial(n, SPECS[n], 0.9 - n / 10 if n < 4 else None, state=state) for n, state in enumerate(states)]
    assert best_of(ranking, 1) == [0, 1, 5]
    assert best_of(ranking, 2) == [0, 1, 2, 5]
    assert best_of(ranking, 9) == [0, 1, 2, 3, 5]
    assert best_of([], 3) == []


def test_repetitions_of_one_identity_are_one_finalist():
    ranking = [trial(n, SPECS[n // 2], 0.9 - n / 10, state=TrialState.FINISHED) for n in range(4)]
    assert best_of(ranking, 2) == [0, 2]


def test_what_is_measured_goes_on_as_so_far():
    """200 MACs x examples in 4 phases took 50 node-seconds and 8 s, a phase 2 s and a MAC x example 0.04 s."""
    so_far = Spent(200, 50.0, 1000, 8.0)
    assert priced(Bill(100, 30, 1), so_far, 4) == Spent(100, 25.0, 30, pytest.approx(4.0))
    assert priced(Bill(100, 30, 5), so_far, 4) == Spent(100, 25.0, 30, pytest.approx(10.0))


def test_before_anything_was_measured_nothing_is_known_of_it():
    assert priced(Bill(100, 30, 5), Spent(seconds=3.0), 0) == Spent(100, 0.0, 30, 0.0)
