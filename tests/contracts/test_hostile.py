"""What nobody would send, of every kind: a model or a named error, and nothing is allocated for what is refused.

`tests/benchmarks/hostile.py` does the same with as many specs as one has time for.
"""

from __future__ import annotations

import json
import tracemalloc
from collections import Counter
from itertools import islice

import pytest

from common.architecture.kinds.layers import Linear
from common.architecture.spec import KINDS, ArchitectureSpec
from common.errors import SpecError
from common.limits import NO_LIMITS, Limits, needs_of
from common.seeding import generator
from common.settings import TrainingSettings
from common.tasks import Classification, Task
from tests.support.hostile import LIMITS, STAGES, fate_of, hostile_specs, random_specs
from tests.support.kinds import CASES, kind_of
from tests.support.mixed import mixed_cells, mixed_layers

COUNT = 390
IMAGE = Task((3, 224, 224), Classification(1000))
WIDE_CELL = [[[0, "conv3"]], [[0, "conv3"], [1, "conv3"]], [[0, "conv3"], [1, "conv3"], [2, "conv3"]]]
HUGE = {
    "layered": {"layers": [{"op": "conv2d", "width": 65536, "kernel": 255}] * 2, "reduce": "avg"},
    "cell": {"form": "nasbench201", "normal": WIDE_CELL, "cells": 32, "channels": 1024},
    "mobile": {"blocks": [{"op": "inverted_residual", "width": 4096, "expansion": 16}] * 8, "stem_width": 4096},
    "mixed": mixed_cells("darts", nodes=6, cells=32, channels=1024).to_values(),
}
"""By kind, fields that are legal one by one, of networks that need far more than any machine has."""
MIXED = mixed_layers([Linear(8), Linear(8, activation="tanh")], [Linear(4), Linear(4, activation="tanh")]).to_values()
BEYOND = {
    "layered": [{"layers": [{"op": "linear", "width": 1}] * 65}, {"layers": [{"op": "linear", "width": 65537}]}],
    "cell": [HUGE["cell"] | {"cells": 33}, HUGE["cell"] | {"channels": 1025}, HUGE["cell"] | {"normal": WIDE_CELL * 3}],
    "mobile": [
        {"blocks": [{"op": "identity", "width": 1}] * 65},
        {"blocks": [{"op": "identity", "width": 4097}]},
        {"blocks": [], "stem_width": 4097},
    ],
    "tabular": [{"key": "0" * 257}],
    "mixed": [
        MIXED | {"choices": MIXED["choices"] * 33},
        MIXED | {"choices": [["layer0", [{"op": "linear", "width": width} for width in range(1, 66)]]]},
        MIXED | {"frame": {"version": 1, "kind": "mixed", **MIXED}},
        MIXED | {"partial": 65},
        mixed_cells("darts").to_values() | {"partial": 3},
    ],
}
"""By kind, fields that are one too deep or too wide."""
ONE_SIZE = ("constant", "tabular")
"""Kinds whose networks are as large as the head, or none."""


def written(kind, values):
    return json.dumps({"version": 1, "kind": kind, **values})


@pytest.mark.parametrize(("specs", "least"), [(random_specs, {"lowering", "limits"}), (hostile_specs, set(STAGES[:4]))])
def test_each_spec_ends_as_a_model_or_in_a_named_error(specs, least):
    fates = [fate_of(text, task) for text, task in islice(specs(generator(0, "contracts")), COUNT)]
    refused = Counter(fate.stage for fate in fates if fate.error is not None)
    assert refused.keys() >= least
    models = [fate for fate in fates if fate.error is None]
    assert len(models) > COUNT // 20
    assert {fate.stage for fate in models} == {"model"}
    assert all(str(fate.error) for fate in fates if fate.error is not None)


def test_each_kind_is_drawn_and_some_of_each_survives_its_damage():
    drawn = [json.loads(text)["kind"] for text, _ in islice(random_specs(generator(0)), len(CASES))]
    assert set(drawn) == KINDS.keys() == {kind_of(case) for case, _ in CASES}
    survived = set()
    for text, _ in islice(hostile_specs(generator(0)), COUNT):
        try:
            survived.add(ArchitectureSpec.from_json(text).kind)
        except SpecError:
            continue
    assert survived == KINDS.keys()


def test_the_same_seed_damages_alike():
    def texts(seed):
        return [text for text, _ in islice(hostile_specs(generator(seed)), 300)]

    assert texts(1) == texts(1) != texts(2)


def test_what_is_huge_is_tested_for_each_kind():
    assert {*HUGE, *ONE_SIZE} == KINDS.keys()
    assert {*BEYOND, "constant"} == KINDS.keys()


@pytest.mark.parametrize("kind", HUGE)
@pytest.mark.parametrize("limits", [LIMITS, NO_LIMITS], ids=["limits", "no limits"])
def test_nothing_is_allocated_for_what_is_refused(kind, limits):
    """A single one of its tensors would take some hundred times what refusing it does."""
    text = written(kind, HUGE[kind])
    tracemalloc.start()
    fate = fate_of(text, IMAGE, limits)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert fate.error is not None
    assert fate.stage in ("lowering", "limits")
    assert peak < 2**24


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        ("layered", {"layers": [{"op": "linear", "width": 8}]}),
        ("cell", {"form": "nasbench201", "normal": WIDE_CELL}),
        ("mobile", {"blocks": [{"op": "inverted_residual", "width": 8}]}),
        ("constant", {}),
        ("mixed", mixed_cells("nasbench201").to_values()),
    ],
)
@pytest.mark.parametrize("limit", ["max_parameters", "max_macs", "max_memory_mb"])
def test_each_limit_holds_for_each_kind_that_is_a_network(kind, values, limit):
    """At what a spec needs it is a model, below it is refused."""
    task, text = Task((3, 16, 16), Classification(5)), written(kind, values)
    needs = needs_of(ArchitectureSpec.from_json(text), task, TrainingSettings())
    need = getattr(needs, limit.removeprefix("max_"))
    assert fate_of(text, task, Limits(**{limit: need})).error is None
    if need:  # the constant network multiplies nothing
        fate = fate_of(text, task, Limits(**{limit: need - 1}))
        assert (fate.stage, f"needs {need:,}" in str(fate.error)) == ("limits", True)


@pytest.mark.parametrize(("kind", "values"), [(kind, values) for kind, found in BEYOND.items() for values in found])
def test_what_is_too_deep_or_too_wide_is_refused_as_it_is_read(kind, values):
    fate = fate_of(written(kind, values), IMAGE)
    assert (fate.stage, isinstance(fate.error, SpecError)) == ("fields", True)


def test_more_operations_than_a_graph_has_are_refused_while_it_is_written():
    layer = {"op": "branches2d", "width": 128, "kernels": list(range(1, 256, 2))}
    fate = fate_of(written("layered", {"layers": [layer] * 64, "reduce": "avg"}), IMAGE, NO_LIMITS)
    assert (fate.stage, "4,096 operations at most" in str(fate.error)) == ("lowering", True)
