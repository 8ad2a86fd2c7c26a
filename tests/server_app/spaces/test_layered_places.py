"""Where layers may stand: beginnings and front ends, and that spaces of old draw what they drew."""

import hashlib
import itertools
from dataclasses import replace

import numpy as np
import pytest

from common.architecture.kinds.layered import LayeredSpec
from common.architecture.kinds.layers import Conv1d, Conv2d, Linear, LogEnergy, MaxPool
from common.config import compose_config, options_of
from common.errors import SpaceError, SpecError
from common.seeding import generator
from common.tasks import Classification, Task
from server_app.spaces.layered import LayeredSpace
from server_app.spaces.layered_options import Mutation
from server_app.spaces.layered_places import Families

VECTOR = Task((32,), Classification(10))
SEQUENCE = Task((9, 128), Classification(6))
IMAGE = Task((1, 8, 8), Classification(10))
BEGINNINGS = {"sequence": {"conv1d", "log_energy"}, "image": {"conv2d"}, "vector": {"linear"}}

SMALL = LayeredSpace.Options(
    min_layers=0,
    max_layers=3,
    operations=["linear", "conv1d", "max_pool", "log_energy"],
    begin="conv",
    width=[2],
    kernel=[3],
    stride=[1],
    activation=["relu"],
    norm=["batch", "none"],
    dropout=0.0,
    skip=0.0,
    pool_kernel=[2],
    bands=[1, 2],
    reduce=["avg", "log_std"],
    join=["none", "log_energy"],
    max_parameters=None,
    max_macs=None,
)


def enumerate_small(begin):
    """All specs of the small space, from all chains there are."""
    linear = [Linear(2, norm=norm) for norm in ("batch", "none")]
    spatial = [*(Conv1d(2, norm=norm) for norm in ("batch", "none")), MaxPool(2)]
    fronts = [LogEnergy(1), LogEnergy(2)]
    for depth in range(4):
        for chain in itertools.product((*linear, *spatial, *fronts), repeat=depth):
            ops = [layer.op for layer in chain]
            if "log_energy" in ops:
                if ops[0] == "log_energy" and set(ops[1:]) <= {"linear"}:
                    yield LayeredSpec(chain)
            elif ops == sorted(ops, key=lambda op: op == "linear") and not (
                begin == "conv" and depth and ops[0] != "conv1d"
            ):
                for reduce, join in itertools.product(("avg", "log_std"), (None, *fronts)):
                    yield LayeredSpec(chain, reduce, join)


# ---------------------------------------------------------------- no degenerate networks


def is_sound(spec, kind):
    """Whether the chain begins as it should and pools after weights; a front end joins nothing to itself."""
    ops = [layer.op for layer in spec.layers]
    weighted = {"linear", "conv1d", "conv2d"}
    pools_late = all(set(ops[:index]) & weighted for index, op in enumerate(ops) if op == "max_pool")
    if not ops:
        return kind == "vector"  # a linear model
    return ops[0] in BEGINNINGS[kind] and pools_late and not (ops[0] == "log_energy" and spec.join)


@pytest.mark.parametrize("task", [VECTOR, SEQUENCE, IMAGE], ids=lambda task: task.kind)
def test_by_default_samples_mutants_and_children_begin_with_weights_or_a_front_end(task):
    space, rng = LayeredSpace(task), generator(0, "begin", task.kind)
    specs = [space.sample(rng) for _ in range(150)]
    mutants = [space.mutate(spec, rng) for spec in specs]
    children = [space.crossover(a, b, rng) for a, b in itertools.pairwise(specs)]
    found = [*specs, *mutants, *children]
    assert all(is_sound(spec, task.kind) and space.contains(spec) for spec in found)
    assert {spec.layers[0].op for spec in specs if spec.layers} == BEGINNINGS[task.kind]
    assert any(not spec.layers for spec in specs) == (task.kind == "vector")
    assert all(mutant != spec for mutant, spec in zip(mutants, specs, strict=True))


def test_by_default_a_sequence_is_reduced_and_joined_in_every_way():
    space, rng = LayeredSpace(SEQUENCE), generator(0)
    specs = [space.sample(rng) for _ in range(150)]
    assert {spec.reduce for spec in specs if spec.layers[0].op == "conv1d"} == {"avg", "max", "avg+max", "log_std"}
    assert {spec.join for spec in specs} == {None, LogEnergy(8)}
    assert {layer.kernel for spec in specs for layer in spec.layers if layer.op == "conv1d"} == {3, 5, 7, 9, 11}


UNSOUND = [
    ((MaxPool(2), Conv1d(2, norm="none")), "Layer 0: the space offers conv1d, log_energy as the first layer, got 'max"),
    ((Linear(2, norm="none"),), "Layer 0: the space offers conv1d, log_energy as the first layer, got 'linear'"),
    ((Conv1d(2, norm="none"), LogEnergy(2)), "Layer 1: the space offers linear, conv1d, max_pool after the first"),
]


@pytest.mark.parametrize(("layers", "message"), UNSOUND)
def test_a_wrong_beginning_is_refused_with_the_reason(layers, message):
    with pytest.raises(SpecError, match=message):
        LayeredSpace(SEQUENCE, SMALL).check(LayeredSpec(layers, "avg"))


def test_a_front_end_joins_nothing_to_itself():
    with pytest.raises(SpecError, match="The spec: the space offers join None, got LogEnergy"):
        LayeredSpace(SEQUENCE, SMALL).check(LayeredSpec((LogEnergy(1),), join=LogEnergy(2)))


def test_any_beginning_is_free():
    space = LayeredSpace(SEQUENCE, replace(SMALL, begin="any"))
    for layers in ((MaxPool(2), Conv1d(2, norm="none")), (Linear(2, norm="none"),), (LogEnergy(2),)):
        space.check(LayeredSpec(layers, "avg"))


def test_a_beginning_must_be_offered():
    with pytest.raises(SpaceError, match=r"begin=conv must offer a convolution .* got \['linear', 'max_pool'\]"):
        LayeredSpace(IMAGE, LayeredSpace.Options(operations=["linear", "max_pool"], begin="conv"))
    LayeredSpace(VECTOR, LayeredSpace.Options(operations=["linear"], begin="conv"))


@pytest.mark.parametrize("task", [VECTOR, IMAGE], ids=lambda task: task.kind)
def test_what_cannot_join_is_left_out(task):
    space = LayeredSpace(task, LayeredSpace.Options(join=["log_energy"]))
    assert space.sample(generator(0)).join is None


# ---------------------------------------------------------------- small spaces in full


@pytest.mark.parametrize("begin", ["conv", "any"])
def test_a_small_space_is_listed_counted_drawn_and_encoded_without_loss(begin):
    space, expected = LayeredSpace(SEQUENCE, replace(SMALL, begin=begin)), list(enumerate_small(begin))
    listed = list(space.enumerate())
    assert len(listed) == len(set(listed)) == space.size() == len(expected)
    assert set(listed) == set(expected) == set(space.legal())
    rows = np.array([space.encode(spec) for spec in listed])
    assert len(np.unique(rows, axis=0)) == len(listed)
    assert (rows.min(), rows.max()) == (0, 1)
    rng, missing = generator(0), set(listed)
    for _ in range(60_000):
        missing.discard(space._draw(rng))
        if not missing:
            break
    assert not missing


def test_mutations_alone_reach_the_whole_space():
    space = LayeredSpace(SEQUENCE, replace(SMALL, min_layers=1, max_layers=2, bands=[1]))
    rng, legal = generator(0), space.legal()
    reached, waiting = {legal[0]}, [legal[0]]
    while waiting:
        spec = waiting.pop()
        mutants = {space._mutant(spec, rng) for _ in range(600)}
        new = {mutant for mutant in mutants if space.contains(mutant)} - reached
        reached |= new
        waiting += new
    assert reached == set(legal)


def test_named_fields_leave_beginning_and_join_as_they_are():
    space = LayeredSpace(SEQUENCE, replace(SMALL, min_layers=2, max_layers=2, mutation=Mutation(fields=["norm"])))
    rng, spec = generator(0), LayeredSpec((Conv1d(2, norm="none"), Linear(2, norm="none")), "avg", LogEnergy(1))
    for mutant in (space.mutate(spec, rng) for _ in range(50)):
        assert (mutant.reduce, mutant.join, [layer.op for layer in mutant.layers]) == (
            "avg",
            LogEnergy(1),
            ["conv1d", "linear"],
        )


def test_a_front_end_that_nothing_may_follow_stands_alone():
    space = LayeredSpace(SEQUENCE, replace(SMALL, operations=["conv1d", "log_energy"]))
    rng = generator(0)
    fronted = [spec for spec in (space.sample(rng) for _ in range(50)) if spec.layers and spec.layers[0].op != "conv1d"]
    assert fronted
    assert {len(spec.layers) for spec in fronted} == {1}


def test_short_sequences_go_without_log_energies():
    space, rng = LayeredSpace(Task((2, 9), Classification(2))), generator(0)  # 4 frequencies, not 8
    assert {(spec.layers[0].op, spec.join) for spec in (space.sample(rng) for _ in range(40))} == {("conv1d", None)}


# ---------------------------------------------------------------- spaces of old


def trace(space):
    """Hash the ids of samples, mutants and children."""
    rng = generator(0, "frozen")
    a, b = space.sample(rng), space.sample(rng)
    ids = [a.id, b.id]
    for _ in range(40):
        a, b = space.mutate(a, rng), space.crossover(b, space.sample(rng), rng)
        ids += [a.id, b.id]
    return hashlib.blake2b(" ".join(ids).encode(), digest_size=6).hexdigest()


@pytest.mark.parametrize(
    ("experiment", "task", "expected"),
    [("tutorial", VECTOR, "da5a59b87e94"), ("har", SEQUENCE, "7d17f2aceb58")],
)
def test_experiments_that_name_their_operations_draw_what_they_drew(experiment, task, expected):
    """The hashes are those of the version before front ends and beginnings."""
    config = compose_config([f"experiment={experiment}", "dataset.path=none.npz"])
    assert trace(LayeredSpace(task, options_of(config.space, LayeredSpace.Options, "space"))) == expected


@pytest.mark.parametrize(
    ("task", "expected"),
    [(VECTOR, "f472d79e882b"), (SEQUENCE, "b9987717f8a9"), (IMAGE, "a5391545c835")],
    ids=lambda value: getattr(value, "kind", value),
)
def test_spaces_that_name_their_operations_draw_what_they_drew(task, expected):
    operations, width = ["linear", "conv1d", "conv2d", "max_pool", "avg_pool"], [16, 32, 64, 128]
    assert trace(LayeredSpace(task, LayeredSpace.Options(operations=operations, width=width))) == expected


def test_the_default_of_an_image_has_no_front_end():
    specs = [LayeredSpace(IMAGE).sample(generator(seed)) for seed in range(20)]
    assert {type(spec.layers[0]) for spec in specs} == {Conv2d}


def test_the_nearest_spec_has_the_nearest_numbers_and_the_first_words():
    options = LayeredSpace.Options(
        operations=["conv2d", "linear"], width=[16, 64], kernel=[3], norm=["group"], reduce=["avg"]
    )
    space = LayeredSpace(Task((1, 8, 8), Classification(3)), options)
    spec = LayeredSpec((Conv2d(40, kernel=7, norm="batch", dropout=0.3), Linear(500, norm="none")), "max")
    near = space.nearest(spec)
    # 40 lies between 16 and 64, 24 from both: the lesser; dropout is 0.1 where operations are named
    assert near == LayeredSpec((Conv2d(16, kernel=3, dropout=0.1), Linear(64, dropout=0.1)), "avg")
    space.check(near)
    assert space.nearest(near) == near


def test_families_are_as_likely_and_so_are_their_members():
    split = Families(("conv1d", "max_pool", "avg_pool"), (("conv1d",), ("max_pool", "avg_pool")))
    assert split.probabilities() == (0.5, 0.25, 0.25)
    rng = generator(0)
    assert sum(split.draw(rng) == "conv1d" for _ in range(1000)) == pytest.approx(500, abs=5 * 1000**0.5 / 2)
