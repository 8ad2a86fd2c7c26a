"""Builds a torch module from a spec, its whole state in one contiguous buffer.

    module = build(spec, task, weights)
    ... train ...
    update = flat_state(module).numpy()

Parameters and buffers are views of that buffer, in the order of `common.architecture.layout`, so what
training changes is the update, and nothing is gathered or copied.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from common.architecture.initial import initial_weights
from common.architecture.layout import Step, check_size, layout, steps
from common.architecture.spec import ArchitectureSpec
from common.architecture.task import TaskShape
from common.architecture.tensors import TensorInfo
from common.errors import SpecError
from common.models.operations import Shortcut, modules_of
from common.seeding import generator


class SkipNetwork(nn.Module):
    """Layers with skip connections between them; without any, a plain ``nn.Sequential`` does.

    Parameters
    ----------
    layers : tuple of Step
        The classifier last.
    """

    def __init__(self, layers: tuple[Step, ...]) -> None:
        super().__init__()
        stages: list[tuple[tuple[nn.Module, ...], int, nn.Module | None]] = []
        for step in layers:
            modules = modules_of(step)
            shortcut = None if step.skip is None else Shortcut(step.skip)
            source = 0 if step.skip is None else step.skip.source + 1
            stages.append((tuple(modules.values()), source, shortcut))
            for name, module in modules.items():
                self.add_module(name, module)
            if shortcut is not None:
                self.add_module(f"{step.name}_skip", shortcut)
        self._stages = tuple(stages)

    def forward(self, x: Tensor) -> Tensor:
        """Return logits of shape ``(n, classes)``."""
        outputs = [x]
        for modules, source, shortcut in self._stages:
            for module in modules:
                x = module(x)
            if shortcut is not None:
                x = x + shortcut(outputs[source])
            outputs.append(x)
        return x


def build(
    spec: ArchitectureSpec,
    task: TaskShape,
    weights: NDArray[np.float32] | None = None,
    device: torch.device | str = "cpu",
) -> nn.Module:
    """Build the module of `spec`, in training mode.

    Parameters
    ----------
    spec, task : ArchitectureSpec, TaskShape
        What to build, for which input and classes.
    weights : NDArray, optional
        Packed state, copied; by default freshly drawn from a seed of the spec's own.
    device : torch.device or str
        Where the state lives. ``module.to(...)`` later on would cut the tie to the one buffer.

    Returns
    -------
    nn.Module
        Maps float32 ``(n, *input_shape)`` to logits ``(n, classes)``.

    Raises
    ------
    SpecError
        Where spec and task do not fit, or `weights` has another size than the state.
    """
    infos = layout(spec, task)
    if weights is None:
        weights = initial_weights(spec, task, generator(0, "build", spec.id))
    check_size(np.shape(weights), infos)
    state = torch.from_numpy(np.array(weights, dtype=np.float32)).to(device)
    module = _network(steps(spec, task))
    _assign(module, state, infos)
    return module


def flat_state(module: nn.Module) -> Tensor:
    """Return the one buffer that holds all parameters, then all buffers, of a module made by `build`.

    The first ``sum(p.numel() for p in module.parameters())`` numbers are the trainable ones. It shares
    memory with the module and takes no part in autograd.

    Raises
    ------
    SpecError
        Where the module's tensors do not (or no longer, after ``deepcopy`` or ``to``) share one buffer.
    """
    tensors = [*module.parameters(), *module.buffers()]
    storage = tensors[0].untyped_storage()
    offset = 0
    for tensor in tensors:
        if tensor.untyped_storage().data_ptr() != storage.data_ptr() or tensor.storage_offset() != offset:
            raise SpecError(
                "The tensors of a module must lie in one buffer", type(module).__name__, fix="Make it with build()"
            )
        offset += tensor.numel()
    return torch.empty(0, device=tensors[0].device).set_(storage, 0, (offset,))  # type: ignore[call-overload,no-any-return]


def _network(layers: tuple[Step, ...]) -> nn.Module:
    if any(step.skip is not None for step in layers):
        return SkipNetwork(layers)
    return nn.Sequential(OrderedDict(item for step in layers for item in modules_of(step).items()))


def _assign(module: nn.Module, state: Tensor, infos: tuple[TensorInfo, ...]) -> None:
    """Make every tensor of `module` a view of `state`."""
    slots = [*_slots(module, trainable=True), *_slots(module, trainable=False)]
    if [tuple(tensor.shape) for _, _, tensor in slots] != [info.shape for info in infos]:
        raise SpecError(
            "An operation must declare the tensors of its module, in torch's order",
            [info.name for info in infos],
            fix="Compare its class in common.architecture.operations with its function in common.models.operations",
        )
    start = 0
    for (owner, name, _), info in zip(slots, infos, strict=True):
        view = state[start : start + info.size].view(info.shape)
        setattr(owner, name, nn.Parameter(view) if info.trainable else view)
        start += info.size


def _slots(module: nn.Module, *, trainable: bool) -> Iterator[tuple[nn.Module, str, Tensor]]:
    for owner in module.modules():
        named = owner.named_parameters(recurse=False) if trainable else owner.named_buffers(recurse=False)
        for name, tensor in named:
            yield owner, name, tensor
