"""What a job takes a node, foreseen and learnt."""

import doctest
from dataclasses import replace

import pytest

from common.architecture.kinds.layered import LayeredSpec
from common.errors import ConfigError
from common.jobs import Job, NodeReport, Result, Work
from common.tasks import Classification, Task
from server_app import pace
from server_app.held import HeldBefore
from server_app.journal import Journal
from server_app.pace import SAFETY, Pace, load_of, pace_of
from server_app.roster import Roster
from server_app.trials import Recipe, Trial

TASK = Task((4,), Classification(3))
TRIAL = Trial(0, LayeredSpec(), Recipe(batch_size=16, epochs=2))
HELD = {"train": 40, "validation": 10}


def make(basis, deadline=60.0, **words):
    roster = Roster()
    for number, (name, word) in enumerate(words.items()):
        report = NodeReport(name, [4], TASK.head, HELD["train"], HELD["validation"], 1, 512, "cpu", word, num_test=3)
        roster.admit(number, report)
    events = []
    return Pace(roster, TASK, deadline, Journal(None, events.append), basis), roster, events


def job(kind="train", split="train"):
    return Job("id", "trial-0000", TRIAL.spec, {}, Work(kind, split, 1, TRIAL.recipe))


def test_the_examples_hold():
    assert doctest.testmod(pace).failed == 0


def test_seconds_are_the_job_over_the_speed():
    made, *_ = make("jobs", a=4000, b=8000)
    size = {split: load_of(TRIAL.spec, TASK, TRIAL.recipe, split, held) for split, held in HELD.items()}
    assert made.seconds("a", TRIAL, "train") == size["train"] / 1000
    assert made.seconds("b", TRIAL, "validation") == size["validation"] / 2000
    assert made.seconds("nobody", TRIAL, "train") == 0
    # 3 mini-batches an epoch, and 2 epochs, each 3 times as long as a score: against 1 call, and 1/4 of the examples
    operations = len(TRIAL.spec.lower(TASK).nodes)
    assert size["train"] == 2 * 3 * (40 * 12 + 3 * operations * 2**17)
    assert size["validation"] == 10 * 12 + operations * 2**17


def test_what_a_message_takes_beside_comes_on_top_where_a_clock_may_decide():
    for basis, more in (("equal", 0.0), ("word", 0.0), ("jobs", 7.0)):
        made, *_ = make(basis, a=4000)
        before = made.seconds("a", TRIAL, "train")
        made.wait("a", 7.0)
        assert made.seconds("a", TRIAL, "train") == before + more
        assert made.seconds("nobody", TRIAL, "train") == 0


def test_a_node_is_in_time_where_it_takes_half_of_the_deadline():
    made, *_ = make("word", a=4000)
    exactly = SAFETY * made.seconds("a", TRIAL, "train")
    assert make("word", exactly, a=4000)[0].in_time("a", TRIAL)
    assert not make("word", 0.99 * exactly, a=4000)[0].in_time("a", TRIAL)
    assert make("equal", 1e-9, a=4000)[0].in_time("a", TRIAL)


def test_only_what_is_done_teaches_and_only_where_the_order_of_replies_decides_anyhow():
    done = Result("id", "done", num_examples=40, seconds=2.0)
    for basis in ("equal", "word"):
        made, roster, _ = make(basis, a=4000)
        made.learn("a", job(), done)
        assert roster.speeds.measured == {}
    made, roster, _ = make("jobs", a=4000)
    nothing = [replace(done, status="failed"), replace(done, seconds=0.0), replace(done, num_examples=0)]
    for result in nothing:
        made.learn("a", job(), result)
    made.learn("a", job("proxy"), done)
    assert roster.speeds.measured == {}
    made.learn("a", job(), done)
    assert made.seconds("a", TRIAL, "train") == 2.0


def test_a_node_gains_nothing_by_examples_that_it_does_not_have():
    made, roster, _ = make("jobs", a=4000)
    made.learn("a", job(), Result("id", "done", num_examples=10**9, seconds=2.0))
    assert made.seconds("a", TRIAL, "train") == 2.0
    made.learn("a", job("score", "validation"), Result("id", "done", num_examples=10, seconds=1.0))
    assert len(roster.speeds.measured["a"]) == 2


def test_who_lied_is_told_of_in_the_journal():
    made, _, events = make("jobs", a=4000, b=4000, liar=400_000)
    for name in ("a", "b", "liar", "liar", "liar", "liar"):
        made.learn(name, job(), Result("id", "done", num_examples=40, seconds=2.0))
    (event,) = events
    assert (event["event"], event["node"], event["said"]) == ("speed", "liar", 400_000)
    assert event["true"] == 4000


def test_the_configuration_says_by_what_speeds_go(configure):
    def basis(placement="capability", **federation):
        found = pace_of(configure(placement={"name": placement}, federation=federation), TASK, Roster(), Journal())
        return found and found._basis

    assert basis(order="rounds") == "equal"
    assert basis(order="arrival") == basis(name="deployment", order="arrival") == "jobs"
    assert basis(name="deployment", order="rounds") == "word"
    assert basis("shared") is basis("split") is None
    with pytest.raises(ConfigError):
        basis("nowhere")


def test_trials_that_a_node_can_hold_are_counted_up_to_one_of_them():
    trials, looked = [], []

    def excess(node, trial):
        looked.append(trial.number)
        return "too large" if trial.number % 3 == 0 else ""

    before = HeldBefore(excess, lambda: trials)
    trials += [Trial(number, LayeredSpec()) for number in range(5)]
    assert [before("a", number) for number in (4, 0, 1, 2, 3)] == [2, 0, 0, 1, 2]  # 1 and 2 of 0 to 3
    trials += [Trial(number, LayeredSpec()) for number in range(5, 9)]
    assert before("a", 9) == 6
    assert sorted(looked) == list(range(9)), "each is looked at once"
