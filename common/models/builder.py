"""Builds a torch module from a graph, its whole state in one contiguous buffer.

    module = build(spec.lower(task), weights)
    ... train ...
    update = flat_state(module).numpy()

Parameters and buffers are views of that buffer, in the order of `common.architecture.layout`, so what
training changes is the update, and nothing is gathered or copied.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from common.architecture.graph import INPUT, Graph
from common.architecture.initial import initial_weights
from common.architecture.layout import check_size, layout
from common.architecture.tensors import TensorInfo
from common.errors import SpecError
from common.models.operations import module_of
from common.seeding import generator


class GraphNetwork(nn.Module):
    """Nodes with branches between them; for a chain a plain ``nn.Sequential`` does.

    Parameters
    ----------
    graph : Graph
        Its nodes are the module's children, by name.
    """

    def __init__(self, graph: Graph) -> None:
        super().__init__()
        plan: list[tuple[nn.Module, tuple[int, ...], tuple[int, ...]]] = []
        for (name, module), node, done in zip(_modules(graph), graph.nodes, graph.released(), strict=True):
            self.add_module(name, module)
            plan.append((module, _places(node.inputs), _places(done)))
        self._plan = tuple(plan)

    def forward(self, x: Tensor) -> Tensor:
        """Return the output, shape ``(n, width of the head)``; what no later node reads is let go on the way."""
        values: list[Any] = [x]
        for module, inputs, done in self._plan:
            values.append(module(*[values[place] for place in inputs]))
            for place in done:
                values[place] = None
        return cast("Tensor", values[-1])


def build(graph: Graph, weights: NDArray[np.float32] | None = None, device: torch.device | str = "cpu") -> nn.Module:
    """Build the module of a graph, in training mode.

    Parameters
    ----------
    graph : Graph
        What to build.
    weights : NDArray, optional
        Packed state, copied; by default drawn from a seed that is always the same.
    device : torch.device or str
        Where the state lives. ``module.to(...)`` later on would cut the tie to the one buffer.

    Returns
    -------
    nn.Module
        Maps float32 ``(n, *input_shape)`` to ``(n, width of the head)``.

    Raises
    ------
    SpecError
        Where `weights` has another size than the state.
    """
    infos = layout(graph)
    if weights is None:
        weights = initial_weights(graph, generator(0, "build"))
    check_size(np.shape(weights), infos)
    state = torch.from_numpy(np.array(weights, dtype=np.float32)).to(device)
    module = nn.Sequential(OrderedDict(_modules(graph))) if graph.is_chain else GraphNetwork(graph)
    _assign(module, state, infos)
    _move_constants(module, state.device)
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
    tensors = [tensor for trainable in (True, False) for _, _, tensor in _slots(module, trainable=trainable)]
    storage = tensors[0].untyped_storage()
    offset = 0
    for tensor in tensors:
        if tensor.untyped_storage().data_ptr() != storage.data_ptr() or tensor.storage_offset() != offset:
            raise SpecError(
                "The tensors of a module must lie in one buffer", type(module).__name__, fix="Make it with build()"
            )
        offset += tensor.numel()
    return torch.empty(0, device=tensors[0].device).set_(storage, 0, (offset,))  # type: ignore[call-overload,no-any-return]


def _modules(graph: Graph) -> Iterator[tuple[str, nn.Module]]:
    for node in graph.nodes:
        yield node.name, module_of(node.operation, *graph.entering(node))


def _places(indices: tuple[int, ...]) -> tuple[int, ...]:
    """Return where in a list that begins with the network's input the outputs of nodes are."""
    return tuple(index - INPUT for index in indices)


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
    """Yield what of a module's state travels, with its owner and its name there: constants do not."""
    for owner in module.modules():
        named = owner.named_parameters(recurse=False) if trainable else owner.named_buffers(recurse=False)
        for name, tensor in named:
            if name not in owner._non_persistent_buffers_set:
                yield owner, name, tensor


def _move_constants(module: nn.Module, device: torch.device) -> None:
    for owner in module.modules():
        for name in owner._non_persistent_buffers_set:
            setattr(owner, name, getattr(owner, name).to(device))
