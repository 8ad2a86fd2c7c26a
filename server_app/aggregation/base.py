"""The contract of an aggregation: how the updates of a trial's round are combined.

A round begins with the trial's weights, takes one reply after the other, and ends with the new
weights. This base class validates and counts; a subclass holds the rule only:

    class Mine(Aggregation):
        def _start(self, weights): ...
        def _fold(self, node, update, num_examples, metrics): ...
        def _combine(self): return new_weights

A rule that remembers anything from round to round, such as momentum, has ``_memory`` and ``_remember`` too.
Put it into ``aggregation/mine.py``, add ``conf/aggregation/mine.yaml`` with ``name: mine``, and the
contract tests run on it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, final

import numpy as np
from numpy.typing import NDArray

from common.errors import ConfigError, ProtocolError, SearchError
from server_app.reporting.words import counted

if TYPE_CHECKING:
    from common.jobs import Weights

_BUG = "Report a bug"


class Aggregation(ABC):
    """Combines the updates of one trial, round by round; each trial has an instance of its own.

    The result of a round does not depend on the order in which its replies were added.

    Parameters
    ----------
    options : Options
        What only this rule knows.
    """

    @dataclass(frozen=True)
    class Options:
        """No options."""

    def __init__(self, options: Any = None) -> None:
        self.options: Any = self.Options() if options is None else options
        self._open = False
        self._size: int | None = None
        self._untrained = 0
        self._nodes: set[str] = set()
        self._examples = 0

    # ------------------------------------------------------------ what a subclass provides

    @property
    def minimum(self) -> int:
        """Replies that a round needs before it has a result."""
        return 1

    @abstractmethod
    def _start(self, weights: Weights) -> None:
        """Begin a round, forgetting the replies of one that never had a result."""

    @abstractmethod
    def _fold(self, node: str, update: Weights, num_examples: int, metrics: Mapping[str, float]) -> None:
        """Take in one reply, already validated; `update` stays the caller's, so keep a copy if any.

        Raises `ProtocolError`, before it changes anything, where the rule cannot take the reply.
        """

    @abstractmethod
    def _combine(self) -> NDArray[np.floating[Any]]:
        """Return the new weights, shape ``(size of the state,)``, and let the round's replies go."""

    def _memory(self) -> dict[str, Any]:
        """Return all that rounds to come depend on: JSON, with arrays as leaves."""
        return {}

    def _remember(self, memory: dict[str, Any]) -> None:
        """Take over what `_memory` returned, and leave it as it is."""
        if memory:
            raise ConfigError(f"{type(self).__name__} remembers nothing between rounds", sorted(memory), fix=_BUG)

    # ------------------------------------------------------------ what the search calls

    @property
    def count(self) -> int:
        """Replies added since the last `begin`."""
        return len(self._nodes)

    @property
    def examples(self) -> int:
        """Training examples behind them."""
        return self._examples

    @final
    def begin(self, weights: Weights, untrained: int = 0) -> None:
        """Begin a round; one that never came to a result is forgotten.

        Parameters
        ----------
        weights : Weights
            Packed state that the round's nodes start from, shape ``(size of the state,)``; the size stays
            the same for all rounds.
        untrained : int
            Numbers at its end that nobody trains: running means and variances. They have no gradient, so where a rule
            makes steps, these are no part of it (a variance that momentum carries on ends below 0): see
            `FlowerRule.steps`.
        """
        _check_packed("The weights of a round", weights, weights.size if self._size is None else self._size)
        self._size, self._untrained = weights.size, untrained
        self._open = True
        self._nodes = set()
        self._examples = 0
        self._start(weights)

    @final
    def add(self, node: str, update: Weights, num_examples: int, metrics: Mapping[str, float]) -> None:
        """Take in one reply.

        Parameters
        ----------
        node : str
            Name of the node; each replies once in a round.
        update : Weights
            Its packed state after training, of the shape of the round's weights.
        num_examples : int
            Examples it trained on, at least 1.
        metrics : mapping of str to float
            Of the training job; only rules that need a ``loss`` look.

        Raises
        ------
        ProtocolError
            The reply cannot be taken; the round goes on as if it had never come.
        """
        self._check_open()
        if node in self._nodes:
            raise ProtocolError("A node replies once in a round", node)
        assert self._size is not None
        _check_packed("An update", update, self._size)
        if not isinstance(num_examples, int) or isinstance(num_examples, bool) or num_examples < 1:
            raise ProtocolError("An update must come from at least 1 example", num_examples)
        self._fold(node, update, num_examples, metrics)
        self._nodes.add(node)
        self._examples += num_examples

    @final
    def combined(self) -> Weights:
        """End the round and return the new weights: float32, finite, of the shape of the old ones.

        Raises
        ------
        SearchError
            There are fewer replies than the rule needs (more may still be added), or the new weights are
            not finite.
        """
        self._check_open()
        if self.count < self.minimum:
            raise SearchError(
                f"{type(self).__name__} needs the updates of {counted(self.minimum, 'node')} in a round",
                self.count,
                fix="Let more nodes train each trial (placement.nodes_per_round) or choose aggregation=fedavg",
            )
        self._open = False
        with np.errstate(over="ignore"):
            weights: Weights = self._combine().astype(np.float32, copy=False)
        if not np.isfinite(weights).all():
            raise SearchError(
                f"{type(self).__name__} must give finite weights, but the trial diverged",
                fix="Lower the learning rates (training.learning_rate and those of aggregation)",
            )
        return weights

    @final
    def state_dict(self) -> dict[str, Any]:
        """Return all that the rounds to come depend on: JSON, with arrays as leaves, none of which changes later.

        A round that is open is left out: it is begun again after `load_state_dict`.
        """
        return {"size": self._size, "memory": self._memory()}

    @final
    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on as the instance of which `state_dict` was asked would, between two rounds.

        Parameters
        ----------
        state : dict
            As it was, or through JSON; for an instance with the same options that has begun no round.
        """
        self._size = state["size"]
        self._remember(state["memory"])

    def _check_open(self) -> None:
        if not self._open:
            raise ConfigError("A round is begun before replies are added and combined", fix=_BUG)


def _check_packed(what: str, array: Weights, size: int) -> None:
    """Raise `ProtocolError` unless `array` is a packed state of `size` finite numbers."""
    if not isinstance(array, np.ndarray) or array.dtype != np.float32:
        raise ProtocolError(f"{what} must be a float32 array", str(getattr(array, "dtype", type(array))))
    if array.shape != (size,) or size == 0:
        raise ProtocolError(f"{what} must have the shape ({size},)", array.shape)
    if not (np.isfinite(array.min()) and np.isfinite(array.max())):  # a NaN is minimum and maximum at once
        position = int(np.flatnonzero(~np.isfinite(array))[0])
        raise ProtocolError(
            f"{what} must be finite",
            f"{array[position]} at index {position}",
            fix="Lower training.learning_rate if many nodes diverge",
        )
