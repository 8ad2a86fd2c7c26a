"""What torch really keeps of activations: what autograd saves in training, and what lives in scoring."""

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.autograd.graph import saved_tensors_hooks
from torch.profiler import ProfilerActivity, profile

_KERNELS = ("aten::convolution",)
"""Operations whose own copies, in oneDNN's order, are no activations."""


def saved_by_autograd(module: nn.Module, loss: Callable[[Tensor, Tensor], Tensor], x: Tensor, y: Tensor) -> int:
    """Return the bytes that autograd saves in one forward pass with its loss.

    Of each storage once; without those of parameters, buffers, `x` and `y`.
    """
    apart = {tensor.untyped_storage().data_ptr() for tensor in (*module.parameters(), *module.buffers(), x, y)}
    kept: dict[int, Tensor] = {}

    def keep(tensor: Tensor) -> Tensor:
        kept[tensor.untyped_storage().data_ptr()] = tensor
        return tensor

    module.train()
    with saved_tensors_hooks(keep, lambda tensor: tensor):
        value = loss(module(x), y)
    found = sum(tensor.untyped_storage().nbytes() for place, tensor in kept.items() if place not in apart)
    assert value.requires_grad
    return found


def peak_in_scoring(module: nn.Module, x: Tensor) -> int:
    """Return the most bytes of torch's allocator that live at a time in a forward pass, without oneDNN's copies."""
    module.eval()
    with torch.inference_mode():
        module(x)  # what is made once is made
        with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiler:
            module(x)
    events = sorted(profiler.profiler.kineto_results.events(), key=lambda event: event.start_ns())
    living = most = 0
    until = -math.inf
    for event in events:
        if event.start_ns() > until:
            most = max(most, living)
        if event.name() == "[memory]":
            living += event.nbytes()
        elif event.name() in _KERNELS:
            until = max(until, event.start_ns() + event.duration_ns())
    return max(most, living)
