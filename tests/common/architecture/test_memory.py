"""The estimate against what torch's allocator really hands out."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional as F  # noqa: N812
from torch.profiler import ProfilerActivity, profile

from common.architecture import operations as ops
from common.architecture.activations import live_numbers
from common.architecture.graph import Graph
from common.architecture.initial import initial_weights
from common.architecture.kinds.cell import CellSpec
from common.architecture.kinds.layered import LayeredSpec
from common.architecture.kinds.layers import AvgPool, Conv1d, Conv2d, Linear, LogEnergy, MaxPool
from common.architecture.kinds.mobile import MobileSpec
from common.architecture.kinds.mobile_blocks import Identity, InvertedResidual
from common.architecture.layout import layout, state_size
from common.architecture.memory import SCORING_BATCH, peak_memory, scoring_memory, training_memory
from common.errors import SpecError
from common.models.builder import build
from common.seeding import generator
from common.settings import TrainingSettings
from common.tasks import Classification, Task
from tests.support.graphs import branched, chain, gated

SETTINGS = TrainingSettings(batch_size=32)
VECTOR, SEQUENCE, IMAGE = (
    Task((100,), Classification(10)),
    Task((3, 128), Classification(6)),
    Task((3, 32, 32), Classification(10)),
)

SPECS = {
    "softmax regression": (LayeredSpec(), VECTOR),
    "wide perceptron": (LayeredSpec((Linear(1024), Linear(1024, activation="gelu"))), VECTOR),
    "perceptron with dropout": (LayeredSpec((Linear(256, dropout=0.5), Linear(256, norm="none"))), VECTOR),
    "sequence": (LayeredSpec((Conv1d(32, kernel=7), MaxPool(2), Conv1d(64, activation="silu")), "avg"), SEQUENCE),
    "image": (LayeredSpec((Conv2d(32), MaxPool(2), Conv2d(64, kernel=5, norm="batch"), Linear(64))), IMAGE),
    "log energies": (LayeredSpec((LogEnergy(8), Linear(64))), SEQUENCE),
    "joined": (LayeredSpec((Conv1d(32, kernel=7, stride=2), Linear(32)), "log_std", LogEnergy(16)), SEQUENCE),
    "two reductions": (LayeredSpec((Conv2d(32), MaxPool(2), Linear(64)), "avg+max"), IMAGE),
    "skips": (LayeredSpec((Conv2d(16), AvgPool(2), Conv2d(32, skip=-1), Linear(64, skip=0))), IMAGE),
}


LONG, WIDE = (3, 128), (3, 32, 32)
GRAPHS = {
    "branches": branched(),
    "gates": gated(),
    "attention over time": chain(LONG, ops.Convolution(32, 1), ops.Positions(), ops.SelfAttention(4)),
    "attention over places": chain(WIDE, ops.Convolution(16, 5, 2), ops.LayerNorm(), ops.SelfAttention(2)),
    "long attention": chain((8, 512), ops.SelfAttention(8)),
    "recurrent": chain(LONG, ops.GRU(32), ops.GRU(16)),
    "small and recurrent": chain((1, 16), ops.GRU(4)),
    "separable": chain(WIDE, ops.Convolution(16, 1), ops.Convolution(16, 3, depthwise=True), ops.Convolution(32, 1)),
    "dilated": chain(LONG, ops.Convolution(32, 5, dilation=2), ops.Convolution(32, 5, dilation=4)),
    "padded pools": chain(WIDE, ops.ExampleNorm(), ops.MaxPool(3, 1, padded=True), ops.AvgPool(3, 2, padded=True)),
}
CELL = [[(0, "sep_conv5"), (1, "max_pool3")], [(1, "dil_conv3"), (2, "skip")], [(0, "avg_pool3"), (2, "conv3")]]
MIXED = [[(0, "conv3")], [(0, "skip"), (1, "conv1")], [(1, "avg_pool3"), (2, "conv3")]]
MOBILE = (InvertedResidual(16, 2, 5, 3), InvertedResidual(16, expansion=4, squeeze_excite=True), Identity(24, 2))
SPECS |= {
    "cells of darts": (CellSpec("darts", CELL, CELL, cells=5, channels=8), IMAGE),
    "cells of darts, batch norm": (CellSpec("darts", CELL, CELL, cells=4, channels=16, norm="batch"), SEQUENCE),
    "cells of nasbench201": (CellSpec("nasbench201", MIXED, cells=5, channels=8), IMAGE),
    "mobile": (MobileSpec(MOBILE, stem_width=8, last_width=64), IMAGE),
    "mobile over time": (MobileSpec(MOBILE, stem_width=16, activation="hard_swish", norm="batch"), SEQUENCE),
}
CASES = {name: spec.lower(task) for name, (spec, task) in SPECS.items()} | GRAPHS


def peak(work) -> int:
    """Return the most bytes of torch's allocator that lived at one time in `work`."""
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiler:
        work()
    changes = [event for event in profiler.profiler.kineto_results.events() if event.name() == "[memory]"]
    sizes = [event.nbytes() for event in sorted(changes, key=lambda event: event.start_ns())]
    assert sizes
    return int(np.cumsum(sizes).max())


def random_batch(graph: Graph, n: int) -> tuple[torch.Tensor, torch.Tensor]:
    rng = generator(0, "batch")
    x = rng.normal(size=(n, *graph.input_shape)).astype(np.float32)
    return torch.from_numpy(x), torch.from_numpy(rng.integers(0, graph.nodes[-1].output_shape[0], n))


def train_once(graph: Graph) -> None:
    """One step of Adam as anybody would write it: model, gradients, moments, activations."""
    received = torch.from_numpy(initial_weights(graph, generator(0))).clone()
    model = build(graph, received.numpy())
    x, y = (tensor.clone() for tensor in random_batch(graph, SETTINGS.batch_size))
    optimizer = torch.optim.Adam(model.parameters(), foreach=False)
    F.cross_entropy(model(x), y).backward()
    optimizer.step()


def score_once(graph: Graph) -> None:
    model = build(graph).eval()
    with torch.inference_mode():
        model(random_batch(graph, SCORING_BATCH)[0].clone())


@pytest.mark.parametrize("case", CASES)
def test_torch_never_takes_more_and_never_a_small_part_of_it(case: str):
    torch.optim.Adam([torch.zeros(1)])  # what its first use imports is no part of the step
    real = max(peak(lambda: train_once(CASES[case])), peak(lambda: score_once(CASES[case])))
    estimate = peak_memory(CASES[case], SETTINGS)
    assert real <= estimate <= 4 * real + held(0, 0)


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="only Linux tells what a process took at most")
@pytest.mark.parametrize("work", ["train", "score"])
@pytest.mark.parametrize("kernel", [1, 3])
def test_a_process_takes_no_more_with_few_channels(work: str, kernel: int):
    """What oneDNN copies is no matter of torch's allocator; kernels of 1 have copies of input and output."""
    code = (
        "from tests.benchmarks.memory import *\n"
        f"layer = Conv1d(2, kernel={kernel}, norm='none', activation='none')\n"
        f"case = (LayeredSpec((layer, layer), 'avg'), Task((2, 1024), HEAD), {work!r}, 2)\n"
        "print(measured(case), estimated(case))"
    )
    root = Path(__file__).parents[3]
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=root)
    real, estimate = map(int, done.stdout.split())
    assert real <= estimate + 2 * 2**20


def held(kept: int, largest: int, convolutions: int = 0) -> int:
    """Return the bytes beside tensors: freed ones of `largest` numbers at most, and code."""
    return kept * 4 * largest + int((2 + 1.25 * convolutions) * 2**20)


def test_a_perceptron_by_hand():
    # 100 -> 50 -> 10: numbers in the state. Kept: the product for its norm, mean and deviation of a group, what relu
    # gives, and of the loss the logarithms of probabilities and a sum. Then twice the loss, and four times the largest.
    spec = LayeredSpec((Linear(50),))
    numbers = 100 * 50 + 50 + 2 * 50 + 50 * 10 + 10
    groups = ops.num_groups((50,))
    example = 100 + (50 + 2 * groups + 50 + 10) + 2 * 10 + 4 * 50
    large = replace(SETTINGS, batch_size=1000)  # or scoring would take more
    more = held(6, 1000 * 50)
    assert state_size(layout(spec.lower(VECTOR))) == numbers
    assert peak_memory(spec.lower(VECTOR), large) == 4 * (6 * numbers + 1000 * example + 1) + more
    sgd = replace(large, optimizer="sgd")
    assert peak_memory(spec.lower(VECTOR), sgd) == 4 * (4 * numbers + 1000 * example + 1) + more
    sgd = replace(large, optimizer="sgd", momentum=0.9, proximal_mu=0.1)
    assert peak_memory(spec.lower(VECTOR), sgd) == 4 * (7 * numbers + 1000 * example + 1) + more
    # At the norm: the input, which stays; the product, the normalised one, and its group's mean and deviation.
    scoring = 4 * (2 * numbers + 512 * (100 + 2 * 50 + 2 * groups)) + held(4, 512 * 50)
    assert peak_memory(spec.lower(VECTOR), replace(SETTINGS, batch_size=1)) == scoring


@pytest.mark.parametrize(("channels", "blocked"), [(1, 16), (3, 16), (16, 16), (17, 32)])
def test_few_channels_are_copied_in_blocks_of_sixteen(channels: int, blocked: int):
    # 1 x 128 -> channels x 128, its mean, and 6 logits; the copies have 16 channels of the input, and whole blocks.
    spec = LayeredSpec((Conv1d(channels, kernel=3, norm="none", activation="none"),), "avg")
    graph = spec.lower(Task((1, 128), Classification(6)))
    numbers = channels * 3 + channels + channels * 6 + 6
    read, made, copies = 128, channels * 128, (16 * 128, blocked * 128)
    assert scoring_memory(graph) == 4 * (2 * numbers + 512 * (read + made + sum(copies))) + held(4, 512 * made, 1)
    passing = read + made + sum(copies) + max(copies)  # more than 4 times the largest, up to 17 channels
    assert passing > 4 * made
    kept = channels + 6  # the mean, which the head reads; the loss. A mean keeps nothing, and the input is apart
    example = read + kept + 2 * 6 + passing
    assert training_memory(graph, SETTINGS) == 4 * (6 * numbers + 32 * example + 1) + held(6, 32 * made, 1)


def test_tensors_above_32_mib_are_not_kept():
    # 512 examples of 16 x 1024 numbers of 4 bytes are 32 MiB; of 17 channels more.
    for channels, largest in ((15, 512 * 15 * 1024), (16, 512 * 16 * 1024), (17, 512 * 16 * 1024)):
        spec = LayeredSpec((Conv1d(channels, kernel=1, norm="none", activation="none"),), "avg")
        graph = spec.lower(Task((1, 1024), Classification(2)))
        numbers = 2 * channels + channels * 2 + 2
        blocked = 16 * 1024 if channels < 17 else 32 * 1024
        example = 1024 + channels * 1024 + 16 * 1024 + blocked
        assert scoring_memory(graph) == 4 * (2 * numbers + 512 * example) + held(4, largest, 1)


def residual(depth: int) -> Graph:
    """A tower of 1x1 convolutions, each added to its input."""
    first = Conv2d(16, norm="none")
    tower = (Conv2d(16, kernel=1, norm="none", skip=index) for index in range(depth))
    return LayeredSpec((first, *tower), "avg").lower(IMAGE)


def test_scoring_keeps_nothing_that_no_later_node_reads():
    # Of 16 x 32 x 32 numbers: a layer's input, which waits, its output, and their sum; or both, and copies of both.
    values = 16 * 32 * 32
    for depth in (2, 12):
        graph = residual(depth)
        assert live_numbers(graph)[0] == values
        assert max(live_numbers(graph)) == 3 * values
        assert peak_memory(graph, replace(SETTINGS, batch_size=1)) == 4 * (
            2 * state_size(layout(graph)) + 512 * (3 * 32 * 32 + 4 * values)
        ) + held(4, 512 * values, depth + 1)
        assert peak(lambda: score_once(graph)) <= peak_memory(graph, replace(SETTINGS, batch_size=1))  # noqa: B023


def test_what_waits_beside_the_input_of_a_node_by_hand():
    # Of 16 x 36 numbers: small and large wait while the third is computed, which has copies of its input, in blocks of
    # 16, and of its output; at the first sum all three do, two sums, and no copies.
    graph = branched()
    values = 16 * 36
    scoring = 2 * state_size(layout(graph)) + 512 * (3 * 36 + 5 * values)
    more = held(4, 512 * values, 3)
    assert peak_memory(graph, replace(SETTINGS, batch_size=1)) == 4 * scoring + more
    # Kept: the sum for its norm with mean and deviation of 2 groups, what silu reads; a mask, what both linear maps
    # read, and the loss. A convolution's gradients, 3 x 36 and one, and three copies are more than four of the largest.
    example = 3 * 36 + (2 * values + 4 + 3 * 16 + 5) + 2 * 5 + 3 * 36 + 4 * values
    large = replace(SETTINGS, batch_size=1000)
    more = held(6, 1000 * values, 3)
    assert peak_memory(graph, large) == 4 * (6 * state_size(layout(graph)) + 1000 * example + 1) + more


def test_what_does_not_fit_has_no_estimate():
    with pytest.raises(SpecError, match="Layer 0"):
        peak_memory(LayeredSpec((Conv2d(4),)).lower(VECTOR), SETTINGS)


def test_the_estimate_needs_no_torch():
    code = "import sys, common.architecture.memory; print([n for n in ('torch', 'flwr') if n in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
