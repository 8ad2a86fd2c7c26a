"""A spec laid out for a task: what enters and leaves each layer, and every tensor of the model's state.

The packed state that travels is one float32 array: all trainable tensors in the order of torch's
``named_parameters``, then all buffers in the order of ``named_buffers``. So the trainable numbers are
one contiguous range, and without batch norm the order is that of ``state_dict``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from common.architecture.operations import Layer, Linear, Weighted
from common.architecture.spec import ArchitectureSpec
from common.architecture.task import TaskShape
from common.architecture.tensors import Shape, TensorInfo
from common.errors import SpecError

__all__ = ["Skip", "Step", "TensorInfo", "layout", "state_size", "steps", "unpack"]


@dataclass(frozen=True)
class Skip:
    """A skip connection in place.

    Spatial features are averaged down to the target's extents (to a vector where the target is one); where
    channels differ, a projection without bias (a 1x1 convolution, or a linear map) follows.

    Parameters
    ----------
    source : int
        Layer whose output is added; -1 is the network's input.
    source_shape, target_shape : Shape
        What the connection starts from and what it is added to.
    """

    source: int
    source_shape: Shape
    target_shape: Shape

    @property
    def pools(self) -> bool:
        """Whether the extents differ."""
        return self.source_shape[1:] != self.target_shape[1:]

    @property
    def projects(self) -> bool:
        """Whether the channels differ."""
        return self.source_shape[0] != self.target_shape[0]

    def tensors(self) -> tuple[TensorInfo, ...]:
        """Return the projection's weight, if there is one."""
        if not self.projects:
            return ()
        shape = (self.target_shape[0], self.source_shape[0], *[1] * (len(self.target_shape) - 1))
        return (TensorInfo("weight", shape, "uniform", self.source_shape[0]),)

    def macs(self) -> int:
        """Return the projection's multiply-accumulates."""
        return self.source_shape[0] * math.prod(self.target_shape) if self.projects else 0


@dataclass(frozen=True)
class Step:
    """One layer in place.

    Parameters
    ----------
    name : str
        Name of its module: ``layer0``, ``layer1``, ..., ``classifier``.
    layer : Layer
        What is done.
    reduce : str, optional
        How spatial features become a vector first; None where they need not.
    input_shape, output_shape : Shape
        Without the batch axis; `input_shape` is that after `reduce`.
    skip : Skip, optional
        What is added to the output.
    """

    name: str
    layer: Layer
    reduce: str | None
    input_shape: Shape
    output_shape: Shape
    skip: Skip | None = None

    def tensors(self) -> tuple[TensorInfo, ...]:
        """Return the step's tensors with their full names, parameters and buffers as torch's modules hold them."""
        parts = [(self.name, self.layer.tensors(self.input_shape))]
        if isinstance(self.layer, Weighted):
            parts.append((f"{self.name}_norm", _norm_tensors(self.layer)))
        if self.skip is not None:
            parts.append((f"{self.name}_skip", self.skip.tensors()))
        return tuple(
            TensorInfo(f"{module}.{tensor.name}", tensor.shape, tensor.init, tensor.fan_in, tensor.trainable)
            for module, tensors in parts
            for tensor in tensors
        )

    def macs(self) -> int:
        """Return the multiply-accumulates of one example."""
        return self.layer.macs(self.input_shape) + (self.skip.macs() if self.skip else 0)


@lru_cache(maxsize=1024)
def steps(spec: ArchitectureSpec, task: TaskShape) -> tuple[Step, ...]:
    """Lay `spec` out for `task`, the classifier last.

    Raises
    ------
    SpecError
        Where a layer does not fit what enters it; names the layer.
    """
    found: list[Step] = []
    outputs: list[Shape] = []
    shape = task.input_shape
    for index, layer in enumerate(spec.layers):
        try:
            step = _step(f"layer{index}", layer, shape, spec.reduce, (task.input_shape, *outputs))
        except SpecError as error:
            raise SpecError(f"Layer {index}: {str(error).removesuffix('.')}") from None
        found.append(step)
        shape = step.output_shape
        outputs.append(shape)
    classifier = Linear(task.num_classes, activation="none", norm="none")
    return (*found, _step("classifier", classifier, shape, spec.reduce, ()))


@lru_cache(maxsize=1024)
def layout(spec: ArchitectureSpec, task: TaskShape) -> tuple[TensorInfo, ...]:
    """Return every tensor of the model's state, in packed order: trainable ones, then buffers.

    Raises
    ------
    SpecError
        Where the two do not fit.
    """
    tensors = [tensor for step in steps(spec, task) for tensor in step.tensors()]
    return (*(t for t in tensors if t.trainable), *(t for t in tensors if not t.trainable))


def state_size(tensors: tuple[TensorInfo, ...]) -> int:
    """Count the numbers of a packed state."""
    return sum(tensor.size for tensor in tensors)


def unpack(packed: NDArray[np.float32], tensors: tuple[TensorInfo, ...]) -> dict[str, NDArray[np.float32]]:
    """Return views of a packed state, by name.

    Parameters
    ----------
    packed : NDArray
        float32, shape ``(state_size(tensors),)``.
    tensors : tuple of TensorInfo
        From `layout`.

    Raises
    ------
    SpecError
        Where the sizes differ.
    """
    check_size(packed.shape, tensors)
    views, start = {}, 0
    for tensor in tensors:
        views[tensor.name] = packed[start : start + tensor.size].reshape(tensor.shape)
        start += tensor.size
    return views


def check_size(shape: tuple[int, ...], tensors: tuple[TensorInfo, ...]) -> None:
    """Raise `SpecError` unless `shape` is that of the packed state of `tensors`."""
    size = state_size(tensors)
    if tuple(shape) != (size,):
        raise SpecError(
            f"The packed weights of this spec must be one array of {size} numbers",
            tuple(shape),
            fix="Pack them for the same spec and task",
        )


def _step(name: str, layer: Layer, shape: Shape, reduce: str, sources: tuple[Shape, ...]) -> Step:
    how = reduce if 0 in layer.axes and len(shape) > 1 else None
    if how is not None:
        shape = (math.prod(shape) if how == "flatten" else shape[0],)
    output = layer.output_shape(shape)
    skip = None
    if isinstance(layer, Weighted):
        if layer.norm == "group" and math.prod(output) < 2:
            raise SpecError(
                "group norm needs 2 values or more, a single one always becomes 0",
                output,
                fix="Use norm none or a greater width",
            )
        if layer.skip is not None:
            skip = Skip(layer.skip, sources[layer.skip + 1], output)
    return Step(name, layer, how, shape, output, skip)


def _norm_tensors(layer: Weighted) -> tuple[TensorInfo, ...]:
    if layer.norm == "none":
        return ()
    shape = (layer.width,)
    affine = (TensorInfo("weight", shape, "ones"), TensorInfo("bias", shape, "zeros"))
    if layer.norm == "group":
        return affine
    mean = TensorInfo("running_mean", shape, "zeros", trainable=False)
    return (*affine, mean, TensorInfo("running_var", shape, "ones", trainable=False))
