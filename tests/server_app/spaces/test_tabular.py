"""A space that is a table."""

import itertools

import numpy as np
import pytest

from common.architecture.cost import Cost
from common.architecture.kinds.layered import LayeredSpec
from common.architecture.kinds.tabular import TabularSpec
from common.errors import SpaceError, SpecError
from common.seeding import generator
from server_app.spaces.table import parse_table
from server_app.spaces.tabular import TabularSpace
from tests.support.tables import sparse_table, table, tabular_space


def differing(a, b):
    return sum(x != y for x, y in zip(a.key, b.key, strict=True))


def test_it_holds_the_keys_of_the_table():
    space = tabular_space()
    assert space.size() == 3**4
    assert [spec.key for spec in space.enumerate()] == list(map("".join, itertools.product("012", repeat=4)))


@pytest.mark.parametrize("spec", [TabularSpec("0123"), TabularSpec("000"), LayeredSpec()])
def test_what_is_not_in_the_table_is_refused(spec):
    with pytest.raises(SpecError, match="holds 81 architectures, and this is none of them"):
        tabular_space().check(spec)


def test_costs_are_those_of_the_table():
    # 0012 is 5 to the base 3; see tests/support/tables.py
    assert tabular_space().cost(TabularSpec("0012")) == Cost(15, 0, 500, 4 * 15)


def test_constraints_hold_for_all_that_is_drawn():
    space = tabular_space(max_parameters=15)
    allowed = {"0000", "0001", "0002", "0010", "0011", "0012"}
    rng = generator(0)
    drawn = [space.sample(rng) for _ in range(100)]
    assert {spec.key for spec in drawn} == allowed
    assert {space.mutate(spec, rng).key for spec in drawn} == allowed


def test_a_limit_on_a_cost_that_nobody_tells_is_refused():
    with pytest.raises(SpaceError, match="must tell its flops, got 5"):
        TabularSpace(parse_table('{"0": {"test_acc": [1], "params": 3}}'), TabularSpace.Options(max_macs=5))


def test_a_mutation_changes_one_digit_and_every_neighbour_is_as_likely():
    # 8 neighbours; 4000 draws make 500 of each, deviation sqrt(4000 * 1/8 * 7/8) = 20.9
    space, rng, spec = tabular_space(), generator(0), TabularSpec("0121")
    mutants = [space.mutate(spec, rng) for _ in range(4000)]
    counts = {mutant: mutants.count(mutant) for mutant in set(mutants)}
    assert len(counts) == 8
    assert all(differing(spec, mutant) == 1 for mutant in counts)
    assert all(abs(count - 500) < 5 * 20.9 for count in counts.values())


def test_where_keys_are_missing_a_mutation_finds_the_neighbours_that_are_there():
    space, rng = TabularSpace(sparse_table()), generator(0)
    lonely = 0
    for spec in space.enumerate():
        near = {other for other in space.enumerate() if differing(spec, other) == 1}
        mutants = {space.mutate(spec, rng) for _ in range(20)}
        assert mutants <= near if near else mutants
        assert spec not in mutants
        lonely += not near
    assert 0 <= lonely < space.size()


def test_a_key_alone_has_another_key_as_its_mutant():
    space = TabularSpace(parse_table('{"00": {"test_acc": [1]}, "11": {"test_acc": [2]}}'))
    assert space.mutate(TabularSpec("00"), generator(0)) == TabularSpec("11")


def test_a_child_has_each_digit_of_one_parent():
    space, rng = tabular_space(), generator(0)
    children = {space.crossover(TabularSpec("0000"), TabularSpec("2121"), rng).key for _ in range(300)}
    assert children == set(map("".join, itertools.product("02", "01", "02", "01")))


def test_where_no_mix_is_there_the_child_is_a_parent():
    space, rng = TabularSpace(sparse_table()), generator(1)
    for _ in range(50):
        a, b = space.sample(rng), space.sample(rng)
        child = space.crossover(a, b, rng)
        assert space.contains(child)
        assert all(digit in pair for digit, *pair in zip(child.key, a.key, b.key, strict=True))


def test_digits_are_one_hot_one_after_the_other():
    space = TabularSpace(table(2, "012"))
    assert space.encode(TabularSpec("20")).tolist() == [0, 0, 1, 1, 0, 0]
    vectors = np.array([space.encode(spec) for spec in space.enumerate()])
    assert len(np.unique(vectors, axis=0)) == 9
