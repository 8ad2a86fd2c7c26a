"""Trains a mixed spec: its weights on some of a node's examples, and its architecture weights on the others.

Each epoch goes through both parts once, in mini-batches of the recipe's size, in an order of its own each. Steps of the
architecture are spread evenly among those of the weights, and come before them, as in the code of DARTS (H. Liu, K.
Simonyan & Y. Yang, ICLR 2019); where both parts are as large, one comes before each. With n examples of the weights and
m of the architecture, an epoch takes passes (forward and backward) over

    first    n + m
    mixed    n + 2 m    the second m of the weights' mini-batches, those that are trained on next
    second   n + 4 m    three of these m
    none     n          where no architecture weights are stepped

but for what short mini-batches change. Dropout plays no part in the architecture's gradients, for differences of two
would be those of their masks; the running statistics of batch norm count all passes, and nobody scores by them.
Optimizers begin anew in each round, those of the architecture weights, too.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from client_app.architecture_gradient import Found, first_order, mixed_level, second_order
from client_app.capability import device, threads_for
from client_app.node import Node
from client_app.training import Tensors, adam, augmenting, gradients, mean_of, seed_dropout, stepping
from common.architecture.cost import cost_of
from common.architecture.kinds.mixed import MixedSpec
from common.data import Examples
from common.data.splits import hold_out
from common.errors import ProtocolError
from common.jobs import Job, Order, Result
from common.models.builder import build, flat_state
from common.models.dropout import Dropout
from common.models.mixing import set_shares
from common.precision import check_finite
from common.seeding import child_seed, generator
from common.settings import BilevelSettings, DatasetSettings, TrainingSettings
from common.tasks import Head

_BETA1 = 0.5
"""Of Adam on architecture weights, as in the code of DARTS."""

Batch = tuple[Tensor, Tensor]


def search(job: Job, order: Order, node: Node, examples: Examples) -> Result:
    """Do a bilevel job.

    Parameters
    ----------
    job : Job
        Of kind ``bilevel``.
    order : Order
        Whose seed draws the architecture's part, mini-batches and noise.
    node : Node
        Whose name they are drawn for.
    examples : Examples
        Its training examples.

    Returns
    -------
    Result
        With both arrays. Architecture weights come back as they came where they are not to be stepped, or where the
        node has examples of one class alone to step them by: whoever answers always the same would then be the best.

    Raises
    ------
    ProtocolError
        The job is no bilevel one.
    """
    spec, settings = job.spec, job.work.bilevel
    if not isinstance(spec, MixedSpec) or settings is None:
        raise ProtocolError("A bilevel job needs a mixed spec and its settings", job.id)
    training = job.work.training.in_round(job.work.round, job.work.rounds)
    graph, head = spec.lower(order.task), order.task.head
    model = build(graph, job.arrays["weights"], device())
    alphas = torch.from_numpy(job.arrays["alphas"].copy()).to(device()).requires_grad_()
    own_seed = child_seed(order.seed, "architecture", node.name)
    trained, own = parts(examples, head, order.dataset, settings.fraction, own_seed)
    seed = child_seed(order.seed, "bilevel", job.trial, job.work.round, node.name)
    bilevel = Bilevel(model, spec, alphas, head, training, settings, seed)
    with threads_for(cost_of(graph).macs * training.batch_size):
        losses = bilevel.train(trained, own if settings.steps_alphas and tells(own, head) else None)
    arrays = {"weights": flat_state(model).cpu().numpy(), "alphas": alphas.detach().cpu().numpy()}
    if not all(map(math.isfinite, losses.values())) or not all(np.isfinite(array).all() for array in arrays.values()):
        told = ", ".join(f"{name.replace('_', ' ')} {value:g}" for name, value in losses.items())
        reason = f"The bilevel search diverged ({told}); a lower training.learning_rate may help"
        return Result(job.id, "failed", reason)
    for name, array in arrays.items():
        check_finite(f"The trained {name}", array, order.precision)
    return Result(job.id, "done", "", len(examples), losses, arrays=arrays)


def parts(
    examples: Examples, head: Head, settings: DatasetSettings, fraction: float, seed: int
) -> tuple[Examples, Examples]:
    """Return a node's training examples in two parts: what weights are trained on, and the architecture's own.

    The same in each round, by class and in the way in which validation examples are held out. Where that would leave
    nothing to train weights on, the architecture has none.

    Parameters
    ----------
    examples : Examples
        All of them.
    head : Head
        Says which classes there are.
    settings : DatasetSettings
        With ``split`` and ``gap``.
    fraction : float
        The architecture's part.
    seed : int
        Of the run and the node.
    """
    strata = head.strata(examples.y)
    labels = np.zeros(len(examples), np.int64) if strata is None else strata
    gap = settings.gap if settings.split == "block" else None
    rest, held = hold_out(labels, np.arange(len(labels)), fraction, gap, generator(seed, "parts"))
    return (examples.take(rest), examples.take(held)) if len(rest) else (examples, examples.take(rest))


def tells(own: Examples, head: Head) -> bool:
    """Tell whether architecture weights may be stepped by some examples: there are any, of two classes at least."""
    labels = head.strata(own.y)
    return len(own) > 0 and (labels is None or len(np.unique(labels)) > 1)


@dataclass
class Bilevel:
    """Steps weights and architecture weights of one model in turn.

    Parameters
    ----------
    model : nn.Module
        Of the mixed spec; trained in place.
    spec : MixedSpec
        What it is.
    alphas : Tensor
        Architecture weights, shape ``(spec.num_alphas,)``, a leaf that asks for gradients; stepped in place.
    head : Head
        What is trained on, and which loss is lowered.
    training : TrainingSettings
        How weights are stepped.
    settings : BilevelSettings
        How architecture weights are.
    seed : int
        Of mini-batches, augmentation, dropout and noise.
    """

    model: nn.Module
    spec: MixedSpec
    alphas: Tensor
    head: Head
    training: TrainingSettings
    settings: BilevelSettings
    seed: int

    def __post_init__(self) -> None:
        self._weights: Tensors = list(self.model.parameters())
        self._noise = generator(self.seed, "noise")
        balanced = self.training.class_weights == "balanced"
        self._criterion = self.head.loss(self.training.label_smoothing, balanced=balanced)
        self._own_criterion = self.head.loss(balanced=balanced)
        self._dropouts = [module for module in self.model.modules() if isinstance(module, Dropout)]

    def train(self, trained: Examples, own: Examples | None) -> dict[str, float]:
        """Train for the recipe's epochs.

        Parameters
        ----------
        trained : Examples
            For the weights.
        own : Examples, optional
            For the architecture weights; None leaves these as they are.

        Returns
        -------
        dict of str to float
            ``loss``, and with `own` ``architecture_loss``: means over the last epoch, each mini-batch as it was met.
            Training ends with the epoch in which one is not finite.
        """
        self.model.train()
        seed_dropout(self.model, self.seed)
        step = stepping(self._weights, self.training)
        settings = self.settings
        step_alphas = adam([self.alphas], settings.learning_rate, settings.weight_decay, _BETA1)
        batches = self._batches(trained, "batches")
        own_batches = None if own is None or not len(self.alphas) else self._batches(own, "architecture")
        losses: dict[str, float] = {}
        for _ in range(self.training.epochs):
            losses = self._epoch(next(batches), next(own_batches) if own_batches else [], step, step_alphas)
            if not all(map(math.isfinite, losses.values())):
                break
        return losses

    def _epoch(
        self,
        batches: list[Batch],
        own_batches: list[Batch],
        step: Callable[[Tensors], None],
        step_alphas: Callable[[Tensors], None],
    ) -> dict[str, float]:
        losses, own_losses = [], []
        for index, batch in enumerate(batches):
            for own in own_batches[_part(index, own_batches, batches) : _part(index + 1, own_batches, batches)]:
                gradient, own_loss = self._architecture_gradient(batch, own)
                step_alphas([gradient])
                own_losses.append(own_loss)
            with torch.no_grad():
                self._share(self._draw())
            loss = self._criterion(self.model(batch[0]), batch[1])
            step(gradients(loss, tuple(self._weights)))
            losses.append(loss.detach())
        found = {"loss": mean_of(losses, [len(y) for _, y in batches])}
        if own_losses:
            found["architecture_loss"] = mean_of(own_losses, [len(y) for _, y in own_batches])
        return found

    def _architecture_gradient(self, batch: Batch, own: Batch) -> Found:
        noise = self._draw()

        def trained_loss() -> Tensor:
            self._share(noise)
            return self._criterion(self.model(batch[0]), batch[1])

        def own_loss() -> Tensor:
            self._share(noise)
            return self._own_criterion(self.model(own[0]), own[1])

        for dropout in self._dropouts:
            dropout.eval()
        try:
            if self.settings.order == "first":
                return first_order(own_loss, self.alphas)
            if self.settings.order == "mixed":
                return mixed_level(trained_loss, own_loss, self.alphas, self.settings.blend)
            return second_order(trained_loss, own_loss, self.alphas, self._weights, self.training.learning_rate)
        finally:
            for dropout in self._dropouts:
                dropout.train()

    def _share(self, noise: Tensor | None) -> None:
        shares = shares_of(self.alphas, self.spec, self.settings.temperature, noise)
        set_shares(self.model, shares)

    def _draw(self) -> Tensor | None:
        """Return the noise of one step; None where there is none."""
        if self.settings.mixing == "softmax":
            return None
        return torch.from_numpy(self._noise.gumbel(size=len(self.alphas))).to(self.alphas)

    def _batches(self, examples: Examples, what: str) -> Iterator[list[Batch]]:
        """Yield the mini-batches of one epoch after the other."""
        order, where = generator(self.seed, what), self.alphas.device
        examples = Examples(examples.x, self.head.targets(examples.y))
        augment = augmenting(self.training, examples, where, child_seed(self.seed, what, "augmentation"))
        while True:
            shuffled = examples.take(order.permutation(len(examples)))
            inputs = torch.split(torch.from_numpy(shuffled.x).to(where), self.training.batch_size)
            targets = torch.split(torch.from_numpy(shuffled.y).to(where), self.training.batch_size)
            yield list(zip(inputs if augment is None else map(augment, inputs), targets, strict=True))


def shares_of(
    alphas: Tensor, spec: MixedSpec, temperature: float, noise: Tensor | None = None
) -> dict[str, tuple[Tensor, ...]]:
    """Return the shares of the options of each place.

    Liu, Simonyan & Yang (2019), equation 2, over a temperature; with noise that is drawn from Gumbel's distribution, of
    E. Jang, S. Gu & B. Poole, "Categorical Reparameterization with Gumbel-Softmax", ICLR 2017, equation 2.

    Parameters
    ----------
    alphas : Tensor
        Architecture weights, shape ``(spec.num_alphas,)``.
    spec : MixedSpec
        Whose they are.
    temperature : float
        Above 0.
    noise : Tensor, optional
        As many numbers.

    Returns
    -------
    dict of str to tuple of Tensor
        By place that has several options, a scalar for each, which sum to 1.
    """
    scaled = (alphas if noise is None else alphas + noise) / temperature
    return {
        choice.place: scaled[span].softmax(0).unbind()
        for choice, span in zip(spec.choices, spec.spans, strict=True)
        if len(choice.options) > 1
    }


def _part(index: int, own: list[Batch], batches: list[Batch]) -> int:
    """Return how many of the architecture's mini-batches come before one of the weights'."""
    return len(own) * index // len(batches)
