"""Nodes by their names."""

from __future__ import annotations

import pytest

from common.errors import FederationError, ProtocolError
from common.jobs import NodeReport
from server_app.roster import Roster


def report(name, shape=(4,), classes=3):
    return NodeReport(name, list(shape), classes, 10, 2, 1, 512, "cpu")


def test_names_outlive_ids():
    roster = Roster()
    assert roster.strangers([11, 12]) == [11, 12]
    roster.admit(11, report("a"))
    roster.admit(12, report("b"))
    assert roster.strangers([12, 13]) == [13]
    roster.admit(13, report("a"))  # a came back under a new id
    assert roster.names([12, 13]) == ["a", "b"]
    assert roster.id_of("a") == 13
    assert roster.names([11]) == []


def test_two_nodes_of_one_name_are_told_apart():
    roster = Roster()
    roster.strangers([11, 12])
    roster.admit(11, report("a"))
    with pytest.raises(ProtocolError, match=r"different names.*'a'.*node config"):
        roster.admit(12, report("a"))


def test_refused_nodes_are_not_asked_again():
    roster = Roster()
    roster.refuse(11)
    assert roster.strangers([11, 12]) == [12]


def test_the_task_is_what_most_nodes_have():
    roster = Roster()
    for number, (name, shape, classes) in enumerate([("a", (4,), 3), ("b", (5,), 9), ("c", (4,), 4)]):
        roster.admit(number, report(name, shape, classes))
    task = roster.agree()
    assert (task.input_shape, task.num_classes) == ((4,), 4)
    misfits = roster.leave_out_misfits(task)
    assert list(misfits) == ["b"]
    assert "(4,)" in str(misfits["b"])
    assert "(5,)" in str(misfits["b"])
    assert roster.names([0, 1, 2]) == ["a", "c"]


def test_without_nodes_there_is_no_task():
    with pytest.raises(FederationError):
        Roster().agree()
