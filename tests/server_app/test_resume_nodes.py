"""A run that goes on meets the nodes that it had met (Flower's grid, real ClientApps)."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from client_app.app import app
from server_app import handshake
from tests.server_app.test_resume import Killed, Run, story

NAMES = "abcdefghij"

PLACEMENTS = [
    {"name": "shared", "nodes_per_round": 3},
    {"name": "split", "nodes_per_round": 2},
    {"name": "capability", "nodes_per_round": 3},
]


def foreign(message, context):
    """Answer as a node does that runs other code."""
    reply = app(message, context)
    reply.content["header"]["digest"] = "0" * 64
    return reply


def die():
    raise Killed


class Nodes(Run):
    """A run on nodes that the test chooses, and that come and go as it says.

    Attributes
    ----------
    people : str
        Names of the nodes that are there as it begins, or goes on.
    misfits : str
        Names of those whose data have another shape.
    tiny : str
        Names of those whose limits allow nothing.
    when : list of (dict, callable)
        What happens once an event with these fields was written.
    looks : dict of int to callable
        What happens as the run looks for replies for the n-th time since it began, or went on.
    """

    def __init__(self, *arguments, people="abc", misfits="", tiny=""):
        super().__init__(*arguments)
        self.people, self.misfits, self.tiny, self.when, self.looks = people, misfits, tiny, [], {}
        self.grid, self.looked = None, 0

    def person(self, name):
        node_id = self.grid.person(name, features=5 if name in self.misfits else 4)
        if name in self.tiny:
            self.grid.nodes[node_id].context.node_config["max-params"] = 1
        return node_id

    def stranger(self):
        """Start a node that runs other code: it comes not to say its name."""
        return self.grid.person("z", foreign)

    @property
    def state(self):
        return json.loads(self.saved[1])

    def join(self, grid):
        self.grid, self.looked = grid, 0
        for name in self.people:
            self.person(name)

    def look(self):
        self.looked += 1
        self.looks.pop(self.looked, lambda: None)()

    def heard(self, event):
        for pair in [pair for pair in self.when if pair[0].items() <= event.items()]:
            self.when.remove(pair)
            pair[1]()

    def killed_at(self, **fields):
        """Run until an event with these fields was written."""
        self.when.append((fields, die))
        with pytest.raises(Killed):
            self.go()

    def kinds(self, kind):
        return [event for event in self.events if event["event"] == kind]

    def story(self):
        return [event for event in story(self.events) if event["event"] != "node_refused"]

    def told(self):
        """How often the journal says what of which node: within one exchange in any order."""
        return Counter(
            (e["event"], e["node"], e.get("reason")) for e in self.kinds("node") + self.kinds("node_refused")
        )

    def asked(self):
        """Names of the nodes that were asked what they have since the run began or went on."""
        return sorted(self.grid.name(message) for message in self.grid.sent if "question" in message.content)


@pytest.fixture
def make(make_grid, tmp_path):
    folders = iter(range(1000))
    return lambda config, **options: Nodes(config, tmp_path / str(next(folders)), make_grid, **options)


# ---------------------------------------------------------------- more nodes than are asked at once


@pytest.fixture
def many(monkeypatch, configure):
    """Of ten nodes four are asked at the start."""
    monkeypatch.setattr(handshake, "AT_ONCE", 4)
    return configure(
        federation={"nodes": 10},
        fidelity={"name": "full", "max_rounds": 3},
        search={"trials": 3, "concurrency": 2},
        final={"rounds": 2},
    )


@pytest.mark.parametrize(
    "placement",
    [
        pytest.param(each, marks=() if each["name"] == "split" else pytest.mark.thorough, id=each["name"])
        for each in PLACEMENTS
    ],
)
@pytest.mark.parametrize("misfits", [pytest.param("", marks=pytest.mark.thorough), "bdeh"])
def test_of_many_nodes_those_that_were_asked_are_asked_again_and_no_others(make, many, placement, misfits):
    config = replace(many, placement=placement)
    whole = make(config, people=NAMES, misfits=misfits)
    weights = whole.go()
    late = set(whole.asked()) - set(whole.kinds("search")[0]["nodes"])
    assert late, "some are asked when a round needs them"
    for kill_at in range(7, len(whole.events), 5):
        run = make(config, people=NAMES, misfits=misfits)
        with pytest.raises(Killed):
            run.go(kill_at)
        np.testing.assert_array_equal(run.go(), weights)
        assert run.found() == whole.found()
        assert run.strategy.outcome.final.panel == whole.strategy.outcome.final.panel
        assert run.strategy.outcome.nodes == whole.strategy.outcome.nodes
        assert run.story() == whole.story()
        assert run.told() == whole.told()
        assert Counter(run.asked()).most_common(1)[0][1] == 1


def test_the_final_panel_is_kept_from_when_the_final_begins(make, many):
    """Another node that says what it has before the first round of the final is over would be drawn too."""
    whole = make(many, people=NAMES)
    whole.go()
    panel = whole.strategy.outcome.final.panel
    run = make(many, people=NAMES)
    run.killed_at(event="round", trial="final-0000")
    run.people = NAMES.replace(panel[0], "")
    run.when.append(({"event": "resumed"}, lambda: run.person(panel[0])))
    run.config = replace(many, federation=replace(many.federation, patience=0.2))
    run.go()
    assert run.kinds("resumed")[0]["missing"] == [panel[0]]
    assert run.strategy.outcome.final.panel == panel


def test_who_was_met_by_name_is_waited_for_as_placement_draws_from_all(make, many):
    config = replace(many, placement=PLACEMENTS[1])
    whole = make(config, people=NAMES)
    weights = whole.go()
    late = sorted(set(NAMES) - set(whole.kinds("search")[0]["nodes"]))
    run = make(config, people=NAMES)
    run.killed_at(event="round", trial="trial-0001", round=2)
    run.people = NAMES.replace(late[0], "").replace(late[1], "")
    run.looks = {5: lambda: run.person(late[0]), 10: lambda: run.person(late[1])}
    np.testing.assert_array_equal(run.go(), weights)
    assert run.found() == whole.found()


def test_fewer_nodes_than_are_asked_at_once_are_still_called_by_name_first(make, many):
    """Or all would be asked that are there, and a final would be tested on other nodes."""
    run = make(many, people=NAMES)
    run.killed_at(event="round", trial="trial-0001", round=2)
    admitted = run.state["met"]["admitted"]
    run.people = admitted[0] + "".join(sorted(set(NAMES) - set(admitted))[:2])
    run.config = replace(
        many, federation=replace(many.federation, patience=0.2), scoring=replace(many.scoring, min_nodes=1)
    )
    run.when.append(({"event": "resumed"}, die))
    with pytest.raises(Killed):
        run.go()
    assert run.asked() == [admitted[0]]


# ---------------------------------------------------------------- who does not fit takes nobody's place


@pytest.fixture
def three(configure):
    return configure(federation={"nodes": 3}, fidelity={"name": "full", "max_rounds": 3}, final={"rounds": 2})


def test_nobody_takes_the_place_of_a_node_that_connects_a_moment_later(make, three):
    whole = make(three)
    weights = whole.go()
    run = make(three, misfits="x")
    run.killed_at(event="round", trial="trial-0000", round=2)
    run.people, run.looks = "abx", {20: lambda: run.person("c")}
    np.testing.assert_array_equal(run.go(), weights)
    assert run.found() == whole.found()
    (resumed,) = run.kinds("resumed")
    assert (resumed["missing"], resumed["new"]) == ([], [])
    assert [event["node"] for event in run.kinds("node_refused")] == ["x"]


def test_a_stranger_takes_nobodys_place_either_and_is_new(make, three):
    run = make(three)
    run.killed_at(event="round", trial="trial-0000", round=2)
    run.people, run.looks = "abd", {20: lambda: run.person("c")}
    run.go()
    (resumed,) = run.kinds("resumed")
    assert (resumed["missing"], resumed["new"]) == ([], ["d"])
    assert sorted(event["node"] for event in run.kinds("node")) == list("abcd")


def test_who_does_not_come_back_costs_patience_and_is_told(make, three):
    run = make(replace(three, federation=replace(three.federation, patience=0.3)))
    run.killed_at(event="round", trial="trial-0000", round=2)
    run.people = "abd"
    run.go()
    (resumed,) = run.kinds("resumed")
    assert (resumed["missing"], resumed["new"]) == (["c"], ["d"])


def test_a_node_that_fits_no_more_is_not_waited_for(make, three):
    run = make(three)
    run.killed_at(event="round", trial="trial-0000", round=2)
    run.misfits = "c"
    run.go()
    assert run.kinds("resumed")[0]["missing"] == ["c"]
    assert [event["node"] for event in run.kinds("node_refused")] == ["c"]
    assert run.looked < 1000, "patience is 60 s, a look takes a thousandth"


# ---------------------------------------------------------------- the journal says it once


def test_nodes_that_joined_before_the_kill_are_neither_new_nor_told_again(make, three):
    run = make(three, misfits="e")
    run.when.append(({"event": "round", "round": 1}, lambda: [run.person("d"), run.person("e"), run.stranger()]))
    run.killed_at(event="round", trial="trial-0000", round=3)
    assert (len(run.kinds("node")), len(run.kinds("node_refused"))) == (4, 2)
    run.people = "abcde"
    run.when.append(({"event": "resumed"}, run.stranger))
    run.go()
    (resumed,) = run.kinds("resumed")
    assert (resumed["missing"], resumed["new"]) == ([], [])
    assert sorted(event["node"] for event in run.kinds("node")) == list("abcd")
    named, nameless = sorted(run.kinds("node_refused"), key=lambda event: event["node"] != "e")
    assert (named["node"], "must run the same digest" in nameless["reason"]) == ("e", True)


def test_killed_again_they_are_told_once_still(make, three):
    run = make(three, people="abcx", misfits="x")
    for number in (2, 3):
        run.killed_at(event="round", round=number)
    run.killed_at(event="round", trial="final-0000", round=2)
    run.go()
    assert len(run.kinds("resumed")) == 3
    # what fits is known once all have said what they have
    assert sorted(event["node"] for event in run.kinds("node")) == list("abcx")
    assert [event["node"] for event in run.kinds("node_refused")] == ["x"]


def test_a_node_that_could_hold_nothing_is_left_out_again_and_told_once(make, three):
    config = replace(three, federation=replace(three.federation, nodes=4))
    whole = make(config, people="abcx", tiny="x")
    weights = whole.go()
    run = make(config, people="abcx", tiny="x")
    run.killed_at(event="round", trial="trial-0000", round=2)
    np.testing.assert_array_equal(run.go(), weights)
    assert run.found() == whole.found()
    (resumed,) = run.kinds("resumed")
    assert (resumed["missing"], resumed["new"]) == ([], [])
    (refused,) = run.kinds("node_refused")
    assert (refused["node"], "at most (max-params)" in refused["reason"]) == ("x", True)


def test_who_was_admitted_after_the_last_save_is_told_for_the_first_time(make, three):
    """Its line was cut from the journal with all that came after the state."""
    run = make(three)
    run.when.append(({"event": "round", "round": 1}, lambda: run.person("d")))
    run.killed_at(event="node", node="d")
    run.people = "abcd"
    run.go()
    assert run.kinds("resumed")[0]["new"] == ["d"]
    assert sorted(event["node"] for event in run.kinds("node")) == list("abcd")


def test_a_node_that_was_refused_and_mended_is_new(make, three):
    run = make(three, people="abcx", misfits="x")
    run.killed_at(event="round", trial="trial-0000", round=2)
    before, run.misfits = run.kinds("node"), ""
    run.go()
    assert run.kinds("resumed")[0]["new"] == ["x"]
    assert [event["input_shape"] for event in run.kinds("node") if event["node"] == "x"] == [[5], [4]]
    assert len(run.kinds("node")) == len(before) + 1
