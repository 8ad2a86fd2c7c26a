"""Replies pulled one by one: whoever hangs holds up nobody."""

from __future__ import annotations

import threading
import time

import pytest

from server_app import pulls as module
from server_app.pulls import Pulls

FOREVER = 60.0


class Line:
    """A transport on which some pulls hang until `arrived` is set; replies are the ids themselves."""

    def __init__(self, hanging=()):
        self.hanging = set(hanging)
        self.arrived = threading.Event()
        self.pulled = []

    def __call__(self, message_ids):
        self.pulled += message_ids
        if self.hanging & set(message_ids):
            self.arrived.wait(FOREVER)
        return list(message_ids)


@pytest.fixture
def make():
    lines, made = [], []

    def pulls(line, interval=0.001):
        lines.append(line)
        made.append(Pulls(line, interval))
        return made[-1]

    yield pulls
    for line in lines:
        line.arrived.set()
    for one in made:
        one.close()


def look_until(pulls, message_ids, wanted):
    got, left, until = [], list(message_ids), time.monotonic() + FOREVER
    while not set(wanted) <= set(got):
        assert time.monotonic() < until, f"only {got} came"
        replies = pulls.look(left)
        got += replies
        left = [message_id for message_id in left if message_id not in replies]
        pulls.wait(0.01)
    return got


def test_more_pulls_that_hang_than_there_are_places_stall_nobody(make, monkeypatch):
    monkeypatch.setattr(module, "_HANGING", 0.05)
    slow = [f"slow-{index}" for index in range(2 * module._AT_A_TIME)]
    quick = [f"quick-{index}" for index in range(5)]
    line = Line(slow)
    pulls = make(line)
    assert sorted(look_until(pulls, slow + quick, quick)) == quick
    line.arrived.set()
    assert set(look_until(pulls, slow, slow)) == set(slow)
    assert sorted(line.pulled) == sorted(slow + quick)  # each once: a pull that hangs is not begun again


def test_so_many_pulls_run_at_a_time_and_each_has_its_turn(make):
    names = [str(index) for index in range(3 * module._AT_A_TIME)]
    line = Line(names)
    pulls = make(line)
    pulls.look(names)
    deadline = time.monotonic() + FOREVER
    while len(line.pulled) < module._AT_A_TIME and time.monotonic() < deadline:
        time.sleep(0.001)
    pulls.look(names)
    assert sorted(line.pulled) == sorted(names[: module._AT_A_TIME])
    line.arrived.set()
    assert set(look_until(pulls, names, names)) == set(names)


def test_the_same_reply_is_looked_for_again_after_the_interval(make):
    line = Line()
    pulls = make(line, interval=0.05)
    pulls.look(["a"])
    pulls.wait(FOREVER)
    assert pulls.look(["a"]) == ["a"]
    assert line.pulled == ["a"]  # its turn comes again only then
    time.sleep(0.06)
    pulls.look(["a"])
    pulls.wait(FOREVER)
    assert line.pulled == ["a", "a"]


def test_a_pull_that_fails_is_told_and_tried_again(make, flower_log):
    tries = []

    def pull(message_ids):
        tries.append(1)
        if len(tries) == 1:
            raise RuntimeError("413 Content Too Large")
        return list(message_ids)

    pulls = Pulls(pull, 0.001)
    pulls.look(["a"])
    pulls.wait(FOREVER)
    assert pulls.look(["a"]) == []
    assert pulls.failures == {"a": "413 Content Too Large"}
    assert look_until(pulls, ["a"], ["a"]) == ["a"]
    assert pulls.failures == {}
    assert flower_log.text.count("could not be fetched, trying again") == 1
    pulls.close()
