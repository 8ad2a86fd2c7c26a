"""The estimate against what torch's allocator really hands out."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn import functional as F  # noqa: N812
from torch.profiler import ProfilerActivity, profile

from common.architecture.initial import initial_weights
from common.architecture.layout import layout, state_size
from common.architecture.memory import SCORING_BATCH, peak_memory
from common.architecture.operations import AvgPool, Conv1d, Conv2d, Linear, MaxPool
from common.architecture.spec import ArchitectureSpec
from common.architecture.task import TaskShape
from common.errors import SpecError
from common.models.builder import build
from common.seeding import generator
from common.settings import TrainingSettings

SETTINGS = TrainingSettings(batch_size=32)
VECTOR, SEQUENCE, IMAGE = TaskShape((100,), 10), TaskShape((3, 128), 6), TaskShape((3, 32, 32), 10)

CASES = {
    "softmax regression": (ArchitectureSpec(), VECTOR),
    "wide perceptron": (ArchitectureSpec((Linear(1024), Linear(1024, activation="gelu"))), VECTOR),
    "perceptron with dropout": (ArchitectureSpec((Linear(256, dropout=0.5), Linear(256, norm="none"))), VECTOR),
    "sequence": (ArchitectureSpec((Conv1d(32, kernel=7), MaxPool(2), Conv1d(64, activation="silu")), "avg"), SEQUENCE),
    "image": (ArchitectureSpec((Conv2d(32), MaxPool(2), Conv2d(64, kernel=5, norm="batch"), Linear(64))), IMAGE),
    "skips": (ArchitectureSpec((Conv2d(16), AvgPool(2), Conv2d(32, skip=-1), Linear(64, skip=0))), IMAGE),
}


def peak(work) -> int:
    """Return the most bytes of torch's allocator that lived at one time in `work`."""
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiler:
        work()
    changes = [event for event in profiler.profiler.kineto_results.events() if event.name() == "[memory]"]
    sizes = [event.nbytes() for event in sorted(changes, key=lambda event: event.start_ns())]
    assert sizes
    return int(np.cumsum(sizes).max())


def random_batch(task: TaskShape, n: int) -> tuple[torch.Tensor, torch.Tensor]:
    rng = generator(0, "batch")
    x = rng.normal(size=(n, *task.input_shape)).astype(np.float32)
    return torch.from_numpy(x), torch.from_numpy(rng.integers(0, task.num_classes, n))


def train_once(spec: ArchitectureSpec, task: TaskShape) -> None:
    """One step of Adam as anybody would write it: model, gradients, moments, activations."""
    received = torch.from_numpy(initial_weights(spec, task, generator(0))).clone()
    model = build(spec, task, received.numpy())
    x, y = (tensor.clone() for tensor in random_batch(task, SETTINGS.batch_size))
    optimizer = torch.optim.Adam(model.parameters(), foreach=False)
    F.cross_entropy(model(x), y).backward()
    optimizer.step()


def score_once(spec: ArchitectureSpec, task: TaskShape) -> None:
    model = build(spec, task).eval()
    with torch.inference_mode():
        model(random_batch(task, SCORING_BATCH)[0].clone())


@pytest.mark.parametrize("case", CASES)
def test_torch_never_takes_more_and_never_a_small_part_of_it(case: str):
    torch.optim.Adam([torch.zeros(1)])  # what its first use imports is no part of the step
    real = max(peak(lambda: train_once(*CASES[case])), peak(lambda: score_once(*CASES[case])))
    estimate = peak_memory(*CASES[case], SETTINGS)
    assert real <= estimate <= 4 * real


def test_a_perceptron_by_hand():
    # 100 -> 50 -> 10: numbers in the state; tensors made: product, norm, activation; logits and twice the loss
    spec = ArchitectureSpec((Linear(50),))
    numbers = 100 * 50 + 50 + 2 * 50 + 50 * 10 + 10
    example = 100 + 3 * 50 + 3 * 10 + 4 * 50
    large = replace(SETTINGS, batch_size=1000)  # or scoring would take more
    assert state_size(layout(spec, VECTOR)) == numbers
    assert peak_memory(spec, VECTOR, large) == 4 * (6 * numbers + 1000 * example)
    assert peak_memory(spec, VECTOR, replace(large, optimizer="sgd")) == 4 * (4 * numbers + 1000 * example)
    sgd = replace(large, optimizer="sgd", momentum=0.9, proximal_mu=0.1)
    assert peak_memory(spec, VECTOR, sgd) == 4 * (7 * numbers + 1000 * example)
    assert peak_memory(spec, VECTOR, replace(SETTINGS, batch_size=1)) == 4 * (2 * numbers + 512 * (100 + 4 * 50))


def test_what_does_not_fit_has_no_estimate():
    with pytest.raises(SpecError, match="Layer 0"):
        peak_memory(ArchitectureSpec((Conv2d(4),)), VECTOR, SETTINGS)


def test_the_estimate_needs_no_torch():
    code = "import sys, common.architecture.memory; print([n for n in ('torch', 'flwr') if n in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
