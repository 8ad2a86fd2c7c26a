"""A network learns from a larger one's outputs, beside its labels."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional

from client_app.distillation import taught
from client_app.jobs import do_jobs
from client_app.node import node_of
from client_app.training import train
from common.architecture.initial import initial_weights
from common.architecture.kinds.layered import LayeredSpec
from common.architecture.kinds.layers import Linear
from common.data.base import Examples
from common.jobs import Job, Order, Work
from common.models.builder import build, flat_state
from common.settings import DatasetSettings, TrainingSettings
from common.tasks import Classification, Regression, Task

HEADS = {"classes": Classification(3), "numbers": Regression((0.0,), (1.0,))}


def network(task, width, seed=0, norm="none"):
    graph = LayeredSpec((Linear(width, norm=norm),)).lower(task)
    return build(graph, initial_weights(graph, np.random.default_rng(seed)))


def examples(head, number=24):
    rng = np.random.default_rng(1)
    x = rng.normal(size=(number, 4)).astype(np.float32)
    y = np.arange(number) % 3 if isinstance(head, Classification) else x[:, :1] * 2
    return Examples(x, y)


def test_the_loss_is_that_of_the_labels_and_that_of_the_teacher():
    task = Task((4,), HEADS["classes"])
    model, teacher = network(task, 3), network(task, 16, 1)
    forward, loss = taught(model, teacher, task.head, functional.cross_entropy)
    x, y = torch.randn(5, 4, generator=torch.Generator().manual_seed(0)), torch.tensor([0, 1, 2, 0, 1])
    outputs = forward(x)
    torch.testing.assert_close(outputs, model(x))
    logs, chances = outputs.log_softmax(1), teacher(x).softmax(1)
    expected = -logs[range(5), y].mean() - (chances * logs).sum(1).mean()
    torch.testing.assert_close(loss(outputs, y), expected)


def test_a_network_that_answers_as_its_teacher_does_has_nothing_to_learn_from_it():
    task = Task((4,), HEADS["numbers"])
    model = network(task, 3)
    forward, loss = taught(model, network(task, 3), task.head, lambda outputs, _: 0 * outputs.sum())
    x = torch.ones(2, 4)
    assert loss(forward(x), torch.zeros(2, 1)).item() == 0


@pytest.mark.parametrize("head", HEADS.values(), ids=list(HEADS))
@pytest.mark.parametrize("norm", ["none", "batch"])
def test_the_teacher_stays_as_it_is_and_teaches(head, norm):
    task = Task((4,), head)
    ways = []
    for teaches in (False, True):
        model, teacher = network(task, 3), network(task, 16, 1, norm)
        before = [parameter.clone() for parameter in teacher.parameters()]
        train(model, examples(head), head, TrainingSettings(epochs=2), 0, teacher if teaches else None)
        ways.append(flat_state(model).clone())
        assert all(map(torch.equal, teacher.parameters(), before))
        assert not any(parameter.grad is not None for parameter in teacher.parameters())
    assert torch.isfinite(torch.cat(ways)).all()
    assert not torch.equal(*ways)


def test_a_teacher_of_the_same_message_is_found_and_none_of_another(tmp_path):
    rng = np.random.default_rng(0)
    task, path = Task((4,), HEADS["classes"]), tmp_path / "data.npz"
    x = rng.normal(size=(60, 4)).astype(np.float32)
    np.savez(path, x=x, y=np.arange(60) % 3)
    node = node_of({"name": "a", "data": str(path)})
    specs = {"large": LayeredSpec((Linear(16, norm="none"),)), "small": LayeredSpec((Linear(3, norm="none"),))}
    arrays = {name: {"weights": initial_weights(spec.lower(task), rng)} for name, spec in specs.items()}

    def job(name, teacher=""):
        return Job(name, name, specs[name], arrays[name], Work("train", "train", 1, teacher=teacher))

    def update(*jobs):
        order = Order(0, 1e9, task, DatasetSettings(name="local"), jobs)
        return do_jobs(order, node)[-1].arrays["weights"]

    plain = update(job("small"))
    np.testing.assert_array_equal(update(job("small", "large")), plain)
    np.testing.assert_array_equal(update(job("large"), job("small")), plain)
    assert (update(job("large"), job("small", "large")) != plain).any()
