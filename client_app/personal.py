"""Makes models of a node's own of the one that all nodes have trained, and keeps the best.

    common      as it came
    personal    fine-tuned on the node's examples: the last layer (``head``), or all weights (``all``), or a convex mix
                of the common weights and all fine-tuned ones (``mix``)
    local       the same architecture, trained from scratch on these examples alone

Fine-tuning: K. Wang et al., "Federated Evaluation of On-device Personalization", 2019. A last layer of the node's own:
M. Arivazhagan et al., "Federated Learning with Personalization Layers", 2019, with whom it never was common. A mix: Y.
Deng et al., "Adaptive Personalized Federated Learning", 2020 (APFL), ``a v + (1 - a) w``, where v and a are trained
beside w. Here v is fine-tuned from the w that was found, and of a few values of a the best one counts: nothing
else is trained, and a mix of weights is a network of the same architecture.

What is kept is chosen by the validation examples alone. Then the test split is opened, once, for all. Nothing but
metrics leaves the node.
"""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from logging import WARNING
from pathlib import Path

import numpy as np
from flwr.common.logger import log

from client_app.capability import device, threads_for
from client_app.node import Node
from client_app.training import train
from common.architecture.cost import cost_of
from common.architecture.graph import HEAD, Graph
from common.architecture.initial import initial_weights
from common.data import Examples, NodeData, load_node_test
from common.errors import DataError, ProtocolError, StorageError
from common.jobs import Job, Order, Result, Weights
from common.models.builder import build, flat_state
from common.models.evaluation import evaluate
from common.models.export import save_model
from common.personal import COEFFICIENTS, Metrics, Verdict, best_of, rank_of
from common.seeding import child_seed, generator
from common.settings import PersonalSettings, TrainingSettings
from common.tasks import Head

_NO_TIME = (
    "The budget of {:g} s was spent before training on this node's examples alone had ended, so it is left out; raise "
    "federation.deadline"
)
_DIVERGED = "Fine-tuning diverged (a lower personal.rate may help)"


def personalize(job: Job, order: Order, node: Node, data: NodeData) -> Result:
    """Return what a node finds; see the module.

    A node without validation examples has nothing to choose by: it trains nothing, and keeps the common model.

    Parameters
    ----------
    job : Job
        Of kind ``personal``, with the common weights.
    order : Order
        Whose seed draws mini-batches and the weights of local training, and whose budget ends that.
    node : Node
        Whose name they are drawn for, and whose config says where a model is written.
    data : NodeData
        Its training and validation examples.

    Raises
    ------
    ProtocolError
        The job has no settings.
    DataError
        The common model has no score.
    """
    if job.work.personal is None:
        raise ProtocolError("A personal job needs its settings", job.id)
    until = time.perf_counter() + order.budget
    bench = Bench(job, order, node, data)
    with threads_for(cost_of(bench.graph).macs * job.work.training.batch_size):
        ways, coefficient, notes = bench.ways(until)
        validation = {way: model.metrics for way, model in ways.items() if model.metrics}
        kept = best_of(validation, bench.head) if validation else "common"
        # all is chosen: the test comes last
        test = load_node_test(order.dataset, node.holder, order.seed, bench.head)
        tests = {} if test is None else bench.tested(ways, test)
    verdict = Verdict(kept, validation, tests, len(data.validation), 0 if test is None else len(test), coefficient)
    written, note = _write(job, order, node, ways[kept].weights, verdict)
    reason = "; ".join(part for part in (*notes, note) if part)
    return Result(job.id, "done", reason, len(data.train), replace(verdict, written=written).to_metrics())


@dataclass(frozen=True)
class Scored:
    """Packed weights, and their metrics on the node's validation examples; none where it has no such examples."""

    weights: Weights
    metrics: Metrics


@dataclass(frozen=True)
class Bench:
    """Trains and scores the architecture of a job on one node's examples.

    Parameters
    ----------
    job, order, node, data : Job, Order, Node, NodeData
        As of `personalize`.
    """

    job: Job
    order: Order
    node: Node
    data: NodeData

    @property
    def graph(self) -> Graph:
        """The architecture."""
        return self.job.spec.lower(self.order.task)

    @property
    def head(self) -> Head:
        """What its outputs are."""
        return self.order.task.head

    @property
    def settings(self) -> PersonalSettings:
        """What is to be made of it."""
        assert self.job.work.personal is not None
        return self.job.work.personal

    def ways(self, until: float) -> tuple[dict[str, Scored], float | None, list[str]]:
        """Return the models by way, the share of what was fine-tuned in a mix, and why ways are missing.

        Parameters
        ----------
        until : float
            On `time.perf_counter`: when there is no more time for local training.
        """
        common = self.job.arrays["weights"]
        if not len(self.data.validation):
            return {"common": Scored(common, {})}, None, []
        found = {"common": Scored(common, self.score(common, self.data.validation))}
        personal, coefficient, reason = self.personal()
        local, reason_of_local = self.local(until)
        found |= {way: model for way, model in (("personal", personal), ("local", local)) if model is not None}
        return found, coefficient, [reason, reason_of_local]

    def personal(self) -> tuple[Scored | None, float | None, str]:
        """Return the node's own model, the share of what was fine-tuned in a mix, and why there is none, if so."""
        common, method = self.job.arrays["weights"], self.settings.method
        own = self.tuned(common, "head" if method == "head" else "all", "personal")
        if own is None:
            return None, None, _DIVERGED
        if method != "mix":
            model = self.scored(own)
            return model, None, "" if model else _DIVERGED
        mixes = [(self.scored(mixed(common, own, share)), share) for share in COEFFICIENTS]
        known = [(model, share) for model, share in mixes if model is not None]
        if not known:
            return None, None, _DIVERGED
        return *max(known, key=lambda pair: rank_of(pair[0].metrics, self.head)), ""

    def local(self, until: float) -> tuple[Scored | None, str]:
        """Return a model that knows no other node's examples, and why there is none, if so.

        It trains as in a federation of this node alone: for the rounds of the final training, by its recipe and its
        checkpoints, and is then fine-tuned as the common one is. So it takes as many optimizer steps on these examples
        as the personal model has taken.

        Parameters
        ----------
        until : float
            On `time.perf_counter`: when there is no more time for it.
        """
        found: list[Weights | None] = []
        last: Weights | None = None
        for number, last in self._rounds():
            if last is not None and time.perf_counter() > until:
                return None, _NO_TIME.format(self.order.budget)
            if number in self.settings.checkpoints:
                found.append(last)
        found.append(None if last is None else self.tuned(last, "all", "local"))
        models = [model for own in found if own is not None and (model := self.scored(own)) is not None]
        if not models:
            return None, "Training on this node's examples alone diverged"
        return max(models, key=lambda model: rank_of(model.metrics, self.head)), ""

    def _rounds(self) -> Iterator[tuple[int, Weights | None]]:
        """Yield after each round the mean over the last ones, as many as the recipe says; None where it diverged."""
        work = self.job.work
        seed = child_seed(self.order.seed, "local", self.job.trial, self.node.name)
        model = build(self.graph, initial_weights(self.graph, generator(seed, "weights")), device())
        last: deque[Weights] = deque(maxlen=max(1, work.training.average))
        for number in range(1, work.rounds + 1):
            settings = work.training.in_round(number, work.rounds)
            loss = train(model, self.data.train, self.head, settings, child_seed(seed, "round", number))
            last.append(flat_state(model).cpu().numpy().copy())
            if not math.isfinite(loss) or not np.isfinite(last[-1]).all():
                yield number, None
                return
            yield number, np.mean(np.stack(last), axis=0, dtype=np.float32)

    def tuned(self, weights: Weights, what: str, way: str) -> Weights | None:
        """Return weights that are fine-tuned, the last layer's or all of them; None where that diverged.

        Parameters
        ----------
        weights : NDArray
            Packed; left as they are.
        what : {"head", "all"}
            Which of them.
        way : str
            For which way mini-batches are drawn.
        """
        model = build(self.graph, weights, device())
        seed = child_seed(self.order.seed, "fine-tuning", self.job.trial, way, self.node.name)
        part = model.get_submodule(HEAD) if what == "head" else None
        loss = train(model, self.data.train, self.head, tuning(self.job.work.training, self.settings), seed, part=part)
        own = flat_state(model).cpu().numpy()
        return own if math.isfinite(loss) and np.isfinite(own).all() else None

    def score(self, weights: Weights, examples: Examples) -> Metrics:
        """Return the metrics of weights on examples; raises `DataError` where they have none."""
        return evaluate(build(self.graph, weights, device()), examples, self.head)

    def scored(self, weights: Weights) -> Scored | None:
        """Return weights with their metrics on validation; None where they have none."""
        try:
            return Scored(weights, self.score(weights, self.data.validation))
        except DataError:
            return None

    def tested(self, ways: Mapping[str, Scored], test: Examples) -> dict[str, Metrics]:
        """Return the metrics of all ways on the test split; one that has none there is left out."""
        found: dict[str, Metrics] = {}
        for way, model in ways.items():
            with suppress(DataError):
                found[way] = self.score(model.weights, test)
        return found


def tuning(recipe: TrainingSettings, settings: PersonalSettings) -> TrainingSettings:
    """Return how weights are fine-tuned: by the recipe, at one learning rate of its own."""
    return replace(recipe, learning_rate=settings.learning_rate, epochs=settings.epochs, schedule="constant")


def mixed(common: Weights, own: Weights, coefficient: float) -> Weights:
    """Return ``coefficient own + (1 - coefficient) common``, of weights and of statistics of norms alike."""
    share = np.float32(coefficient)
    return share * own + (np.float32(1) - share) * common


def _write(job: Job, order: Order, node: Node, weights: Weights, verdict: Verdict) -> tuple[bool, str]:
    """Write what is kept where this node may, and return whether it is there, and why not if it should be."""
    assert job.work.personal is not None
    folder = job.work.personal.folder
    where = Path(folder) / node.name if node.simulated and folder else node.personal_dir
    if where is None:
        return False, "" if node.simulated else "This node keeps no model: its node config names no personal-dir"
    metadata = {**verdict.to_json(), "trial": job.trial, "seed": order.seed, "method": job.work.personal.method}
    try:
        save_model(where, job.spec, order.task, weights, metadata)
    except StorageError as error:
        log(WARNING, "%s: %s", job.id, error)  # the log is this machine's own, and tells where
        return False, "This node could not write the model that it keeps; its log tells why"
    return True, ""
