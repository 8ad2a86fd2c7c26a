"""What every search space must hold, in each of a few configurations."""

from __future__ import annotations

import itertools
import math
import re
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from common.architecture.kinds.cells import OPERATIONS
from common.architecture.kinds.constant import ConstantSpec
from common.architecture.kinds.layered import LayeredSpec
from common.architecture.kinds.layers import LAYERS, NORMS
from common.architecture.spec import ArchitectureSpec
from common.errors import ConfigError, SpaceError, SpecError
from common.seeding import generator
from common.tasks import Classification, Task
from server_app.combinations import mixes
from server_app.darts.discretization import strongest
from server_app.darts.mixture import Mixture
from server_app.registry import choices, load_choice
from server_app.spaces.beliefs import Beliefs
from server_app.spaces.table import Table
from server_app.spaces.tabular import TabularSpace
from tests.support.tables import sparse_table, table

CONF = Path(__file__).parents[2] / "conf" / "space"
SEQUENCE, IMAGE = Task((3, 21), Classification(4)), Task((2, 9, 7), Classification(3))
ALL_TASKS = (Task((5,), Classification(3)), SEQUENCE, IMAGE)
LISTED = {"specs": [ConstantSpec().to_dict(), LayeredSpec(()).to_dict()]}
FREE = {"max_parameters": None, "max_macs": None}


@dataclass(frozen=True)
class Case:
    """A space with options, and the tasks that it is tried on."""

    name: str
    options: dict[str, Any] = field(default_factory=dict)
    tasks: tuple[Task, ...] = (SEQUENCE, IMAGE)

    def space(self, task):
        cls = load_choice("space", self.name)
        return cls(task, cls.Options(**self.options))


@dataclass(frozen=True)
class OfTable(Case):
    """The space of a table, which is of no task."""

    name: str = "tabular"
    tasks: tuple[Task, ...] = (IMAGE,)
    table: Table = field(default_factory=table)

    def space(self, task):  # noqa: ARG002
        return TabularSpace(self.table, TabularSpace.Options(**self.options))


STACKS = {"cells": [3, 4], "channels": [2, 4], "norm": ["group", "batch"]}
PYRAMID = "tests.examples.pyramid:PyramidSpace"
LINEARS = [
    {
        "op": "linear",
        "width": [2, 4, 8],
        "activation": ["relu", "tanh"],
        "skip": [None, 1, 2],
        "merge": ["concat", "add"],
        "repeat": [1, 2],
    }
]
LINKS = {"skip": 0.5, "merge": ["add", "concat"], "squeeze_excite": [None, 4], "dilation": [1, 2]}
DEPTHS = [{"width": 4, "depth": [1, 2]}, {"width": [6, 8], "depth": [1, 3], "stride": 1}]
IMAGES = {
    key: value
    for key, value in yaml.safe_load((CONF / "examples" / "residual.yaml").read_text()).items()
    if key != "name"
}
CONDITIONED = {
    "choices": {"trunk": ["conv", "gru"], "deep": {"values": [True, False], "when": {"$trunk": "conv"}}},
    "layers": [
        {"op": "conv1d", "width": [4, 8], "repeat": [1, 2], "when": {"$trunk": "conv"}, "skip": [None, 1, 2]},
        {"op": "gru", "width": [4, 6], "when": {"$trunk": "gru"}, "dropout": [0.0, 0.1]},
        {"op": ["conv1d", "max_pool"], "width": 4, "repeat": [0, 2], "when": {"$deep": True}},
        {"op": "linear", "width": {"values": [8, 16, 32], "expected": 8, "confidence": 0.7}, "repeat": [0, 1]},
    ],
    "reduce": ["flatten", "avg"],
    "max_message_bytes": 8_000,
}
CASES = {
    "layered": Case("layered", tasks=ALL_TASKS),
    "layered, everything": Case("layered", {"operations": list(LAYERS), "norm": list(NORMS), **LINKS}, ALL_TASKS),
    "listed": Case("listed", LISTED, ALL_TASKS),
    "darts": Case("cell"),
    "darts, everything": Case(
        "cell", {**STACKS, **FREE, "nodes": 4, "operations": list(OPERATIONS), "stem_strides": 2}
    ),
    "nasbench201": Case("cell", {"form": "nasbench201"}),
    "nasbench201, no none": Case("cell", {**STACKS, "form": "nasbench201", "operations": ["skip", "conv3"]}),
    "mobile": Case("mobile"),
    "mobile, no identity": Case("mobile", {"blocks": ["mb1_k3", "mb3_k5"], "stages": DEPTHS, "stem_width": [4, 8]}),
    "own": Case("own", IMAGES, (IMAGE,)),
    "own, with conditions": Case("own", CONDITIONED, (SEQUENCE,)),
    "own, on vectors": Case("own", {"layers": LINEARS, "reduce": ["avg", "max"]}, ALL_TASKS[:1]),
    "python": Case(PYRAMID, {}, (IMAGE,)),
    "tight": Case("cell", {"max_parameters": 15_000, "max_macs": 250_000}),
    "tabular": OfTable(),
    "tabular, sparse": OfTable(table=sparse_table()),
    "tabular, tight": OfTable(options={"max_macs": 5_000}),
}
ONE_STACK = {**FREE, "cells": [3], "channels": [2]}
FEW_STAGES = [{"width": [2, 3], "depth": 2}, {"width": [2, 4], "stride": 2, "depth": 2}]
ONE_END = {**FREE, "stem_width": [2], "last_width": [0], "activation": ["relu"]}
TWICE = [{"op": "linear", "width": [2, 3], "repeat": [0, 1, 2]}, {"op": "linear", "width": [3, 4], "repeat": [1, 2]}]
SHARING = {
    "choices": {"width": [2, 3], "kind": {"values": ["conv2d", "max_pool"], "expected": "conv2d", "confidence": 0.8}},
    "layers": [
        {"op": "$kind", "width": "$width", "kernel": [{"values": [3, 5], "when": {"op": "conv2d"}}, {"values": 2}]},
        {"op": "conv2d", "width": 2, "skip": [None, 1, 2, 3], "merge": ["add", "concat"], "repeat": [0, 1]},
        {"op": "linear", "width": "$width", "when": {"$kind": "conv2d"}},
    ],
}
FINITE = {
    "darts": Case("cell", {**ONE_STACK, "nodes": 1, "operations": ["none", "skip", "conv3"], "cells": [3, 4]}),
    "darts, no none": Case("cell", {**ONE_STACK, "nodes": 2, "operations": ["skip"], "norm": ["batch", "group"]}),
    "nasbench201": Case("cell", {**ONE_STACK, "form": "nasbench201", "operations": ["none", "conv1"]}),
    "nasbench201, no none": Case(
        "cell", {**ONE_STACK, "form": "nasbench201", "operations": ["conv1", "skip"], "nodes": 2}
    ),
    "mobile": Case("mobile", {**ONE_END, "stages": FEW_STAGES, "blocks": ["identity", "mb2_k3"]}),
    "mobile, two stems": Case(
        "mobile",
        {**ONE_END, "stages": FEW_STAGES[:1], "blocks": ["mb2_k3", "identity", "mb1_k3"], "stem_width": [3, 2]},
    ),
    "mobile, no identity": Case("mobile", {**ONE_END, "stages": DEPTHS, "blocks": ["mb2_k3", "mb1_k3"]}),
    "own": Case("own", SHARING, (IMAGE,)),
    "python": Case(PYRAMID, {"depths": [1, 2], "widths": [4, 2], "kernels": [1, 3]}, (IMAGE,)),
    "own, made in two ways": Case("own", {"layers": TWICE}, ALL_TASKS[:1]),
}
SPACES = {(name, task.kind): case.space(task) for name, case in CASES.items() for task in case.tasks}
LISTS = {(name, task.kind): case.space(task) for name, case in FINITE.items() for task in case.tasks}
SEEDS = st.integers(0, 2**32 - 1)


@pytest.fixture(params=SPACES, ids=" on ".join, scope="module")
def space(request):
    return SPACES[request.param]


@pytest.fixture(params=LISTS, ids=" on ".join, scope="module")
def finite(request):
    return LISTS[request.param]


def test_each_space_is_tested():
    assert {case.name for case in CASES.values()} == {*choices("space"), PYRAMID}


@pytest.mark.parametrize("name", ["cell", "mobile"])
def test_a_file_has_all_options_with_their_defaults(name):
    text = (CONF / f"{name}.yaml").read_text()
    values = yaml.safe_load(text)
    assert values.pop("name") == name
    options = load_choice("space", name).Options
    assert set(values) == {option.name for option in fields(options)}
    defaults = options()
    # null may stand for what goes by the form or the data
    assert {option: getattr(defaults, option) for option in values} == values
    assert all("#" in line for line in text.splitlines() if not line.startswith("name:"))


@pytest.mark.parametrize(("name", "kind"), SPACES, ids=lambda value: value)
def test_what_there_is_to_choose_from_is_told_by_names_of_the_file(name, kind):
    space = SPACES[name, kind]
    options, told = {option.name for option in fields(space.Options)}, space.choices()
    roots = {"choices" if each.startswith("$") else re.split("[. ]", each)[0] for each in told}
    assert roots <= {*options, *({"layers"} if "max_layers" in options else ())}  # between two options of the file
    assert roots
    assert all(domain.size >= 1 for domain in told.values())


@given(seed=SEEDS)
@settings(max_examples=10)
def test_all_that_is_drawn_is_legal(space, seed):
    rng = generator(seed)
    a, b = space.sample(rng), space.sample(rng)
    mutant, child = space.mutate(a, rng), space.crossover(a, b, rng)
    for spec in (a, b, mutant, child):
        space.check(spec)
    assert mutant != a
    for name in ("max_parameters", "max_macs", "max_message_bytes"):
        limit = getattr(space, name)
        assert limit is None or getattr(space.cost(mutant), name.removeprefix("max_")) <= limit


@given(seed=SEEDS)
@settings(max_examples=10)
def test_the_same_generator_draws_the_same(space, seed):
    def drawn(rng):
        a, b = space.sample(rng), space.sample(rng)
        return a, b, space.mutate(a, rng), space.crossover(a, b, rng)

    assert drawn(generator(seed)) == drawn(generator(seed))


@given(seed=SEEDS)
@settings(max_examples=10)
def test_equal_specs_and_no_others_have_one_encoding_and_one_id(space, seed):
    rng = generator(seed)
    first = space.sample(rng)
    specs = [first, space.sample(rng), space.mutate(first, rng), ArchitectureSpec.from_json(first.to_json())]
    encodings = [space.encode(spec) for spec in specs]
    assert {(row.shape, row.dtype) for row in encodings} == {(encodings[0].shape, np.dtype(np.float64))}
    assert all(np.isfinite(row).all() for row in encodings)
    for one, other in itertools.combinations(range(len(specs)), 2):
        same = specs[one] == specs[other]
        assert np.array_equal(encodings[one], encodings[other]) == same
        assert (specs[one].id == specs[other].id) == same


class Answering:
    """Gives answers, and keeps what was asked; an answer that is not offered, or asked for twice, is a mistake."""

    def __init__(self, answer):
        self.answer, self.given = answer, {}

    def __call__(self, name, domain):
        assert name not in self.given
        self.given[name] = self.answer(name, domain)
        assert self.given[name] in domain
        return self.given[name]


@given(seed=SEEDS)
@settings(max_examples=10)
def test_the_answers_of_a_spec_make_it(space, seed):
    rng = generator(seed)
    a, b = space.sample(rng), space.sample(rng)
    for spec in (a, b, space.mutate(a, rng), space.crossover(a, b, rng)):
        answers = space.answers(spec)
        ask = Answering(lambda name, domain: answers[name])  # noqa: ARG005, B023 - called at once
        assert space.made(ask) == spec
        assert list(ask.given) == list(answers), "no question is left out, and they are asked in this order"


@given(seed=SEEDS)
@settings(max_examples=10)
def test_whatever_is_answered_makes_something_legal_or_is_refused(space, seed):
    rng = generator(seed)
    ask = Answering(lambda name, domain: domain.draw(rng))  # noqa: ARG005
    try:
        spec = space.made(ask)
    except SpecError:
        return
    assert space.contains(spec)
    answers = space.answers(spec)  # perhaps others, of what can be made in several ways
    assert space.made(lambda name, domain: answers[name]) == spec  # noqa: ARG005


@given(seed=SEEDS)
@settings(max_examples=10)
def test_a_network_of_all_options_comes_to_networks_of_the_space_that_grow_within_it(space, seed):
    """Whatever is likely in it; limits on what is proposed are not its own."""
    if not mixes(type(space)):
        with pytest.raises(ConfigError, match="needs a space with a network of all its options"):
            space.mixed()
        assert space.larger(space.sample(generator(seed))) == ()
        return
    mixed = space.mixed()
    assert space.cost(mixed).parameters >= 0
    alphas = generator(seed).normal(size=mixed.num_alphas).astype(np.float32)
    for chosen in itertools.islice(strongest(Mixture.of(mixed, alphas, 1.0)), 5):
        try:
            spec = mixed.plain(chosen)
        except SpecError:
            continue  # a cell that leads nowhere
        space._check_membership(spec)
        for larger in space.larger(spec):
            if larger is not None:
                space._check_membership(larger)
                assert larger.id != spec.id
                assert space.cost(larger).parameters >= space.cost(spec).parameters


def test_what_an_expert_expects_is_drawn_more_often(request, space):
    """With a confidence of 0.8 the value that is drawn least of all is drawn most, where constraints leave it be."""
    request.addfinalizer(lambda: setattr(space, "beliefs", Beliefs()))  # others use it too
    rng, met = generator(0), {}
    for _ in range(60):
        for name, value in space.answers(space.sample(rng)).items():
            met.setdefault(name, []).append(value)
    name, values = max(met.items(), key=lambda pair: (len(pair[1]), len(set(pair[1]))))
    if space.size() < 10 or len(set(values)) < 2:
        return
    rarest = min(set(values), key=lambda value: (values.count(value), str(value)))
    space.beliefs = Beliefs({name: rarest}, 0.8)
    drawn = [space.answers(space.sample(rng)).get(name) for _ in range(60)]
    assert drawn.count(rarest) > 2 * values.count(rarest) or drawn.count(rarest) > 30


@given(seed=SEEDS)
@settings(max_examples=10)
def test_what_belongs_is_the_nearest_to_itself(space, seed):
    spec = space.sample(generator(seed))
    assert space.nearest(spec) == spec


def test_mutations_lead_on(space):
    """A walk of mutations meets many specs, where there are many."""
    rng = generator(0)
    spec, met = space.sample(rng), set()
    for _ in range(30):
        spec = space.mutate(spec, rng)
        met.add(spec)
    assert len(met) >= min(15, space.size())


def test_a_child_has_something_of_each_parent_where_they_differ(space):
    rng = generator(0)
    pairs = [(space.sample(rng), space.sample(rng)) for _ in range(30)]
    new = [(a, b) for a, b in pairs if space.crossover(a, b, rng) not in (a, b)]
    assert len(new) >= 10 or space.size() < 10


def test_what_is_of_another_kind_is_refused(space):
    foreign = ConstantSpec() if space.sample(generator(0)).kind != "constant" else LayeredSpec(())
    if foreign in getattr(space, "specs", ()):
        return
    with pytest.raises(SpecError):
        space.check(foreign)
    assert space.nearest(foreign) == foreign


def test_another_is_none_of_those_that_were_tried(space):
    rng = generator(0, "other")
    taken = {space.sample(rng) for _ in range(20)}
    for _ in range(10):
        other = space.sample_other(taken, rng)
        assert other not in taken
        if other is None:
            assert taken == set(space.legal())
            break
        taken.add(other)


def test_limits_that_are_told_later_hold_for_all_that_is_drawn(request, space):
    first = space.sample(generator(0))
    request.addfinalizer(lambda: setattr(space, "excess", lambda spec: ""))  # noqa: ARG005 - others use it too
    space.excess = lambda spec: "" if spec == first else "too large for a node"
    if space.size() <= 100:  # to check a long list takes seconds
        assert {space.sample(generator(seed)) for seed in range(3)} == {first}
    space.excess = lambda spec: "too large for a node"  # noqa: ARG005
    reasons = [str(reason) for _, reason in itertools.islice(space.draws(generator(0)), 30)]
    assert "None" not in reasons
    assert any("too large for a node" in reason for reason in reasons)


# ---------------------------------------------------------------- lists


def test_each_spec_that_is_counted_is_listed_once(finite):
    found = list(finite.enumerate())
    assert len(found) == len(set(found)) == len({spec.id for spec in found}) == finite.size()
    assert found == list(finite.enumerate())
    for spec in found:
        finite._check_membership(spec)
    encodings = {tuple(finite.encode(spec)) for spec in found}
    assert len(encodings) == len(found)
    answers = {tuple(finite.answers(spec).items()) for spec in found}
    assert len(answers) == len(found)


@given(seed=SEEDS)
@settings(max_examples=10)
def test_all_that_is_drawn_is_on_the_list(finite, seed):
    rng, listed = generator(seed), set(finite.enumerate())
    a, b = finite.sample(rng), finite.sample(rng)
    assert {a, b, finite.mutate(a, rng), finite.crossover(a, b, rng)} <= listed


def test_mutations_reach_all_that_is_on_the_list(finite):
    rng, listed = generator(0), set(finite.enumerate())
    reached = frontier = {finite.sample(rng)}
    while frontier:
        frontier = {finite.mutate(spec, rng) for spec in frontier for _ in range(30)} - reached
        reached = reached | frontier
    assert reached == listed


def test_a_large_space_is_listed_one_by_one_and_not_whole(space):
    if math.isinf(space.size()):
        with pytest.raises(SpaceError):
            space.enumerate()
    else:
        first = list(itertools.islice(space.enumerate(), 20))
        assert len(set(first)) == min(20, space.size())
