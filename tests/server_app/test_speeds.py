"""How fast nodes are: their word, then their jobs."""

import doctest
import json

import pytest

from server_app import speeds
from server_app.speeds import Contradiction, Speeds


def heard(**words):
    made = Speeds()
    for name, word in words.items():
        made.hear(name, word)
    return made


def test_the_example_holds():
    assert doctest.testmod(speeds).failed == 0


def test_a_word_counts_by_the_part_that_others_do_of_theirs():
    made = heard(a=1000, b=2000, silent=0)
    assert (made.of("a"), made.of("b")) == (250.0, 500.0)  # a quarter, as long as nobody has done a job
    assert made.of("silent") == made.of("unheard of") == 1e9
    made.learn("a", 100.0)  # a tenth
    assert (made.of("a"), made.of("b")) == (100.0, 200.0)


def test_the_first_word_counts_and_a_node_that_starts_again_has_another():
    made = heard(a=1000)
    made.hear("a", 9000)
    assert made.of("a") == 250.0
    made.learn("a", 10.0)
    made.forget("a")
    made.hear("a", 9000)
    assert made.of("a") == 9000 / 4


def test_one_slow_job_does_not_make_a_slow_node():
    made = heard(a=1000)
    for speed in (100.0, 1.0, 110.0):
        made.learn("a", speed)
    assert made.of("a") == 100.0
    for _ in range(9):  # only the last nine count
        made.learn("a", 7.0)
    assert made.measured["a"] == [7.0] * 9


def learnt(made, name, speed, jobs=3):
    """What is told after each job."""
    return [made.learn(name, speed) for _ in range(jobs)]


def test_two_others_are_needed_to_say_that_a_word_is_wrong():
    made = heard(liar=40_000, a=400, b=400)
    assert learnt(made, "liar", 100.0, 5) == [None] * 5
    assert learnt(made, "a", 100.0) == learnt(made, "b", 100.0) == [None] * 3
    assert learnt(made, "liar", 100.0) == [Contradiction("liar", 40_000, 400.0), None, None]  # it is told of once
    assert learnt(heard(a=400, b=40_000), "a", 100.0) == [None] * 3


def test_it_counts_after_one_job_and_is_told_of_after_three():
    made = heard(a=400, b=400, liar=40_000)
    made.learn("a", 100.0)
    made.learn("b", 100.0)
    assert made.learn("liar", 100.0) is None
    assert made.of("liar") == 100.0
    assert learnt(made, "liar", 100.0, 2) == [None, Contradiction("liar", 40_000, 400.0)]


@pytest.mark.parametrize(("said", "told"), [(3200, False), (3300, True), (50, False), (49, True)])
def test_a_word_may_be_eight_times_too_much_or_too_little(said, told):
    made = heard(a=400, b=400, c=said)
    made.learn("a", 100.0)
    made.learn("b", 100.0)
    assert (learnt(made, "c", 100.0)[-1] is not None) is told


def test_who_did_not_say_anything_did_not_lie():
    made = heard(a=400, b=400, silent=0)
    for name in ("a", "b", "silent"):
        assert learnt(made, name, 100.0) == [None] * 3
    assert made.of("silent") == 100.0


def test_saved_in_the_middle_it_goes_on_as_if_never_interrupted():
    names = ("liar", "a", "b", "liar", "a", "liar", "c", "liar", "c", "c", "liar")
    jobs = [(name, 5.0 if name == "c" else 100.0 - place) for place, name in enumerate(names)]
    words = {"liar": 40_000, "a": 400, "b": 400, "c": 400}
    whole = heard(**words)
    told = [whole.learn(*job) for job in jobs]
    assert [found.node for found in told if found] == ["liar", "c"]
    for cut in range(len(jobs)):
        before = heard(**words)
        assert [before.learn(*job) for job in jobs[:cut]] == told[:cut]
        after = Speeds()
        after.load_state_dict(json.loads(json.dumps(before.state_dict())))
        after.hear("a", 7)  # what it would measure now
        assert [after.learn(*job) for job in jobs[cut:]] == told[cut:]
        assert {name: after.of(name) for name in words} == {name: whole.of(name) for name in words}


def test_what_messages_take_beside_their_jobs_is_that_of_others_at_first():
    made = heard(a=400, b=400)
    assert made.delay_of("a") == 0.0
    for seconds in (3.0, 30.0, -1.0):  # a node may say that its jobs took longer than its message
        made.wait("a", seconds)
    assert (made.delay_of("a"), made.delay_of("b")) == (3.0, 3.0)
    for seconds in (40.0, 50.0, 60.0):
        made.wait("c", seconds)
    assert (made.delay_of("b"), made.delay_of("c")) == ((3.0 + 50.0) / 2, 50.0)
    after = Speeds()
    after.load_state_dict(json.loads(json.dumps(made.state_dict())))
    assert [after.delay_of(name) for name in "abc"] == [made.delay_of(name) for name in "abc"]
    made.forget("c")
    assert made.delay_of("c") == 3.0
