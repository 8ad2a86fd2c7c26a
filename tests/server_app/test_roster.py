"""Nodes by their names."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from common.architecture.kinds.layered import LayeredSpec
from common.errors import FederationError, ProtocolError
from common.jobs import NodeReport
from common.limits import NO_LIMITS, Limits, Needs
from common.preprocessing.schema import Declared, Schema
from common.seeding import generator
from common.tasks import Classification, Multilabel, Regression, Task
from server_app.capacity import Reach
from server_app.roster import Roster
from server_app.spaces.listed import ListedSpace
from server_app.trials import Recipe


def report(name, shape=(4,), classes=3, names=(), limits=NO_LIMITS):
    head = Classification.of_names(tuple(names)) if names else Classification(classes)
    return NodeReport(name, list(shape), head, 10, 2, 1, 512, "cpu", limits=limits, num_test=3)


def roster_of(*reports):
    roster = Roster()
    for number, one in enumerate(reports):
        roster.admit(number, one)
    return roster


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
    assert task == Task((4,), Classification(4))
    misfits = roster.misfits()
    assert list(misfits) == ["b"]
    assert "(4,)" in str(misfits["b"])
    assert "(5,)" in str(misfits["b"])
    assert roster.refuse(1) == "b"
    assert roster.names([0, 1, 2]) == ["a", "c"]
    assert set(roster.reports) == {"a", "c"}


def test_classes_with_names_are_the_sorted_union_of_what_the_nodes_have():
    roster = roster_of(report("a", names=["walks", "sits"]), report("b", names=["lies", "walks"]))
    assert roster.agree() == Task((4,), Classification(3, ("lies", "sits", "walks")))
    assert roster.misfits() == {}


def test_nodes_with_one_class_each_may_agree_and_all_with_the_same_may_not():
    assert roster_of(report("a", names=["x"]), report("b", names=["y"])).agree().head.num_classes == 2
    with pytest.raises(FederationError, match="at least 2 classes between them, got 'x'"):
        roster_of(report("a", names=["x"]), report("b", names=["x"])).agree()


@pytest.mark.parametrize(("majority", "odd"), [(("x", "y"), ()), ((), ("x", "y"))])
def test_names_and_numbers_do_not_mix_and_the_majority_decides(majority, odd):
    roster = roster_of(report("a", names=odd), report("b", names=majority), report("c", names=majority))
    assert roster.agree().head.classes == majority
    ((name, error),) = roster.misfits().items()
    assert name == "a"
    assert re.search("classes of this search are (names|numbers), and those of this node's data", str(error))


def test_a_late_node_must_have_classes_that_were_agreed_on():
    roster = roster_of(report("a", names=["sits", "walks"]))
    roster.agree()
    roster.admit(1, report("b", names=["walks"]))
    with pytest.raises(ProtocolError, match=r"than were agreed on, sits, walks, got \['flies', 'runs'\]"):
        roster.admit(2, report("c", names=["walks", "runs", "flies"]))
    assert roster.refuse(2) == "c"
    assert roster.names([0, 1, 2]) == ["a", "b"]
    roster = roster_of(report("a", classes=3))
    roster.agree()
    with pytest.raises(ProtocolError, match="must have 3 classes at most, got 4"):
        roster.admit(1, report("d", classes=4))


def test_a_node_that_was_called_is_known_and_not_admitted():
    roster = roster_of(report("a"))
    roster.meet(1, "b")
    assert roster.names([0, 1]) == ["a", "b"]
    assert roster.strangers([0, 1]) == []
    assert (set(roster.reports), roster.held("b", "train"), roster.excess("b", Needs(9, 9, 9))) == ({"a"}, 0, "")
    with pytest.raises(ProtocolError, match="different names"):
        roster.meet(2, "b")


def test_a_node_holds_what_it_said():
    roster = roster_of(report("a"))
    held = [roster.held("a", split) for split in ("train", "validation", "all", "test")]
    assert held == [10, 2, 10 + 2, 3]


def test_limits_are_those_that_were_told_last():
    roster = roster_of(report("a", limits=Limits(max_macs=10)))
    assert roster.excess("a", Needs(1, 10, 1)) == ""
    assert not roster.learn("a", Limits(max_macs=10))
    assert roster.learn("a", Limits(max_macs=9))
    assert "takes 9 MACs" in roster.excess("a", Needs(1, 10, 1))
    assert not roster.learn("nobody", Limits(max_macs=9))


def test_without_nodes_there_is_no_task():
    with pytest.raises(FederationError):
        Roster().agree()


def numbers(name, mean=(0.0,), scale=(1.0,), examples=10):
    return NodeReport(name, [4], Regression(mean, scale), examples, 2, 1, 512, "cpu")


def test_most_nodes_decide_the_kind_of_the_head():
    roster = roster_of(numbers("a"), report("b"), numbers("c"), numbers("d", (0.0, 0.0), (1.0, 1.0)))
    assert roster.agree().head == Regression()
    misfits = {name: str(error) for name, error in roster.misfits().items()}
    assert sorted(misfits) == ["b", "d"]
    assert "This search is for regression, got 'classification'" in misfits["b"]
    assert "1 numbers for each example, got 2" in misfits["d"]


def test_a_node_with_more_examples_weighs_more():
    # 10 examples around 0 and 30 around 4: the mean is 3; a spread of 0 on each leaves that between them, 1/4 9 + 3/4 1
    assert roster_of(numbers("a", (0.0,), (0.0,), 10), numbers("b", (4.0,), (0.0,), 30)).agree().head == Regression(
        (3.0,), (3**0.5,)
    )


def test_what_a_node_with_too_few_examples_says_of_its_targets_counts_for_nothing():
    roster = roster_of(numbers("a", (5.0,), (2.0,), 10), numbers("b", (0.0,), (0.0,), 9))
    roster.min_examples = 10
    assert roster.agree().head == Regression((5.0,), (2.0,))
    assert roster.misfits() == {}
    roster.min_examples = 11
    with pytest.raises(FederationError, match="none has"):
        roster.agree()


def test_a_node_whose_limits_allow_nothing_is_a_misfit_as_soon_as_that_is_known():
    roster = roster_of(report("a"), report("b", limits=Limits(max_parameters=5)))
    space = ListedSpace(roster.agree(), ListedSpace.Options(specs=[LayeredSpec().to_dict()]))
    assert roster.misfits() == {}
    roster.reach = Reach(space, Recipe(), generator(0))
    (error,) = roster.misfits().values()
    # softmax regression: 3 classes, 4 features and a bias
    assert "the node takes 5 parameters at most (max-params), and the least that was found needs 15" in str(error)
    roster.admit(7, report("c", limits=Limits(max_parameters=15)))
    with pytest.raises(ProtocolError, match="takes 14 parameters"):
        roster.admit(8, report("d", limits=Limits(max_parameters=14)))
    with pytest.raises(ProtocolError, match=r"shape \(4,\)"):
        roster.admit(9, report("e", shape=(5,), limits=Limits(max_parameters=14)))


def schema_of(unit, classes=("yes", "no")):
    return Schema((Declared("dose", "number", unit=unit), Declared("ill", "label", classes=classes)))


def by(name, schema, classes=("yes", "no")):
    return replace(report(name, (1,), names=classes), schema=schema)


def test_most_nodes_decide_the_schema_and_it_says_the_classes():
    mg, g = schema_of("mg"), schema_of("g")
    roster = roster_of(by("a", g), by("b", mg), by("c", mg), replace(by("d", None), schema=None))
    task = roster.agree()
    assert task == Task((1,), Classification(2, ("yes", "no")), schema=mg)  # in its order, not sorted
    told = {name: str(error) for name, error in roster.misfits().items()}
    assert set(told) == {"a", "d"}
    assert "in this node's 'dose' has another unit" in told["a"]
    assert 'Add schema="schema.yaml" to its node config' in told["d"]


def test_several_labels_are_those_of_the_schema():
    schema = Schema((Declared("dose", "number"), Declared("ill", "label"), Declared("coughs", "label")))
    head = Multilabel(2, ("coughs", "ill"))
    told = [replace(report(name, (1,)), head=head, schema=schema) for name in "ab"]
    roster = roster_of(*told, by("c", schema_of("mg")))
    assert roster.agree() == Task((1,), head, schema=schema)
    assert set(roster.misfits()) == {"c"}


def test_a_node_with_a_schema_does_not_fit_those_without():
    roster = roster_of(report("a", (1,), 2), report("b", (1,), 2), by("c", schema_of("mg")))
    assert roster.agree().schema is None
    assert "have no schema, and this one has" in str(roster.misfits()["c"])


def test_the_server_may_say_the_schema():
    mg, g = schema_of("mg"), schema_of("g")
    roster = Roster(schema=g)
    for number, one in enumerate([by("a", g), by("b", mg), by("c", mg)]):
        roster.admit(number, one)
    assert roster.agree().schema == g
    lonely = Roster(schema=schema_of("kg"))
    lonely.admit(1, by("a", g))
    with pytest.raises(FederationError, match=r"dataset\.options\.schema"):
        lonely.agree()
