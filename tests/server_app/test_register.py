"""What the journal says of nodes, and does not say again when an interrupted run goes on."""

from __future__ import annotations

import json

import pytest

from common.errors import ProtocolError
from common.jobs import NodeReport
from common.tasks import Classification
from server_app.journal import Journal
from server_app.register import Register

ODD, OTHER = ProtocolError("A node must fit"), ProtocolError("A node must run this code")


def report(name):
    return NodeReport(name, [4], Classification(3), 26, 6, cores=2, memory_mb=4096, device="cpu")


@pytest.fixture
def told():
    return []


@pytest.fixture
def register(told):
    return Register(Journal(None, lambda event: told.append((event["event"], event["node"]))))


def interrupted(register, told):
    """Return the register of the run that goes on, and forget what the journal was told before."""
    state = json.loads(json.dumps(register.state_dict()))
    told.clear()
    register = Register(register._journal)
    register.load_state_dict(state)
    assert register.state_dict() == state
    return register


def test_what_was_told_before_an_interruption_is_not_told_again(register, told):
    register.admit(report("a"))
    register.refuse(7, "x", ODD)
    assert told == [("node", "a"), ("node_refused", "x")]
    register = interrupted(register, told)
    register.admit(report("a"))
    register.refuse(8, "x", ODD)
    assert told == []
    register.refuse(8, "x", OTHER)
    register.admit(report("b"))
    assert told == [("node_refused", "x"), ("node", "b")]


def test_who_comes_back_in_the_same_process_is_told_again(register, told):
    """It may have other data; so it is in the run that goes on."""
    register.admit(report("a"))
    register.admit(report("a"))
    assert told == [("node", "a")] * 2
    register = interrupted(register, told)
    register.admit(report("a"))
    register.admit(report("a"))
    assert told == [("node", "a")]


def test_of_nodes_without_a_name_as_many_are_told_as_there_are(register, told):
    """Their ids are others after an interruption."""
    register.refuse(1, "", OTHER)
    register.refuse(2, "", OTHER)
    assert told == [("node_refused", "1"), ("node_refused", "2")]
    register = interrupted(register, told)
    for node_id in (3, 4, 5):
        register.refuse(node_id, "", OTHER)
    assert told == [("node_refused", "5")]


def test_who_was_refused_is_not_admitted_any_more(register, told):
    """Mended, it is told with what it has then."""
    register.admit(report("a"))
    register.refuse(1, "a", ODD)
    assert register.admitted == set()
    register = interrupted(register, told)
    register.admit(report("a"))
    assert told == [("node", "a")]
    assert register.admitted == {"a"}
