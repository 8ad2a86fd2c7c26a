import numpy as np
import pytest
import torch

from common.architecture.kinds.layered import LayeredSpec
from common.architecture.kinds.layers import Linear
from common.models.builder import build
from common.tasks import Classification, Task
from server_app.aggregation.fedavg import FedAvg
from server_app.blobs import Blobs
from server_app.trials import Recipe, Trial
from server_app.weights.base import Heritage
from server_app.weights.inherit import Inherit
from server_app.weights.scratch import Scratch

TASK = Task((6,), Classification(3))
NARROW, WIDE, DEEP, OTHER = (
    LayeredSpec(tuple(Linear(width, norm="none", activation=function) for width, function in layers))
    for layers in ([(8, "relu")], [(16, "relu")], [(8, "relu"), (8, "relu")], [(8, "tanh")])
)


def store(cls=Inherit, seed=0):
    return cls(TASK, seed, FedAvg, Blobs(None))


def trained(weights, trial, steps=(0.5,)):
    """Let a node move all weights by random numbers, once for each step; return what it is scored as."""
    for number, step in enumerate(steps):
        start = weights.lend(trial)["weights"]
        rule = weights.open(trial)
        moved = start + step * np.random.default_rng(number).normal(size=start.shape).astype(np.float32)
        rule.add("a", moved, 10, {"loss": 1.0})
        weights.fold(trial)
    return weights.weights(trial.number)


def outputs(spec, weights):
    x = torch.from_numpy(np.random.default_rng(0).normal(size=(20, 6)).astype(np.float32))
    with torch.no_grad():
        return build(spec.lower(TASK), weights).eval()(x).numpy()


@pytest.mark.parametrize("spec", [NARROW, WIDE, DEEP])
def test_a_child_computes_what_its_parent_did(spec):
    weights = store()
    parent = trained(weights, Trial(0, NARROW))
    child = Trial(1, spec, parent=0)
    begun = weights.lend(child)["weights"]
    assert weights.heritage(child) == Heritage(0, True)
    expected = outputs(NARROW, parent)
    np.testing.assert_allclose(outputs(spec, begun), expected, atol=1e-5 * abs(expected).max())


def test_what_changes_the_function_is_told():
    weights = store()
    parent = trained(weights, Trial(0, NARROW))
    child = Trial(1, OTHER, parent=0)
    begun = weights.lend(child)["weights"]
    assert weights.heritage(child) == Heritage(0, False)
    np.testing.assert_array_equal(begun, parent)  # all tensors have their old shapes


def test_a_child_begins_with_the_mean_that_its_parent_was_scored_as_and_with_a_mean_of_its_own():
    weights = store()
    parent = Trial(0, NARROW, Recipe(average=3))
    mean = trained(weights, parent, (0.1, 0.2, 0.4))
    assert (mean != weights.lend(parent)["weights"]).any()
    child = Trial(1, NARROW, Recipe(average=3), parent=0)
    np.testing.assert_array_equal(weights.lend(child)["weights"], mean)
    np.testing.assert_array_equal(weights.lend(child, "score")["weights"], mean)


def test_the_recipe_of_a_child_changes_nothing():
    begun = []
    for recipe in (Recipe(), Recipe(learning_rate=0.5)):
        weights = store()
        trained(weights, Trial(0, NARROW))
        begun.append(weights.lend(Trial(1, WIDE, recipe, parent=0))["weights"])
    np.testing.assert_array_equal(*begun)


@pytest.mark.parametrize("parent", [None, 7])
def test_without_a_parent_or_its_weights_a_trial_starts_from_scratch(parent):
    weights, trial = store(), Trial(1, WIDE, parent=parent)
    np.testing.assert_array_equal(weights.lend(trial)["weights"], store(Scratch).lend(trial)["weights"])
    assert weights.heritage(trial) is None


def test_children_of_one_parent_differ_by_their_numbers_and_runs():
    begun = set()
    for seed in range(2):
        weights = store(seed=seed)
        weights.adopt(Trial(0, NARROW), trained(store(), Trial(0, NARROW)))
        begun |= {weights.lend(Trial(number, WIDE, parent=0))["weights"].tobytes() for number in (1, 2)}
    assert len(begun) == 4
