"""Flower's own strategies as the inner rule of a trial.

A strategy of `flwr.serverapp.strategy` gets the round's replies as real Messages: one ArrayRecord
with one array, the packed weights, and one MetricRecord. It knows nothing of trials, so each trial
has a strategy of its own.

How it is fed, and where that departs from a plain Flower run:

- In the order of the nodes' names, never of arrival: the strategies add floats up.
- In float64. Krum takes ``|x - y|^2`` as ``|x|^2 + |y|^2 - 2 x.y``, of which float32 leaves little where
  updates are close to each other; the result is rounded to float32 once, at the end.
- `configure_train` tells it the weights of the round, as Flower does, but with ``fraction_train = 0``:
  it then samples no nodes (that would draw from the global ``random``) and needs no grid.
- ``server_round`` counts the rounds that came to a result; a round without one does not move a bias
  correction.
- ``current_arrays``, which some keep of a round for the next, is forgotten in between: they are told the weights anew.

A strategy remembers in its attributes: moments, a momentum vector. So its state is every attribute that is another
than at the start, and every one that could have changed without being replaced. One of a kind that we cannot save is
an error, never left out.

All replies of a round are kept until its end: memory grows with the number of nodes, other than with
`fedavg`.

Left out: ``FedAvg`` (our `fedavg` streams and is exact), ``FedProx`` (on the server it is FedAvg; the
proximal term is the node's, ``training.proximal_mu``), ``FedXgbBagging`` and ``FedXgbCyclic`` (trees,
not weights), the four ``DifferentialPrivacy...`` (they wrap a strategy and act on the messages
themselves, with nodes that clip).
"""

from __future__ import annotations

import gc
import logging
import threading
from abc import abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, ClassVar, cast

import numpy as np
from flwr.app import (
    DEFAULT_TTL,
    Array,
    ArrayRecord,
    ConfigRecord,
    Message,
    MessageType,
    Metadata,
    MetricRecord,
    RecordDict,
)
from flwr.app.exception import AppExitException
from numpy.typing import NDArray

from common.errors import ConfigError, SearchError
from server_app.aggregation.base import Aggregation

if TYPE_CHECKING:
    from flwr.serverapp import Grid
    from flwr.serverapp.strategy import FedAvg

    from common.jobs import Weights

_KEY = "weights"
_ABSENT = object()
_PLAIN = (bool, int, float, str)
_CHANGEABLE = (np.ndarray, dict, list, ArrayRecord)


class FlowerRule(Aggregation):
    """Base of the choices that wrap one of Flower's strategies.

    The names of its `Options` are those of the strategy's parameters.
    """

    steps: ClassVar[bool] = False
    """Whether it takes the mean update as a gradient, and may step beyond it: what nobody trains is then the mean, as
    of `fedavg`."""

    def __init__(self, options: Any = None) -> None:
        super().__init__(options)
        self._strategy = self.strategy_class()(**asdict(self.options))
        self._strategy.fraction_train = 0.0
        self._at_first = dict(vars(self._strategy))
        self._rounds = 0
        self._replies: dict[str, tuple[Weights, dict[str, float]]] = {}

    @staticmethod
    @abstractmethod
    def strategy_class() -> type[FedAvg]:
        """Return Flower's strategy; all of those that can serve derive from its ``FedAvg``."""

    def _reply_metrics(self, num_examples: int, metrics: Mapping[str, float]) -> dict[str, float]:  # noqa: ARG002
        """Return what the strategy wants to know of a reply; raises `ProtocolError` where the reply lacks it."""
        return {"num-examples": num_examples}

    def _configure(self, weights: ArrayRecord) -> None:
        """Tell the strategy the weights of the round."""
        no_grid = cast("Grid", None)
        self._strategy.configure_train(self._rounds, weights, ConfigRecord(), no_grid)

    def _start(self, weights: Weights) -> None:
        self._replies = {}
        self._weights = weights.copy()

    def _fold(self, node: str, update: Weights, num_examples: int, metrics: Mapping[str, float]) -> None:
        wanted = self._reply_metrics(num_examples, metrics)
        self._replies[node] = (update.copy(), wanted)

    def _combine(self) -> NDArray[np.float64]:
        self._rounds += 1
        untrained = self._mean_of_untrained()
        replies = [_message(*self._replies.pop(node)) for node in sorted(self._replies)]
        try:
            with _quiet(), _young_objects_only():
                self._configure(_record(self._weights))
                arrays, _ = self._strategy.aggregate_train(self._rounds, replies)
        except AppExitException as error:  # would end the whole run
            raise SearchError(f"Flower's {type(self).__name__} could not combine the updates: {error}") from error
        finally:
            del self._weights
            if hasattr(self._strategy, "current_arrays"):
                self._strategy.current_arrays = None
        if arrays is None:
            raise SearchError(f"Flower's {type(self).__name__} must return weights", len(replies), fix="Add nodes")
        found = arrays[_KEY].numpy()
        return np.concatenate([found[: found.size - untrained.size], untrained]) if untrained.size else found

    def _mean_of_untrained(self) -> NDArray[np.float64]:
        """Return what the end of the new weights is, whatever the rule makes of it; nothing where the rule decides."""
        if not (self.steps and self._untrained):
            return np.empty(0)
        replies = [self._replies[node] for node in sorted(self._replies)]
        ends = np.array([update[-self._untrained :] for update, _ in replies], dtype=np.float64)
        return np.average(ends, axis=0, weights=[metrics["num-examples"] for _, metrics in replies])

    def _memory(self) -> dict[str, Any]:
        changed = {
            name: value
            for name, value in vars(self._strategy).items()
            if value is not self._at_first.get(name, _ABSENT) or isinstance(value, _CHANGEABLE)
        }
        return {"rounds": self._rounds, "strategy": {name: _saved(name, value) for name, value in changed.items()}}

    def _remember(self, memory: dict[str, Any]) -> None:
        self._rounds = memory["rounds"]
        vars(self._strategy).update(_restored(memory["strategy"]))


def check_positive(option: str, value: float) -> None:
    """Raise `ConfigError` unless ``0 < value < infinity``."""
    if not 0 < value < float("inf"):
        raise ConfigError(f"aggregation.{option} must be above 0", value, fix=f"Set aggregation.{option}=0.1")


def check_fraction(option: str, value: float) -> None:
    """Raise `ConfigError` unless ``0 <= value < 1``."""
    if not 0 <= value < 1:
        raise ConfigError(f"aggregation.{option} must lie in [0, 1)", value, fix=f"Set aggregation.{option}=0.9")


def check_malicious(count: int) -> None:
    """Raise `ConfigError` where a count of malicious nodes is below 0."""
    if count < 0:
        raise ConfigError(
            "aggregation.num_malicious_nodes must be 0 or more", count, fix="Set aggregation.num_malicious_nodes=1"
        )


def _saved(name: str, value: Any) -> Any:
    """Return a copy of a strategy's attribute as JSON with arrays; raises `ConfigError` for what we do not know."""
    if value is None or type(value) in _PLAIN:
        return value
    if isinstance(value, np.ndarray):
        return value.copy()
    if isinstance(value, dict):
        return {key: _saved(name, item) for key, item in value.items()}
    if isinstance(value, list):
        return [_saved(name, item) for item in value]
    raise ConfigError(
        "A rule that is resumed remembers numbers, texts and arrays in its attributes",
        f"{name}: {type(value).__name__}",
        fix="Save it in _memory of the rule",
    )


def _restored(value: Any) -> Any:
    """Return a copy of what `_saved` returned: a strategy may change its attributes in place."""
    if isinstance(value, dict):
        return {key: _restored(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_restored(item) for item in value]
    return value.copy() if isinstance(value, np.ndarray) else value


def _record(weights: Weights) -> ArrayRecord:
    return ArrayRecord({_KEY: Array(weights.astype(np.float64))})


def _message(update: Weights, metrics: dict[str, float]) -> Message:
    content = RecordDict({"arrays": _record(update), "metrics": MetricRecord(cast("dict[str, Any]", metrics))})
    return Message(content, metadata=_metadata())  # type: ignore[call-overload,no-any-return]  # not in its overloads


def _metadata() -> Metadata:
    """Return an address of no meaning; a Message that makes its own must be inside of a Flower run."""
    return Metadata(
        run_id=0,
        message_id="",
        src_node_id=0,
        dst_node_id=0,
        reply_to_message_id="",
        group_id="",
        created_at=0.0,
        ttl=DEFAULT_TTL,
        message_type=MessageType.TRAIN,
    )


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep Flower's notes (a line for each trial and round) out of the log; warnings stay."""
    logger, caller = logging.getLogger("flwr"), threading.get_ident()

    def worth_reading(record: logging.LogRecord) -> bool:
        return record.levelno >= logging.WARNING or record.thread != caller

    logger.addFilter(worth_reading)
    try:
        yield
    finally:
        logger.removeFilter(worth_reading)


@contextmanager
def _young_objects_only() -> Iterator[None]:
    """Let a garbage collection look at nothing that is there already.

    Flower's Bulyan and QFedAvg force one for each reply, which takes 0.1 s and more where torch is loaded.
    """
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()
