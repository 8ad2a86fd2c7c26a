"""The statistics of batch norm are counted anew, and nothing else changes."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from client_app.calibration import calibrate
from common.architecture.initial import initial_weights
from common.architecture.kinds.layered import LayeredSpec
from common.architecture.kinds.layers import Linear
from common.data.base import Examples
from common.models.builder import build, flat_state
from common.tasks import Classification, Task

TASK = Task((3,), Classification(2))


def model_of(norm, dropout=0.0):
    graph = LayeredSpec((Linear(4, norm=norm, activation="relu", dropout=dropout),)).lower(TASK)
    return build(graph, initial_weights(graph, np.random.default_rng(0)))


def examples(number=12):
    rng = np.random.default_rng(1)
    return Examples(rng.normal(5, 2, (number, 3)).astype(np.float32), np.zeros(number, np.int64))


def test_the_statistics_are_those_of_the_examples():
    model, seen = model_of("batch"), examples()
    weights = {name: value.clone() for name, value in model.state_dict().items()}
    calibrate(model, seen, 3, 12, seed=0)
    with torch.no_grad():
        read = torch.from_numpy(seen.x) @ weights["layer0.weight"].T + weights["layer0.bias"]
    state = model.state_dict()
    torch.testing.assert_close(state["layer0_norm.running_mean"], read.mean(0))
    torch.testing.assert_close(state["layer0_norm.running_var"], read.var(0))
    for name in weights.keys() - {"layer0_norm.running_mean", "layer0_norm.running_var"}:
        assert torch.equal(state[name], weights[name])
    assert not model.training


def test_no_more_batches_are_seen_than_asked_for():
    means = []
    for batches in (1, 2, 3, 99):
        model = model_of("batch")
        calibrate(model, examples(), batches, 4, seed=0)
        means.append(model.state_dict()["layer0_norm.running_mean"].tolist())
    assert means[2] == means[3]
    assert len({tuple(mean) for mean in means}) == 3


@pytest.mark.parametrize(("norm", "batches"), [("group", 10), ("none", 10), ("batch", 0)])
def test_without_batch_norm_or_batches_nothing_changes(norm, batches):
    model = model_of(norm)
    before = flat_state(model).clone()
    calibrate(model, examples(), batches, 4, seed=0)
    assert torch.equal(flat_state(model), before)
    assert not any(module.training for module in model.modules())


def test_dropout_drops_nothing_meanwhile():
    plain, dropping = model_of("batch"), model_of("batch", dropout=0.5)
    for model in (plain, dropping):
        calibrate(model, examples(), 10, 4, seed=0)
    torch.testing.assert_close(flat_state(plain), flat_state(dropping))
