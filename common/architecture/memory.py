"""How much memory a job of a spec takes at its peak, estimated without torch and rather too high than too low.

Counted is what one job allocates: its weights as they arrive and as they are trained, gradients, the optimizer's
moments, and the activations of one mini-batch. Not counted is what a node holds in any case (Python with torch and
Flower, some 300 MB; its examples), nor the weights of the other jobs of the same message.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from common.architecture.layout import Step, layout, state_size, steps
from common.architecture.operations import MaxPool, Weighted
from common.architecture.spec import ArchitectureSpec
from common.architecture.task import TaskShape
from common.settings import TrainingSettings

SCORING_BATCH = 512
"""Examples that are scored at a time."""

_BYTES = 4
_PASSING = 4
"""Tensors of the size of the largest one that live for a moment: gradients of activations on their way back, and a
convolution's input and output in the order that oneDNN wants."""


def peak_memory(spec: ArchitectureSpec, task: TaskShape, training: TrainingSettings) -> int:
    """Return the bytes that training or scoring `spec` takes on a node, whichever takes more.

    Parameters
    ----------
    spec, task : ArchitectureSpec, TaskShape
        What is built.
    training : TrainingSettings
        Mini-batch and optimizer.

    Notes
    -----
    With P numbers in the packed state and B examples in a mini-batch, training is taken to need
    ``P (4 + moments + proximal) + B (input + every tensor that the forward pass makes + 4 times the largest)``: the
    received weights, the model, its gradients and their contiguous copies; 2 moments with Adam, 1 with momentum; 2
    more with FedProx (the start, and the distance to it). All that the forward pass makes is taken to be kept for the
    backward pass, though some of it is not. Scoring has a batch of 512 and keeps nothing that a later layer does
    not read. Torch's memory of convolutions is that with oneDNN, as in its wheels for x86-64 and 64-bit ARM; a
    build without it unfolds their inputs and takes more.

    Raises
    ------
    SpecError
        Where spec and task do not fit.
    """
    return _BYTES * max(_training(spec, task, training), _scoring(spec, task))


def _training(spec: ArchitectureSpec, task: TaskShape, training: TrainingSettings) -> int:
    moments = {"adam": 2, "sgd": 1 if training.momentum else 0}[training.optimizer]
    copies = 4 + moments + (2 if training.proximal_mu else 0)
    made = [size for step in steps(spec, task) for size in _made(step)]
    example = math.prod(task.input_shape) + sum(made) + _PASSING * max(made)
    return copies * state_size(layout(spec, task)) + training.batch_size * example


def _scoring(spec: ArchitectureSpec, task: TaskShape) -> int:
    made = [list(_made(step)) for step in steps(spec, task)]
    read_later = any(step.skip is not None for step in steps(spec, task))
    kept = sum(math.prod(step.output_shape) for step in steps(spec, task)) if read_later else 0
    example = math.prod(task.input_shape) + kept + _PASSING * max(size for sizes in made for size in sizes)
    return 2 * state_size(layout(spec, task)) + SCORING_BATCH * example


def _made(step: Step) -> Iterator[int]:
    """Yield the sizes, for one example, of the tensors that a layer makes in the forward pass of training."""
    output = math.prod(step.output_shape)
    if step.reduce in ("avg", "max"):
        yield step.input_shape[0]
    yield output
    if isinstance(step.layer, MaxPool):
        yield 2 * output  # the places of the maxima, as 64-bit integers
    if isinstance(step.layer, Weighted):
        dropout = 3 if step.layer.dropout else 0  # random bits, mask, product
        yield from [output] * ((step.layer.norm != "none") + (step.layer.activation != "none") + dropout)
    if step.name == "classifier":
        yield from [output] * 2  # of the loss
    if step.skip is not None:
        if step.skip.pools:
            yield step.skip.source_shape[0] * math.prod(step.output_shape[1:])
        yield from [output] * (1 + step.skip.projects)
