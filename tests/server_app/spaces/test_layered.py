import itertools
import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.architecture.cost import cost_of
from common.architecture.kinds.layered import LayeredSpec
from common.architecture.kinds.layers import LAYERS, AvgPool, Conv1d, Conv2d, Linear, MaxPool, Weighted
from common.architecture.spec import ArchitectureSpec
from common.errors import SpaceError, SpecError
from common.seeding import generator
from common.tasks import Classification, Task
from server_app.spaces.layered import LayeredSpace
from server_app.spaces.layered_options import Mutation

VECTOR = Task((32,), Classification(10))
SEQUENCE = Task((9, 128), Classification(6))
IMAGE = Task((1, 8, 8), Classification(10))
SEEDS = st.integers(0, 2**32 - 1)
OF_TIME, OF_IMAGES = ({f"conv{axes}", f"separable_conv{axes}", f"branches{axes}"} for axes in ("1d", "2d"))

TINY = LayeredSpace.Options(
    min_layers=0,
    max_layers=2,
    operations=["linear", "conv2d", "max_pool"],
    width=[2, 4],
    kernel=[3],
    stride=[1],
    activation=["relu", "tanh"],
    norm=["none"],
    dropout=0.0,
    skip=0.5,
    pool_kernel=[2],
    reduce=["flatten", "avg"],
    max_parameters=None,
    max_macs=None,
)
TUTORIAL = LayeredSpace.Options(
    min_layers=1,
    max_layers=4,
    operations=["linear"],
    width=[32, 64, 128],
    activation=["relu"],
    norm=["none"],
    dropout={"low": 0.0, "high": 0.5},
    skip=0.0,
    mutation=Mutation(fields=["width"], insert={"dropout": {"low": 0.0, "high": 0.3}}),
    max_parameters=None,
    max_macs=None,
)


def enumerate_tiny():
    """All specs of the tiny space for images, by brute force."""

    def layers(op, index):
        if op == "max_pool":
            return [MaxPool(2)]
        cls = LAYERS[op]
        return [
            cls(width, activation=activation, norm="none", skip=skip)
            for width in (2, 4)
            for activation in ("relu", "tanh")
            for skip in (None, *range(-1, index))
        ]

    for depth in range(3):
        for ops in itertools.product(("linear", "conv2d", "max_pool"), repeat=depth):
            if list(ops) == sorted(ops, key=lambda op: op == "linear"):
                for chain in itertools.product(*(layers(op, index) for index, op in enumerate(ops))):
                    for reduce in ("flatten", "avg"):
                        yield LayeredSpec(chain, reduce)


# ---------------------------------------------------------------- draws


@pytest.mark.parametrize(
    ("task", "expected"),
    [
        (VECTOR, {"linear"}),
        (SEQUENCE, {"linear", "max_pool", "avg_pool", "log_energy", "attention", "gru", *OF_TIME}),
        (IMAGE, {"linear", "max_pool", "avg_pool", "attention", *OF_IMAGES}),
    ],
)
def test_draws_use_all_operations_that_work_on_the_task_and_no_others(task, expected):
    space, rng = LayeredSpace(task, LayeredSpace.Options(operations=list(LAYERS))), generator(0)
    seen = [layer for _ in range(200) for layer in space.sample(rng).layers]
    assert {layer.op for layer in seen} == expected


@pytest.mark.parametrize("task", [VECTOR, SEQUENCE, IMAGE])
def test_most_draws_of_the_default_space_are_legal(task):
    space, rng = LayeredSpace(task), generator(0)
    assert sum(space.contains(space._draw(rng)) for _ in range(300)) > 200


def test_depths_and_skips_are_drawn_as_asked():
    space, rng = LayeredSpace(VECTOR, replace(TUTORIAL, skip=0.3)), generator(0)
    specs = [space.sample(rng) for _ in range(2000)]
    for depth in (1, 2, 3, 4):
        share = sum(len(spec.layers) == depth for spec in specs) / 2000
        assert abs(share - 1 / 4) < 5 * math.sqrt(1 / 4 * 3 / 4 / 2000)
    layers = [layer for spec in specs for layer in spec.layers]
    share = sum(layer.skip is not None for layer in layers) / len(layers)
    assert abs(share - 0.3) < 5 * math.sqrt(0.3 * 0.7 / len(layers))


def test_the_same_generator_draws_the_same_specs(spaces):
    for space in spaces:
        first, again = ([space.sample(rng) for _ in range(5)] for rng in (generator(3), generator(3)))
        assert first == again


def test_every_spec_of_a_tiny_space_is_drawn():
    space, rng = LayeredSpace(IMAGE, replace(TINY, width=[2], activation=["relu"])), generator(0)
    missing = {spec for spec in enumerate_tiny() if space.contains(spec)}
    assert len(missing) > 20
    for _ in range(5000):
        missing.discard(space._draw(rng))
        if not missing:
            break
    assert not missing


# ---------------------------------------------------------------- constraints and membership


def test_constraints_hold_and_bind():
    free = LayeredSpace(IMAGE, replace(LayeredSpace.Options(), max_parameters=None, max_macs=None))
    tight = LayeredSpace(IMAGE, replace(LayeredSpace.Options(), max_parameters=4000, max_macs=60_000))
    rng = generator(0)
    costs = [cost_of(tight.sample(rng).lower(IMAGE)) for _ in range(100)]
    assert all(cost.parameters <= 4000 and cost.macs <= 60_000 for cost in costs)
    costs = [cost_of(free.sample(rng).lower(IMAGE)) for _ in range(100)]
    assert any(cost.parameters > 4000 for cost in costs)
    assert any(cost.macs > 60_000 for cost in costs)


def test_a_space_without_anything_legal_says_so():
    space = LayeredSpace(VECTOR, replace(TUTORIAL, max_parameters=10))
    with pytest.raises(SpaceError, match=r"must hold something legal.*The space allows 10 parameters"):
        space.sample(generator(0))


def test_a_space_without_an_operation_for_the_task_says_so():
    with pytest.raises(SpaceError, match=r"works on a vector, got \['conv2d', 'max_pool'\]. Put one of linear into"):
        LayeredSpace(VECTOR, replace(TINY, operations=["conv2d", "max_pool"]))


FOREIGN = [
    ((Linear(8, norm="none"),), "Layer 0: the space offers width 2, 4, got 8"),
    ((Linear(2, norm="group"),), "Layer 0: the space offers norm none, got 'group'"),
    ((Linear(2, norm="none", dropout=0.1),), "Layer 0: the space offers dropout 0.0, got 0.1"),
    ((MaxPool(2), Conv2d(2, kernel=5, norm="none")), "Layer 1: the space offers kernel 3, got 5"),
    ((Conv2d(2, stride=2, norm="none"),), "Layer 0: the space offers stride 1, got 2"),
    ((MaxPool(3),), "Layer 0: the space offers pool_kernel 2, got 3"),
    ((MaxPool(2, 1),), "Layer 0: the space offers stride 2, got 1"),
    ((AvgPool(2),), "Layer 0: the space offers linear, conv2d, max_pool, got 'avg_pool'"),
    ((MaxPool(2),) * 3, "The space holds specs of 0 to 2 layers, got 3"),
    ((Linear(2, norm="none"), MaxPool(2)), "Layer 1: max_pool works on"),
]


@pytest.mark.parametrize(("layers", "message"), FOREIGN)
def test_a_spec_of_another_space_is_refused_with_the_reason(layers, message):
    space = LayeredSpace(IMAGE, TINY)
    with pytest.raises(SpecError, match=message):
        space.check(LayeredSpec(layers))
    assert not space.contains(LayeredSpec(layers))


def test_skips_and_reductions_that_are_not_offered_are_refused():
    space = LayeredSpace(IMAGE, replace(TINY, skip=0.0, reduce=["avg"]))
    with pytest.raises(SpecError, match="Layer 0: the space offers skip None, got -1"):
        space.check(LayeredSpec((Linear(2, norm="none", skip=-1),), "avg"))
    with pytest.raises(SpecError, match="The spec: the space offers reduce avg, got 'flatten'"):
        space.check(LayeredSpec((Linear(2, norm="none"),), "flatten"))


# ---------------------------------------------------------------- mutation and crossover


@given(seed=SEEDS)
@settings(max_examples=60)
def test_mutants_are_legal_and_differ(spaces, seed):
    rng = generator(seed)
    for space in spaces:
        spec = space.sample(rng)
        mutant = space.mutate(spec, rng)
        assert mutant != spec
        assert space.contains(mutant)
        assert abs(len(mutant.layers) - len(spec.layers)) <= 1


@given(seed=SEEDS)
@settings(max_examples=60)
def test_children_are_legal_and_made_of_their_parents(spaces, seed):
    rng = generator(seed)
    for space in spaces:
        a, b = space.sample(rng), space.sample(rng)
        child = space.crossover(a, b, rng)
        assert space.contains(child)
        assert child.reduce in (a.reduce, b.reduce)
        plain, of_a, of_b = ([without_skip(layer) for layer in spec.layers] for spec in (child, a, b))
        assert any(plain == of_a[:end] + of_b[start:] for end in range(len(of_a) + 1) for start in range(len(of_b) + 1))


def without_skip(layer):
    return replace(layer, skip=None) if isinstance(layer, Weighted) else layer


def test_most_children_differ_from_both_parents():
    space, rng = LayeredSpace(IMAGE), generator(0)
    differ = 0
    for _ in range(100):
        a, b = space.sample(rng), space.sample(rng)
        differ += space.crossover(a, b, rng) not in (a, b)
    assert differ > 80


def test_mutations_add_remove_and_modify_each_field_that_has_a_choice():
    space, rng = LayeredSpace(IMAGE), generator(0)
    spec = LayeredSpec((Conv2d(16, kernel=3, dropout=0.1), MaxPool(2), Linear(32, dropout=0.1)), "avg")
    depths, changed = set(), set()
    for _ in range(600):
        mutant = space.mutate(spec, rng)
        depths.add(len(mutant.layers))
        if len(mutant.layers) == 3:
            values = spec.to_dict(), mutant.to_dict()
            changed.add(("reduce",) if values[0]["reduce"] != values[1]["reduce"] else difference(*values))
    assert depths == {2, 3, 4}
    assert changed == {
        ("reduce",),
        *((0, name) for name in ("width", "kernel", "stride", "activation", "norm", "dropout", "skip")),
        (1, "kernel"),
        *((2, name) for name in ("width", "activation", "norm", "dropout", "skip")),
    }


def difference(spec, mutant):
    """Index and field of the one change; pooling's stride follows its kernel."""
    changes = [
        (index, name)
        for index, (old, new) in enumerate(zip(spec["layers"], mutant["layers"], strict=True))
        for name in old
        if old[name] != new[name] and not (old["op"] == "max_pool" and name == "stride")
    ]
    (change,) = changes
    return change


def test_the_tutorials_mutations():
    """Modify changes widths only, and an inserted layer has less dropout than a sampled one may have."""
    space, rng = LayeredSpace(VECTOR, TUTORIAL), generator(0)
    spec = LayeredSpec((Linear(32, norm="none", dropout=0.45), Linear(64, norm="none", dropout=0.4)))
    inserted = []
    for _ in range(300):
        mutant = space.mutate(spec, rng)
        if len(mutant.layers) == 2:
            assert [layer.dropout for layer in mutant.layers] == [0.45, 0.4]
            assert sum(old.width != new.width for old, new in zip(spec.layers, mutant.layers, strict=True)) == 1
        elif len(mutant.layers) == 3:
            (layer,) = set(mutant.layers) - set(spec.layers)
            inserted.append(layer.dropout)
    assert max(inserted) <= 0.3
    assert max(inserted) > 0.25
    assert max(layer.dropout for _ in range(300) for layer in space.sample(rng).layers) > 0.45


def test_choices_are_what_draws_have():
    space = LayeredSpace(Task((3, 21), Classification(4)))
    choices = space.choices()
    assert set(choices) >= {"layers", "operations", "width", "kernel", "pool_kernel", "bands", "skip", "reduce", "join"}
    rng = generator(0, "choices")
    seen = {name: set() for name in choices}
    for _ in range(300):
        spec = space.sample(rng)
        seen["layers"].add(len(spec.layers))
        seen["operations"] |= {layer.op for layer in spec.layers}
        seen["reduce"].add(spec.reduce)
        seen["join"].add(spec.join)
        seen["width"] |= {layer.width for layer in spec.layers if isinstance(layer, Weighted)}
    for name in ("layers", "operations", "width", "join"):
        assert seen[name] == set(choices[name].values)
    assert seen["reduce"] == {*choices["reduce"].values, "flatten"}  # a front end leaves nothing to reduce
    vector = LayeredSpace(Task((5,), Classification(2))).choices()
    assert not {"kernel", "pool_kernel", "bands", "reduce", "join", "normalise"} & set(vector)
    options = LayeredSpace.Options(normalise=["none", "example"])
    assert LayeredSpace(Task((3, 21), Classification(4)), options).choices()["normalise"].values == ("none", "example")


def test_where_nothing_can_change_a_mutation_is_a_fresh_sample():
    options = replace(TUTORIAL, min_layers=2, max_layers=2, width=[8], mutation=Mutation(fields=["width"]))
    space, rng = LayeredSpace(VECTOR, options), generator(0)
    spec = space.sample(rng)
    mutant = space.mutate(spec, rng)
    assert mutant != spec
    assert space.contains(mutant)


# ---------------------------------------------------------------- size and encoding


def test_size_counts_what_brute_force_finds():
    found = set(enumerate_tiny())
    space = LayeredSpace(IMAGE, TINY)
    assert space.size() == len(found)
    for spec in found:
        space._check_membership(spec)


def test_the_list_is_what_brute_force_finds_from_shallow_to_deep():
    found = list(LayeredSpace(IMAGE, TINY).enumerate())
    assert set(found) == set(enumerate_tiny())
    depths = [len(spec.layers) for spec in found]
    assert depths == sorted(depths)
    assert found[:2] == [LayeredSpec((), "flatten"), LayeredSpec((), "avg")]


def test_size_of_vector_spaces():
    one = 3 * 2  # widths x activations
    options = replace(TUTORIAL, activation=["relu", "gelu"], dropout=[0.0], mutation=Mutation())
    assert LayeredSpace(VECTOR, options).size() == one + one**2 + one**3 + one**4
    with_skips = replace(options, max_layers=2, skip=0.1)
    assert LayeredSpace(VECTOR, with_skips).size() == (one * 2) + (one * 2) * (one * 3)
    assert LayeredSpace(VECTOR, TUTORIAL).size() == math.inf


def test_size_where_only_some_chains_exist():
    pools = replace(TINY, operations=["max_pool"], dropout={"low": 0.0, "high": 0.5})
    assert LayeredSpace(IMAGE, pools).size() == 3 * 2  # 0, 1 or 2 of them, times reduce
    assert LayeredSpace(IMAGE, replace(pools, operations=["conv2d"])).size() == math.inf
    assert LayeredSpace(IMAGE, replace(pools, max_layers=0)).size() == 2


def test_encodings_of_a_whole_space_differ_pairwise():
    space = LayeredSpace(IMAGE, TINY)
    found = list(enumerate_tiny())
    rows = np.array([space.encode(spec) for spec in found])
    assert len(np.unique(rows, axis=0)) == len(found)
    assert rows.min() == 0
    assert rows.max() == 1


@given(seed=SEEDS)
@settings(max_examples=30)
def test_encodings_differ_where_specs_do(spaces, seed):
    rng = generator(seed)
    for space in spaces:
        specs = {space.sample(rng)}
        for _ in range(10):
            specs.add(space.mutate(next(iter(specs)), rng))
        rows = np.array([space.encode(spec) for spec in specs])
        assert np.isfinite(rows).all()
        assert len(np.unique(rows, axis=0)) == len(specs)


def test_a_spec_of_another_space_has_no_encoding():
    with pytest.raises(SpecError, match="Layer 0: the space offers width"):
        LayeredSpace(VECTOR, TUTORIAL).encode(LayeredSpec((Linear(7, norm="none"),)))


class Foreign(ArchitectureSpec):
    """A spec of another kind."""

    kind = "foreign"
    describe = lower = _lower = to_values = from_values = None


def test_specs_of_another_kind_do_not_belong():
    space = LayeredSpace(Task((5,), Classification(3)))
    assert not space.contains(Foreign())
    with pytest.raises(SpecError, match="holds layered specs, got 'foreign'"):
        space.check(Foreign())


# ---------------------------------------------------------------- layers that came later

LATER = LayeredSpace.Options(
    max_layers=2,
    operations=["conv1d", "attention", "gru", "branches1d", "separable_conv1d", "log_energy"],
    width=[4],
    kernel=[1, 3],
    stride=[1],
    activation=["relu"],
    norm=["none"],
    dropout=0.0,
    skip=0.5,
    merge=["add", "concat"],
    dilation=[1, 2, 4],
    squeeze_excite=[None, 2],
    kernels=[[1, 3], [3, 5]],
    heads=[1, 2],
    patch=[1, 2],
    bands=[2],
    reduce=["avg"],
    normalise=["none", "example"],
    max_parameters=None,
    max_macs=None,
)


def count_later():
    """Of layers at places 0 and 1: a skip has 1 or 2 sources, each in 2 ways, or none; kernel 1 has no dilation."""
    of_convolution, of_branches, of_attention, of_gru = (1 + 3) * 2, 2 * 2, 2 * 2, 1
    each = 2 * of_convolution + of_branches + of_attention + of_gru
    first, second = each * (1 + 1 * 2), each * (1 + 2 * 2)
    return (first + first * second + 1) * 2  # or a front end alone; the input normalised or not


def test_fields_that_play_no_part_are_counted_and_listed_once():
    space = LayeredSpace(SEQUENCE, LATER)
    found = list(space.enumerate())
    assert len(found) == len(set(found)) == space.size() == count_later()
    assert all(map(space.contains, found[::7]))
    rows = np.array([space.encode(spec) for spec in found])
    assert len(np.unique(rows, axis=0)) == len(found)
    assert (rows.min(), rows.max()) == (0, 1)


def test_all_of_it_is_drawn_and_reached_by_mutations():
    space, rng = LayeredSpace(SEQUENCE, replace(LATER, max_layers=1)), generator(0)
    legal = set(space.legal())
    assert {space._draw(rng) for _ in range(6000)} == legal
    # operations change by insertion and removal, which needs a second layer
    space = LayeredSpace(SEQUENCE, replace(LATER, kernels=[[1, 3]], heads=[1], patch=[1], squeeze_excite=[None]))
    legal = {spec for spec in space.legal() if len(spec.layers) == 1}
    reached, waiting = {next(iter(legal))}, [next(iter(legal))]
    while waiting:
        spec = waiting.pop()
        new = {space._mutant(spec, rng) for _ in range(300)} - reached
        new = {mutant for mutant in new if space.contains(mutant)}
        reached |= new
        waiting += [mutant for mutant in new if len(mutant.layers) == 1 or len(reached) < 200]
    assert legal <= reached


def test_what_a_mutation_wakes_is_offered():
    """A skip that comes into being is merged as the space has it, and a kernel that grows is dilated so."""
    options = replace(LATER, operations=["conv1d"], merge=["concat"], dilation=[2, 4], max_layers=1)
    space, rng = LayeredSpace(SEQUENCE, options), generator(0)
    spec = LayeredSpec((Conv1d(4, kernel=1, norm="none"),), "avg")
    space.check(spec)
    mutants = {space.mutate(spec, rng).layers[0] for _ in range(200)}
    assert {(layer.kernel, layer.dilation) for layer in mutants} == {(1, 1), (3, 2), (3, 4)}
    assert {(layer.skip, layer.merge) for layer in mutants} == {(None, "add"), (-1, "concat")}
    with pytest.raises(SpecError, match="Layer 0: the space offers merge concat, got 'add'"):
        space.check(LayeredSpec((Conv1d(4, kernel=1, norm="none", skip=-1),), "avg"))
    with pytest.raises(SpecError, match="The spec: the space offers normalise none, got 'example'"):
        LayeredSpace(SEQUENCE, replace(options, normalise=["none"])).check(replace(spec, normalise="example"))


def test_what_is_not_offered_has_a_nearest_that_is():
    space = LayeredSpace(SEQUENCE, replace(LATER, merge=["concat"], squeeze_excite=[2, 8], normalise=["none"]))
    spec = LayeredSpec((Conv1d(9, dilation=3, squeeze_excite=4, skip=-1),), "max", normalise="example")
    near = space.nearest(spec)
    layer = Conv1d(4, dilation=2, squeeze_excite=2, skip=-1, merge="concat", norm="none")
    assert near == LayeredSpec((layer,), "avg")
    space.check(near)


def test_vectors_are_not_normalised_by_example():
    space = LayeredSpace(VECTOR, LayeredSpace.Options(normalise=["example"]))
    assert space.sample(generator(0)).normalise == "none"


@pytest.mark.parametrize("op", ["attention", "gru", "branches1d", "separable_conv1d"])
def test_pooling_may_follow_each_layer_with_weights(op):
    space = LayeredSpace(SEQUENCE, replace(LATER, operations=[op, "max_pool"], begin="conv", skip=0.0))
    rng = generator(0)
    assert {space.sample(rng).layers[0].op for _ in range(20)} == {op}
