"""Trains one model on one node's examples: the loop that nearly all of a search's time goes into.

What it leaves out is deliberate. There is no ``torch.optim`` (building one of its optimizers imports
torch._dynamo and sympy, more than a second in every process, and on a deployed node every message is a
process), no DataLoader (the examples are in memory: they are shuffled once an epoch and sliced), no
``loss.item()`` and no pass that zeroes gradients in a step. The fused kernels are those behind
``torch.optim.Adam(fused=True)`` and ``SGD(fused=True)``, and give the same weights.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable

import torch
from torch import Tensor, nn

from common.data.base import Examples
from common.models.dropout import Dropout
from common.seeding import child_seed, generator
from common.settings import TrainingSettings
from common.tasks import Head

Tensors = list[Tensor]
Step = Callable[[Tensors], None]
Loss = Callable[[Tensor, Tensor], Tensor]
Augment = Callable[[Tensor], Tensor]

_BETA1, _BETA2, _EPS = 0.9, 0.999, 1e-8  # torch.optim.Adam's defaults

# What loss.backward() calls; its wrappers in Python cost a tenth of the step of a small MLP.
_run_backward = torch.autograd.Variable._execution_engine.run_backward


def train(
    model: nn.Module,
    examples: Examples,
    head: Head,
    settings: TrainingSettings,
    seed: int,
    teacher: nn.Module | None = None,
    part: nn.Module | None = None,
) -> float:
    """Train `model` in place, with a fresh optimizer.

    Parameters
    ----------
    model : nn.Module
        Left in training mode, but for what is not trained of it.
    examples : Examples
        At least one; the last mini-batch of an epoch may be a short one.
    head : Head
        What is trained on, and which loss is lowered.
    settings : TrainingSettings
        Optimizer, learning rate (that of the round), mini-batches, epochs, smoothing, augmentation.
    seed : int
        Of the mini-batches, of their augmentation and of dropout; torch's global state is neither used nor changed.
    teacher : nn.Module, optional
        A larger network from whose outputs it learns too; see `client_app.distillation`.
    part : nn.Module, optional
        What of the model is trained; None for all of it. The rest computes as it does in a score, and nothing of it
        changes, statistics of norms included.

    Returns
    -------
    float
        Mean loss of the last epoch over the examples, each taken when it was trained on. Not finite where
        training diverged; it ends with the epoch in which it did.

    Raises
    ------
    ConfigError
        The head or the examples do not have what `settings` ask for.
    """
    model.train()
    if part is not None:
        model.eval().requires_grad_(False)
        part.train().requires_grad_()
    seed_dropout(model, seed)
    parameters: Tensors = list((model if part is None else part).parameters())
    step = stepping(parameters, settings)
    order = generator(seed, "batches")
    criterion = head.loss(settings.label_smoothing, balanced=settings.class_weights == "balanced")
    examples = Examples(examples.x, head.targets(examples.y))
    augment = augmenting(settings, examples, parameters[0].device, seed)
    forward: Callable[[Tensor], Tensor] = model
    if teacher is not None:
        from client_app.distillation import taught  # most nodes never need it

        forward, criterion = taught(model, teacher, head, criterion)
    loss = math.nan
    for _ in range(settings.epochs):
        shuffled = examples.take(order.permutation(len(examples)))
        loss = _epoch(forward, parameters, shuffled, settings.batch_size, criterion, step, augment)
        if not math.isfinite(loss):
            break
    return loss


def stepping(parameters: Tensors, settings: TrainingSettings) -> Step:
    """Return what takes one step of the parameters, in place, by their gradients, which it may change."""
    return _proximal(parameters, settings, _OPTIMIZERS[settings.optimizer](parameters, settings))


def augmenting(settings: TrainingSettings, examples: Examples, device: torch.device, seed: int) -> Augment | None:
    """Return what changes each mini-batch; None where nothing does."""
    if not settings.augmentation:
        return None
    from client_app.augmentation import augmenter  # a node whose recipe has none does not pay for it

    return augmenter(settings.augmentation, examples.x, device, seed)


def _epoch(
    forward: Callable[[Tensor], Tensor],
    parameters: Tensors,
    examples: Examples,
    batch_size: int,
    criterion: Loss,
    step: Step,
    augment: Augment | None,
) -> float:
    device = parameters[0].device
    inputs: Iterable[Tensor] = torch.split(torch.from_numpy(examples.x).to(device), batch_size)
    targets = torch.split(torch.from_numpy(examples.y).to(device), batch_size)
    if augment is not None:
        inputs = map(augment, inputs)
    leaves, one = tuple(parameters), torch.ones((), device=device)
    losses = []
    for x, y in zip(inputs, targets, strict=True):
        loss = criterion(forward(x), y)
        step(gradients(loss, leaves, one))
        losses.append(loss.detach())
    return mean_of(losses, [len(y) for y in targets])


def gradients(loss: Tensor, leaves: tuple[Tensor, ...], one: Tensor | None = None) -> Tensors:
    """Return the gradients of a loss, contiguous.

    Parameters
    ----------
    loss : Tensor
        A scalar, whose graph is let go.
    leaves : tuple of Tensor
        By which; it depends on each.
    one : Tensor, optional
        The scalar 1, of the loss's type and device; a loop makes it once.
    """
    ones = (torch.ones_like(loss) if one is None else one,)
    found = _run_backward((loss,), ones, False, False, leaves, allow_unreachable=True, accumulate_grad=False)
    return [gradient.contiguous() for gradient in found]


def mean_of(losses: Tensors, sizes: list[int]) -> float:
    """Return the mean of the losses of mini-batches of these sizes, weighted by them."""
    weights = torch.tensor(sizes, dtype=losses[0].dtype, device=losses[0].device)
    return float(torch.stack(losses) @ weights) / sum(sizes)


def _adam(parameters: Tensors, settings: TrainingSettings) -> Step:
    return adam(parameters, settings.learning_rate, settings.weight_decay)


def adam(parameters: Tensors, learning_rate: float, weight_decay: float, beta1: float = _BETA1) -> Step:
    """Return a step of Adam with L2 in the gradient (Kingma & Ba, ICLR 2015)."""
    weights = [parameter.detach() for parameter in parameters]
    mean = [torch.zeros_like(weight) for weight in weights]
    variance = [torch.zeros_like(weight) for weight in weights]
    count = torch.zeros((), device=weights[0].device)
    counts = [count] * len(weights)

    def step(gradients: Tensors) -> None:
        count.add_(1)
        torch._fused_adam_(
            weights,
            gradients,
            mean,
            variance,
            [],
            counts,
            lr=learning_rate,
            beta1=beta1,
            beta2=_BETA2,
            weight_decay=weight_decay,
            eps=_EPS,
            amsgrad=False,
            maximize=False,
        )

    return step


def _sgd(parameters: Tensors, settings: TrainingSettings) -> Step:
    """Stochastic gradient descent with heavy-ball momentum and L2 in the gradient."""
    weights = [parameter.detach() for parameter in parameters]
    velocity = [torch.zeros_like(weight) for weight in weights] if settings.momentum else []

    def step(gradients: Tensors) -> None:
        torch._fused_sgd_(
            weights,
            gradients,
            velocity,
            lr=settings.learning_rate,
            momentum=settings.momentum,
            weight_decay=settings.weight_decay,
            dampening=0.0,
            nesterov=False,
            maximize=False,
            is_first_step=False,  # from a velocity of zeros the first step is the gradient, as in torch.optim
        )

    return step


_OPTIMIZERS: dict[str, Callable[[Tensors, TrainingSettings], Step]] = {"adam": _adam, "sgd": _sgd}


def _proximal(parameters: Tensors, settings: TrainingSettings, step: Step) -> Step:
    """Add FedProx's ``mu (w - w0)`` to the gradients (Li et al., MLSys 2020, equation 2)."""
    if not settings.proximal_mu:
        return step
    weights = [parameter.detach() for parameter in parameters]
    start = [weight.clone() for weight in weights]

    def pulled(gradients: Tensors) -> None:
        torch._foreach_add_(gradients, torch._foreach_sub(weights, start), alpha=settings.proximal_mu)
        step(gradients)

    return pulled


def seed_dropout(model: nn.Module, seed: int) -> None:
    """Begin the masks of each dropout of a model anew."""
    for index, module in enumerate(module for module in model.modules() if isinstance(module, Dropout)):
        module.seed(child_seed(seed, "dropout", index))
