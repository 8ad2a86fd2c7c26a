"""What every fidelity must hold: run for each choice that the registry finds."""

import json

import pytest

from common.architecture.kinds.layered import LayeredSpec
from common.errors import ConfigError
from common.seeding import generator
from server_app.registry import choices, load_choice
from server_app.scores import NodeScore
from server_app.trials import Recipe, Trial, TrialState
from tests.support.trials import scored

pytestmark = pytest.mark.parametrize("name", choices("fidelity"))

COUNTS = (1, 2, 7, 30)
BY_WHAT_CAME = {"asha", "median_stop"}
"""Those whose decisions depend on which trials came before, as their papers have it."""


def nobody(number, rung):
    return False


def some(number, rung):
    return (number * 7 + rung) % 4 == 0


def everybody(number, rung):
    return True


class Race:
    """Trials with toy scores under a fidelity; what happens next is drawn at random.

    The outcome of a trial depends on its number and rung only. Up to three nodes score it; scores have one decimal, so
    there are ties, and trials that cannot be told apart.
    """

    def __init__(self, fidelity, count, fails=nobody, seed=0, restore=False, declined=nobody, repeats=False):
        self.fidelity, self.count, self.fails, self.restore = fidelity, count, fails, restore
        self.declined, self.repeats = declined, repeats
        self.rng = generator(seed, "order")
        self.trials, self.targets, self.decided, self.promoted = [], {}, {}, {}

    def run(self):
        while self.running or len(self.trials) < self.count:
            self.step()
        self.close()
        while self.running:
            self.step()
        assert [trial.number for trial in self.trials if not trial.state.ended] == []
        return self.decided, self.promoted

    def run_by_rounds(self, places):
        while self.running or len(self.trials) < self.count:
            self.barrier(places)
        self.close()
        while self.running:
            self.barrier(places)
        return self.decided, self.promoted

    def close(self):
        self.apply(self.fidelity.close())
        self.promote()

    @property
    def running(self):
        return [trial for trial in self.trials if trial.state is TrialState.RUNNING]

    def step(self):
        if self.restore:
            state = json.loads(json.dumps(self.fidelity.state_dict()))
            self.fidelity = type(self.fidelity)(self.fidelity.options)
            self.fidelity.load_state_dict(state)
        running = self.running
        pick = self.rng.integers(len(running) + (len(self.trials) < self.count))
        if pick == len(running):
            self.start()
        else:
            self.complete(running[pick])

    def start(self):
        number = len(self.trials)
        repeats = number - 1 if self.repeats and number % 2 else None
        trial = Trial(number, LayeredSpec(), Recipe(epochs=1 + number // 2 * 2), repeats=repeats)
        self.trials.append(trial)
        first, self.targets[trial.number] = self.fidelity.first, self.fidelity.start(trial)
        assert self.targets[trial.number] == first
        assert first in self.fidelity.rungs
        assert self.fidelity.trains <= self.targets[trial.number] <= self.fidelity.max_rounds

    def complete(self, trial):
        self.apply(self.score(trial))
        self.promote()

    def barrier(self, places):
        """Let all that train report, in any order, and only then give places to those that go on, and to new ones."""
        for trial in self.rng.permutation(self.running):
            self.apply(self.score(trial))
        self.promote()
        while len(self.trials) < self.count and len(self.running) < places:
            self.start()

    def score(self, trial):
        if self.fails(trial.number, trial.rung):
            trial.state = TrialState.FAILED
        else:
            trial.rounds, trial.state = self.targets[trial.number], TrialState.WAITING
            rung = self.fidelity.rung_of(trial.rounds)
            draw = generator(0, "score", trial.number, rung)
            values = (draw.random() + draw.normal(0, 0.1, 3)).round(1).tolist()
            names = [name for name in "abc" if draw.random() < 0.9] or ["a"]
            by_node = {
                name: NodeScore({}, 5, value, tie=round(-value, 0))
                for name, value in zip("abc", values, strict=True)
                if name in names
            }
            mean = sum(node.value for node in by_node.values()) / len(by_node)
            scored(trial, mean, rung, feasible=draw.random() < 0.8, tie=0.0, by_node=by_node)
        return self.fidelity.report(trial)

    def apply(self, endings):
        for ending in endings:
            trial = self.trials[ending.trial]
            assert trial.state is TrialState.WAITING, "only a trial that waits ends, and only once"
            self.decided[trial.number, trial.rung] = ending.action
            if ending.action == "finish":
                assert trial.rounds == self.fidelity.max_rounds
                trial.state = TrialState.FINISHED
            else:
                assert ending.action == "stop"
                assert trial.rounds < self.fidelity.max_rounds
                trial.state = TrialState.STOPPED

    def promote(self):
        while (promotion := self.fidelity.next()) is not None:
            trial = self.trials[promotion.trial]
            assert trial.state is TrialState.WAITING, "only a trial that waits is promoted, and only once"
            assert trial.rounds < promotion.rounds <= self.fidelity.max_rounds
            if self.declined(trial.number, trial.rung):
                self.apply(self.fidelity.decline(promotion))
                assert trial.state is TrialState.STOPPED
                continue
            self.promoted[trial.number, trial.rung] = promotion.rounds
            self.targets[trial.number], trial.state = promotion.rounds, TrialState.RUNNING


@pytest.fixture
def make(name):
    return load_choice("fidelity", name)


@pytest.mark.parametrize("fails", [nobody, some, everybody])
@pytest.mark.parametrize("count", COUNTS)
def test_every_trial_ends_once(make, count, fails):
    race = Race(make(), count, fails)
    race.run()
    states = [trial.state for trial in race.trials]
    assert len(states) == count
    if fails is nobody:
        assert TrialState.FAILED not in states
        assert TrialState.FINISHED in states
    if fails is everybody:
        assert set(states) == {TrialState.FAILED}
        assert (race.decided, race.promoted) == ({}, {})


@pytest.mark.parametrize("declined", [some, everybody])
@pytest.mark.parametrize("fails", [nobody, some])
@pytest.mark.parametrize("count", COUNTS)
def test_a_promotion_that_is_declined_ends_its_trial_and_holds_up_nobody(make, count, fails, declined):
    for restore in (False, True):
        race = Race(make(), count, fails, declined=declined, restore=restore)
        race.run()
        assert not [key for key in race.promoted if declined(*key)]


@pytest.mark.parametrize("fails", [nobody, some])
@pytest.mark.parametrize("count", COUNTS)
def test_the_order_of_reports_within_a_round_does_not_matter(make, count, fails):
    for places in (1, 4):
        first = Race(make(), count, fails, seed=0).run_by_rounds(places)
        for seed in range(1, 6):
            assert Race(make(), count, fails, seed=seed).run_by_rounds(places) == first


@pytest.mark.parametrize("fails", [nobody, some])
@pytest.mark.parametrize("count", COUNTS)
def test_the_order_of_reports_does_not_matter(make, name, count, fails):
    if name in BY_WHAT_CAME:
        pytest.skip("it decides by what has come so far")
    first = Race(make(), count, fails, seed=0).run()
    for seed in range(1, 6):
        assert Race(make(), count, fails, seed=seed).run() == first


@pytest.mark.parametrize("fails", [nobody, some, everybody])
def test_restored_equals_never_interrupted(make, fails):
    for seed in range(3):
        assert Race(make(), 30, fails, seed, restore=True).run() == Race(make(), 30, fails, seed).run()


@pytest.mark.parametrize("fails", [nobody, some])
def test_a_repetition_races_as_any_other_trial(make, fails):
    race = Race(make(), 30, fails, repeats=True)
    race.run()
    assert sum(trial.repeats is not None for trial in race.trials) == 15
    assert (race.decided, race.promoted) == Race(make(), 30, fails).run()


def test_one_more_trial_changes_little(make):
    """At most a bracket's places are given away otherwise, where another trial starts after so many."""

    def ends(count, of):
        race = Race(make(), of)
        race.run_by_rounds(places=4)
        return [(trial.rounds, trial.state) for trial in race.trials[:count]]

    for count in (5, 11, 17, 23):
        changed = sum(one != other for one, other in zip(ends(count, count), ends(count, count + 1), strict=True))
        assert changed <= 3, count


def test_trials_may_start_after_close(make):
    race = Race(make(), 7)
    race.run()
    race.count = 14
    race.run()
    assert len(race.trials) == 14


def test_close_twice_decides_nothing_more(make):
    race = Race(make(), 7)
    race.run()
    assert race.fidelity.close() == []


def test_two_runs_do_not_share_state(make):
    race = Race(make(), 7)
    race.run()
    state = json.dumps(make().state_dict())
    for _ in range(5):
        race.start()
    assert json.dumps(make().state_dict()) == state


def test_max_rounds_must_be_positive(make):
    if not make.trains:
        assert make().max_rounds == 0
        return
    with pytest.raises(ConfigError, match="max_rounds"):
        make.Options(max_rounds=0)
