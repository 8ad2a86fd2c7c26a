"""What a node can hold, with mini-batches of what it has, and whether it can hold anything."""

from __future__ import annotations

import pytest

from common.architecture.kinds.layered import LayeredSpec
from common.architecture.kinds.layers import Linear
from common.errors import SpaceError, SpecError
from common.jobs import NodeReport
from common.limits import NO_LIMITS, Limits, needs_of
from common.seeding import generator
from common.tasks import Classification, Task
from server_app.capacity import Reach, broken_by, excess_of_most, excess_of_node
from server_app.objectives.accuracy import Accuracy
from server_app.registry import load_choice
from server_app.roster import Roster
from server_app.spaces.listed import ListedSpace
from server_app.trials import Recipe, Trial

TASK = Task((100,), Classification(3))
SPEC = LayeredSpec((Linear(1000),))


@pytest.mark.parametrize(
    ("batch_size", "held", "fits"), [(32, 50_000, True), (50_000, 32, True), (50_000, 50_000, False)]
)
def test_a_mini_batch_is_never_larger_than_what_a_node_has(batch_size, held, fits):
    few, all_of_it = (needs_of(SPEC, TASK, Recipe(batch_size=size)).memory_mb for size in (32, 50_000))
    assert few < all_of_it
    roster = Roster()
    limits = Limits(max_memory_mb=few)
    roster.admit(1, NodeReport("a", [100], TASK.head, held, 2, 1, 512, "cpu", limits=limits, num_test=3))
    reason = excess_of_node(roster, TASK)("a", Trial(0, SPEC, Recipe(batch_size=batch_size)))
    assert (reason == "") is fits


# ---------------------------------------------------------------- anything at all

BATCH, PLAIN = LayeredSpec((Linear(8, norm="batch"),)), LayeredSpec((Linear(9, norm="none"),))
"""Of 100 features: the first has fewer MACs, the other fewer parameters, but for the norm's."""
FEW = Task((4,), Classification(3))


def listed(*specs, **constraints):
    return ListedSpace(FEW, ListedSpace.Options(specs=[spec.to_dict() for spec in specs], **constraints))


def reach_of(space, recipe=Recipe()):  # noqa: B008 - frozen
    return Reach(space, recipe, generator(0))


def test_limits_that_allow_one_spec_are_wide_enough():
    """Widths 8 and 9: 7 w MACs; 8 w + 3 parameters, and 2 w more of a norm."""
    reach = reach_of(listed(BATCH, PLAIN))
    assert (needs_of(BATCH, FEW, Recipe()).macs, needs_of(PLAIN, FEW, Recipe()).parameters) == (56, 75)
    assert needs_of(BATCH, FEW, Recipe()).parameters == 83
    for limits in (NO_LIMITS, Limits(max_macs=56), Limits(max_parameters=75), Limits(83, 56)):
        assert reach.excess(limits) == ""
    assert reach.excess(Limits(max_macs=55)) == (
        "the node takes 55 MACs an example at most (max-macs), and the least that was found needs 56"
    )
    assert "takes 74 parameters at most (max-params), and the least that was found needs 75" in reach.excess(Limits(74))
    # either limit allows one of the two specs, and both together none
    assert "at most (max-" in reach.excess(Limits(75, 56))


def test_what_breaks_the_spaces_own_constraints_does_not_count():
    tight = reach_of(listed(BATCH, PLAIN, max_parameters=80))
    assert tight.excess(Limits(max_macs=62)) != ""
    assert tight.excess(Limits(max_macs=63)) == ""


def test_a_space_that_holds_nothing_is_no_fault_of_a_node():
    assert reach_of(listed(BATCH, PLAIN, max_parameters=1)).excess(Limits(max_parameters=1)) == ""


def test_memory_is_that_of_the_recipe_that_needs_most():
    large = Recipe(batch_size=50_000)
    little = needs_of(PLAIN, FEW, Recipe()).memory_mb
    assert needs_of(PLAIN, FEW, large).memory_mb > little
    assert reach_of(listed(PLAIN)).excess(Limits(max_memory_mb=little)) == ""
    assert "MiB of memory at most (max-memory-mb)" in reach_of(listed(PLAIN), large).excess(
        Limits(max_memory_mb=little)
    )


def test_it_finds_something_exactly_where_a_search_would():
    """Limits of all sizes, in any order; the space is too large to list."""
    task, cls = Task((2, 9, 7), Classification(3)), load_choice("space", "layered")
    reach = Reach(cls(task), Recipe(), generator(7, "draw"))
    verdicts = []
    for exponent in (20, 4, 9, 7, 8, 6):
        limits, space = Limits(max_parameters=2**exponent), cls(task)
        space.excess = lambda spec, limits=limits: limits.exceeded(needs_of(spec, task, Recipe()))
        try:
            space.sample(generator(7, "draw"))
            found = True
        except SpaceError:
            found = False
        assert (reach.excess(limits) == "") is found
        verdicts.append(found)
    assert set(verdicts) == {True, False}


def test_no_more_is_drawn_than_the_limits_ask_for():
    space, drawn = listed(BATCH, PLAIN), []
    draw = space._draw
    space._draw = lambda rng: drawn.append(1) or draw(rng)
    reach = reach_of(space)
    for _ in range(100):
        assert reach.excess(NO_LIMITS) == ""
    assert len(drawn) == 1


# ---------------------------------------------------------------- most of the nodes


def test_a_spec_needs_so_many_of_each_group_and_not_all_of_them():
    """Width 9 needs 75 parameters, width 8 with its norm 83."""
    limits = {"a": Limits(80), "b": Limits(80), "c": NO_LIMITS, "d": Limits(10)}

    def excess(spec, *groups):
        return excess_of_most(limits, FEW, Recipe(), groups)(spec)

    assert excess(PLAIN, ("abcd", 3)) == excess(PLAIN, ("abc", 3), ("c", 1)) == ""
    assert excess(PLAIN, ("abcd", 4)).startswith("3 of 4 nodes can hold it, of the 4 it takes: the node takes 10 para")
    assert excess(BATCH, ("abcd", 1)) == ""
    assert excess(BATCH, ("abcd", 2)).startswith("1 of 4 nodes can hold it, of the 2 it takes: ")
    assert excess(BATCH, ("abcd", 1), ("ab", 1)).startswith("0 of 2 nodes can hold it, of the 1 it takes: ")
    assert excess(PLAIN) == excess(PLAIN, ("a", 5)) == "", "where nodes are missing it is no fault of the spec"


# ---------------------------------------------------------------- hard constraints


def test_a_constraint_is_no_limit_of_a_node_and_is_told_as_what_it_is():
    """Width 9 takes 7 x 9 = 63 MACs."""
    space = listed(PLAIN)
    objectives = Accuracy(FEW.head, Accuracy.Options(constraints={"macs": {"max": 62}}))
    space.broken = broken_by(objectives, FEW, Recipe())
    with pytest.raises(SpecError) as caught:
        space.check(PLAIN)
    assert str(caught.value) == (
        "A proposal must keep objective.constraints: macs must be 62 at most, and is 63. Loosen objective.constraints."
    )
