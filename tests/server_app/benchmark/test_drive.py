"""One controller on one table: what is proposed, scored, and found after each whole training."""

import itertools
import json

import pytest

from common.seeding import generator
from server_app.benchmark import drive as driving
from server_app.benchmark.drive import curves, drive
from server_app.benchmark.settings import contenders_of
from server_app.controllers.random import Random
from server_app.registry import choices, load_choice
from server_app.spaces.table import parse_table
from server_app.spaces.tabular import TabularSpace
from tests.support.spaces import with_one_recipe
from tests.support.tables import table

SEED = 5


def contender(of, *overrides):
    return contenders_of(["controller=random", *overrides], of)[0]


def proposed(space, count):
    """What random search proposes, whatever it observes."""
    return [proposal.spec for proposal in Random(with_one_recipe(space), SEED, count).propose(count)]


def seen(space, number, spec, epochs):
    """What a trial is scored."""
    trainings = space.entry(spec).curves
    return trainings[int(generator(SEED, "training", number).integers(len(trainings)))][epochs - 1]


def test_it_tells_the_best_that_was_seen_and_the_one_that_looked_best():
    # neighbours in worth differ by 1, as do the two seeds of one architecture, so what looks best is not always it
    space = TabularSpace(table())
    specs = proposed(space, 40)
    worth = [space.entry(spec).mean for spec in specs]
    looks = [seen(space, number, spec, 1) for number, spec in enumerate(specs)]
    trace = drive(space, contender(space.table), SEED, 40)
    assert list(trace.best_seen) == list(itertools.accumulate(worth, max))
    assert list(trace.incumbent) == [worth[looks.index(max(looks[:end]))] for end in range(1, 41)]
    assert trace.incumbent != trace.best_seen
    assert trace.seconds > 0
    assert trace.late_seconds > 0


def test_without_noise_what_looks_best_is_it():
    quiet = parse_table(json.dumps({str(digit): {"test_acc": [digit]} for digit in (3, 1, 4, 5, 9, 2, 6)}))
    trace = drive(TabularSpace(quiet), contender(quiet), SEED, 7)
    assert trace.best_seen == trace.incumbent
    assert trace.best_seen[-1] == 9.0


def test_a_table_that_is_spent_ends_the_search_and_the_budget_is_told_to_its_end():
    small = table(2, "01")
    trace = drive(TabularSpace(small), contender(small), SEED, 10)
    assert len(trace.best_seen) == len(trace.incumbent) == 10
    assert trace.best_seen[3:] == (53.0,) * 7  # 50 + 2 + 1


def test_constraints_hold():
    space = TabularSpace(table(), TabularSpace.Options(max_parameters=12))  # 0000, 0001, 0002: 50 + 2 at best
    assert set(drive(space, contender(space.table), SEED, 5).best_seen[2:]) == {52.0}


@pytest.mark.parametrize("parallel", [1, 3, 50])
def test_as_many_trials_are_in_flight_as_there_may_be(monkeypatch, parallel):
    flights = []

    class Watched(Random):
        def suggest(self, rng):
            flights.append(self.in_flight)
            return super().suggest(rng)

    chosen = load_choice
    monkeypatch.setattr(driving, "load_choice", lambda axis, name: Watched if name == "random" else chosen(axis, name))
    space = TabularSpace(table())
    trace = drive(space, contender(space.table), SEED, 20, parallel)
    assert max(flights) + 1 == min(parallel, 20)
    alone = drive(space, contender(space.table), SEED, 20)
    assert trace.best_seen == alone.best_seen  # random search does not look at what it observes


def test_halving_spends_whole_trainings_on_parts_of_them():
    """A bracket of 9 takes 9 x 1 epochs, then 3 x 2 more, then 1 x 6 more: 9, 15 and 21 of 27, and 6 for the next."""
    space = TabularSpace(table(epochs=9))
    specs = proposed(space, 27)
    worth = dict(enumerate(space.entry(spec).mean for spec in specs))

    def best_of(numbers, epochs, count):
        return sorted(numbers, key=lambda number: (-seen(space, number, specs[number], epochs), number))[:count]

    first = best_of(range(9), 1, 9)
    second = best_of(first[:3], 3, 3)
    third = second[:1]
    trace = drive(space, contender(space.table, "fidelity=successive_halving"), SEED, 3)
    assert trace.incumbent == tuple(worth[numbers[0]] for numbers in (first, second, third))
    assert trace.best_seen == tuple(max(worth[number] for number in numbers) for numbers in (first, second, third))


@pytest.mark.parametrize("parallel", [1, 30])
@pytest.mark.parametrize(
    "name", [name for name in choices("controller") if not load_choice("controller", name).why_no_table]
)
@pytest.mark.parametrize("fidelity", [name for name in choices("fidelity") if load_choice("fidelity", name).trains])
def test_every_controller_and_fidelity_spends_the_budget_and_no_more(monkeypatch, name, fidelity, parallel):
    spent = []

    def keep(log, epochs, limit):
        spent.append((log[-1][0], limit))
        return curves(log, epochs, limit)

    monkeypatch.setattr(driving, "curves", keep)
    space = TabularSpace(table(epochs=4))
    racers = contenders_of([f"controller={name}", f"fidelity={fidelity}"], space.table)
    trace = drive(space, racers[0], SEED, 25, parallel)
    ((done, limit),) = spent
    assert limit == 25 * 4
    assert limit - 4 < done <= limit
    assert len(trace.best_seen) == 25
    assert drive(space, racers[0], SEED, 25, parallel).incumbent == trace.incumbent
    assert drive(space, racers[0], SEED + 1, 25, parallel).incumbent != trace.incumbent


def test_nobody_waits_for_trials_that_will_not_come():
    """The table has 4 entries, so that a bracket of 9 never fills."""
    small = table(2, "01", epochs=9)
    trace = drive(TabularSpace(small), contender(small, "fidelity=successive_halving"), SEED, 3)
    assert trace.best_seen[0] == 53.0  # all 4 after one epoch each, then the best of them goes on


def test_a_log_is_told_after_each_whole_training():
    log = [(1, 0.1, 0.0), (3, 0.2, 0.1), (4, 0.3, 0.2), (9, 0.4, 0.3)]
    assert curves(log, 4, 12) == ((0.3, 0.3, 0.4), (0.2, 0.2, 0.3))
    assert curves(log, 1, 4) == ((0.1, 0.1, 0.2, 0.3), (0.0, 0.0, 0.1, 0.2))
