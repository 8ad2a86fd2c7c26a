"""The handshake of a run that goes on: asked over Flower's own grid, answered by the real ClientApp."""

from __future__ import annotations

import json

import pytest

from common.errors import FederationError
from server_app import handshake
from tests.server_app.test_handshake import Case, silent


@pytest.fixture
def again(make_grid):
    """A function that meets nodes, interrupts that run, and returns the case of the one that goes on, without nodes."""

    def again(people, misfits="", **changes):
        grid = make_grid()
        before = Case(grid)
        for name in people:
            grid.person(name, features=5 if name in misfits else 4)
        before.gather(nodes=len(people))
        before.state = json.loads(json.dumps(before.handshake.state_dict() | changes))

        def moment():
            next(case.moments, list)()

        case = Case(make_grid(), stop=moment)
        case.moments, case.before = iter(()), before
        case.roster.task = before.roster.task
        return case

    return again


def gather(case, patience=60.0, min_nodes=1):
    case.handshake._patience = patience
    return case.handshake.gather_again(case.exchange, case.before.state, min_nodes=min_nodes)


def wait_and(act, moments=10):
    """For some moments nothing of interest happens, then this."""
    return iter([*[list] * moments, act])


def test_those_that_were_admitted_are_waited_for_whoever_else_comes(again):
    case = again("abc")
    case.grid.people("abd")
    case.grid.person("x", features=5)
    case.moments = wait_and(lambda: case.grid.person("c"))
    assert gather(case) == case.before.roster.task
    assert case.names == ["a", "b", "c", "d"]
    assert [event["node"] for event in case.of("node")] == ["d"]
    assert [event["node"] for event in case.of("node_refused")] == ["x"]


def test_patience_ends(again):
    case = again("abc")
    case.grid.people("a")
    case.grid.person("b", silent)
    gather(case, patience=0.2)
    assert case.names == ["a"]


def test_too_few_are_an_error_with_a_way_out(again):
    case = again("abc")
    case.grid.people("a")
    with pytest.raises(FederationError, match=r"needs 2 nodes within 0\.1 s, but 1 were there and 1 of them fit"):
        gather(case, patience=0.1, min_nodes=2)


# ---------------------------------------------------------------- more nodes than are asked at once


@pytest.fixture
def few_at_once(monkeypatch):
    monkeypatch.setattr(handshake, "AT_ONCE", 2)


def kinds(case):
    """Names of the nodes that were called, and of those that were asked."""
    return tuple(
        sorted(case.grid.name(m) for m in case.grid.sent if kind in m.content) for kind in ("call", "question")
    )


@pytest.mark.usefixtures("few_at_once")
def test_all_are_called_and_those_asked_that_were_admitted(again):
    case = again("abcde")
    admitted = case.before.names
    case.grid.people("edcba")
    gather(case)
    assert kinds(case) == (list("abcde"), admitted)
    assert case.roster.names(case.exchange.node_ids()) == list("abcde")
    assert case.of("node") == []


@pytest.mark.usefixtures("few_at_once")
def test_where_they_are_too_few_others_are_asked(again):
    case = again("abcde")
    case.grid.people(sorted(set("abcde") - set(case.before.names)))
    gather(case, patience=0.1, min_nodes=1)
    assert len(case.names) == 1


@pytest.mark.usefixtures("few_at_once")
@pytest.mark.parametrize("late", [False, True])
def test_who_did_not_fit_is_nobody_until_it_does(again, late):
    """Placement would draw it by its name otherwise, as it did once before the run was interrupted."""
    case = again("abcdx", "x", register={"admitted": [], "refused": [["x", "It did not fit."]]})
    case.before.state["admitted"] = ["a", "b"]
    case.before.state["there"] = list("abcd")
    case.grid.people("abcd")
    if not late:
        case.grid.person("x", features=5)
    gather(case)
    if late:
        case.grid.person("x", features=5)
    for _ in range(5):
        ids = case.exchange.node_ids()
        assert case.roster.names(ids) == list("abcd")
        case.exchange.send(case.handshake.questions(ids))
        case.handshake._take_some(case.exchange, 0.0)
    assert kinds(case) == (list("abcdx"), list("abx"))
    assert [event["node"] for event in case.of("node_refused")] == ["x"]


@pytest.mark.usefixtures("few_at_once")
def test_who_did_not_fit_and_was_mended_is_admitted(again):
    case = again("abcdx", register={"admitted": [], "refused": [["x", "It did not fit."]]}, admitted=["a", "b"])
    case.grid.people("abcdx")
    gather(case)
    ids = case.exchange.node_ids()
    case.exchange.send(case.handshake.questions(ids))
    case.handshake._take_some(case.exchange, 0.0)
    assert case.roster.names(ids) == list("abcdx")
    assert case.names == list("abx")
