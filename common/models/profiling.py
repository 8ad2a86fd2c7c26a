"""Measures what the operations of networks take on this machine: a microbenchmark of a second or two.

Each family of operations is timed on a few shapes, forward as in scoring, and forward with backward as in training; the
median of a few repetitions counts. `common.architecture.latency` makes a linear
model of it. Nothing is measured unless somebody asks for it.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Collection, Iterable
from statistics import median
from typing import Any

import torch
from torch import Tensor

from common.architecture import operations as ops
from common.architecture.latency import FORWARD, OPTIMIZER, STEP, Coefficients, Load, Profile, Table, fit, load_of
from common.architecture.operations import Operation
from common.architecture.tensors import Shape
from common.models.operations import module_of
from common.preprocessing.scaling import Scaling

Case = tuple[Operation, tuple[Shape, ...]]

_VECTORS: tuple[Shape, ...] = ((16,), (64,), (256,))
_SEQUENCES: tuple[Shape, ...] = ((4, 32), (16, 64), (32, 64))
_IMAGES: tuple[Shape, ...] = ((4, 8, 8), (16, 16, 16), (32, 16, 16))
_STEPS: tuple[Shape, ...] = ((4, 8), (16, 8), (8, 24))
"""Of recurrent layers, which take long."""
_SMALL, _FEW, _MANY = 1024, 8, 32
"""Examples in a batch: few where one has no more numbers than this, so that a call shows, else many."""
_SECONDS, _REPEATS = 0.001, 3
"""Seconds that one case is repeated for, and repetitions at least."""
_SHORTEST = 1e-7
_CLASSES = 10

# Without the wrappers of ``backward``, as in training.
_run_backward = torch.autograd.Variable._execution_engine.run_backward


def profile(device: torch.device, threads: Iterable[int], families: Collection[str] | None = None) -> Profile:
    """Measure this machine.

    Parameters
    ----------
    device : torch.device
        Where operations are computed.
    threads : iterable of int
        Numbers of threads to measure with; 1 is among them in any case.
    families : collection of str, optional
        What to measure; by default all of `families_of_cases`. What no operation has, a step, is there in any case.

    Notes
    -----
    Only the number of threads of this process is changed, and put back.
    """
    given, random = torch.get_num_threads(), torch.get_rng_state()
    tables = {}
    try:
        for number in sorted({1, *threads}):
            torch.set_num_threads(number)
            tables[number] = _table(device, families)
    finally:
        torch.set_num_threads(given)
        torch.set_rng_state(random)
    return Profile(device.type, torch.__version__.partition("+")[0], tables)


def cases() -> dict[str, list[Case]]:
    """Return what is timed, by family: an operation with the shapes that enter it."""
    spatial = (*_SEQUENCES, *_IMAGES)
    found: list[Case] = [(ops.Linear(width), (shape,)) for shape in _VECTORS for width in (16, 128)]
    found += [(ops.Bias(_CLASSES), (shape,)) for shape in _VECTORS]
    for shape in spatial:
        width = shape[0]
        found += [(ops.Convolution(2 * width, kernel), (shape,)) for kernel in (1, 3)]
        found += [(ops.Convolution(width, kernel, stride=2), (shape,)) for kernel in (1, 5)]
        found += [(ops.Convolution(width, kernel, depthwise=True), (shape,)) for kernel in (3, 5)]
        found += [(pool(2, 2), (shape,)) for pool in (ops.MaxPool, ops.AvgPool)]
        found += [(pool(3, 1, padded=True), (shape,)) for pool in (ops.MaxPool, ops.AvgPool)]
        found += [(ops.GlobalPool(how), (shape,)) for how in ("avg", "max", "log_std")]
        found += [(ops.AverageTo((4,) * (len(shape) - 1)), (shape,)), (ops.Flatten(), (shape,))]
        found += [(ops.ExampleNorm(), (shape,)), (ops.Positions(), (shape,)), (ops.Multiply(), (shape, shape[:1]))]
        found += [
            (ops.Standardise(Scaling((0.0,) * width, (1.0,) * width)), (shape,)),
            (ops.SelfAttention(2), (shape,)),
        ]
    for shape in _SEQUENCES:
        found += [(ops.LogEnergy(8), (shape,))]
    found += [(ops.GRU(width), (shape,)) for shape in _STEPS for width in (8, 32)]
    for shape in (*_VECTORS, *_SEQUENCES[1:], *_IMAGES[1:]):
        found += [(ops.Activation(function), (shape,)) for function in (*ops.ACTIVATIONS, *ops.GATES)]
        found += [(ops.GroupNorm(ops.num_groups(shape)), (shape,)), (ops.LayerNorm(), (shape,))]
        found += [(ops.BatchNorm(), (shape,)), (ops.Dropout(0.1), (shape,))]
        found += [(ops.Add(), (shape, shape)), (ops.Concatenate(), (shape, shape))]
    by_family: dict[str, list[Case]] = {}
    for operation, shapes in found:
        by_family.setdefault(operation.family(*shapes), []).append((operation, shapes))
    return by_family


def seconds(work: Callable[[], object], device: torch.device, budget: float = _SECONDS) -> float:
    """Return the median of how long `work` takes, after once that does not count.

    On a CPU with one thread the processor's time counts, so that waiting for others does not.
    """
    clock = time.thread_time if device.type == "cpu" and torch.get_num_threads() == 1 else time.perf_counter
    work()
    found: list[float] = []
    spent = 0.0
    while spent < budget or len(found) < _REPEATS:
        _wait(device)
        begin = clock()
        work()
        _wait(device)
        found.append(clock() - begin)
        spent += found[-1]
    return max(median(found), _SHORTEST)


def _table(device: torch.device, families: Collection[str] | None) -> Table:
    nothing = _backward_of(torch.nn.Identity(), [torch.zeros(1, requires_grad=True, device=device)])
    start = seconds(nothing, device)  # of a backward pass, which a step has once
    scoring, training = {FORWARD: _forward(device)}, _step(device)
    for family, timed in cases().items():
        if families is not None and family not in families:
            continue
        forward, both = [], []
        for operation, shapes in timed:
            batch = _FEW if math.prod(shapes[0]) <= _SMALL else _MANY
            load = load_of(family, operation, shapes, batch)
            module = _module(operation, shapes, device).eval()
            inputs = [torch.rand(batch, *shape, device=device) for shape in shapes]
            with torch.inference_mode():
                forward.append((load, seconds(lambda: module(*inputs), device)))  # noqa: B023
            times = 2 + bool(operation.tensors(*shapes))
            work = _backward_of(module.train(), [tensor.requires_grad_() for tensor in inputs])
            taken = max(seconds(work, device) - start, _SHORTEST)
            both.append((load._replace(macs=load.macs * times), taken))
        scoring[family], training[family] = fit(forward), fit(both)
    return Table(scoring, training)


def _forward(device: torch.device) -> Coefficients:
    """Measure what comes with each batch: from numpy, and its outputs back."""
    measured = []
    for numbers in (32, 3200, 32 * 3200):
        batch = torch.zeros(numbers).numpy()
        taken = seconds(lambda: torch.from_numpy(batch).to(device)[:10].cpu().numpy(), device)  # noqa: B023
        measured.append((Load(FORWARD, 1, 0, 4 * numbers), taken))
    return fit(measured)


def _step(device: torch.device) -> dict[str, Coefficients]:
    """Measure what a step takes beside its operations: loss and backward pass of logits, and Adam."""
    losses, steps = [], []
    for batch in (4, 32, 128):
        logits = torch.zeros(batch, _CLASSES, requires_grad=True, device=device)
        labels = torch.zeros(batch, dtype=torch.int64, device=device)
        work = _backward_of(lambda x, y=labels: torch.nn.functional.cross_entropy(x, y), [logits])
        losses.append((Load(STEP, 1, 0, 4 * logits.numel()), seconds(work, device)))
    for count, size in ((2, 16), (10, 16), (2, 10_000), (20, 10_000), (2, 200_000)):
        tensors = [[torch.zeros(size, device=device) for _ in range(count)] for _ in range(4)]
        counts = [torch.ones((), device=device)] * count
        steps.append((Load(OPTIMIZER, count, 0, 4 * count * size), seconds(lambda: _adam(tensors, counts), device)))  # noqa: B023
    return {STEP: fit(losses), OPTIMIZER: fit(steps)}


def _adam(tensors: list[list[Tensor]], counts: list[Tensor]) -> None:
    weights, gradients, mean, variance = tensors
    options: dict[str, Any] = {"weight_decay": 0.0, "eps": 1e-8, "amsgrad": False, "maximize": False}
    contiguous = [gradient.contiguous() for gradient in gradients]
    torch._fused_adam_(weights, contiguous, mean, variance, [], counts, lr=0.0, beta1=0.9, beta2=0.999, **options)


def _backward_of(forward: Callable[..., Any], inputs: list[Tensor]) -> Callable[[], object]:
    """Return what does a forward pass, and the gradients of inputs and parameters."""
    parameters = list(forward.parameters()) if isinstance(forward, torch.nn.Module) else []
    leaves = (*inputs, *parameters)
    one = torch.ones_like(forward(*inputs))

    def work() -> object:
        outputs = (forward(*inputs),)
        return _run_backward(outputs, (one,), False, False, leaves, allow_unreachable=True, accumulate_grad=False)

    return work


def _module(operation: Operation, shapes: tuple[Shape, ...], device: torch.device) -> torch.nn.Module:
    module = module_of(operation, *shapes)
    if any(tensor.is_meta for tensor in module.parameters()):
        module = module.to_empty(device=device)
        for tensor in (*module.parameters(), *module.buffers()):
            torch.nn.init.constant_(tensor, 0.01)
    return module.to(device)


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
