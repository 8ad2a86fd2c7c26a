"""How long a network takes on a node, computed without torch from a profile of the node's operations.

A profile has three coefficients for each family of operations, fitted to a short microbenchmark
(`common.models.profiling`): seconds of a call, of a multiply-accumulate, and of a byte that is read or written. A
network takes the sum over its nodes. So does the model of latency tables (H. Cai et al., "Once-for-All", ICLR 2020),
with a table's entry for each operation and shape in place of coefficients.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from itertools import combinations
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from common.architecture.activations import learning
from common.architecture.graph import Graph
from common.architecture.layout import layout
from common.architecture.operations import Operation
from common.architecture.tensors import Shape
from common.architecture.threads import worth_threads
from common.errors import ConfigError

VERSION = 1
FORWARD, STEP, OPTIMIZER = "forward", "step", "optimizer"
"""Families beside operations: what a forward pass takes in any case; loss and start of a backward pass; the optimizer,
which is called once for each tensor of parameters."""

_BYTES = 4


class Load(NamedTuple):
    """What one family has to do: calls, multiply-accumulates, and bytes that are read or written."""

    family: str
    calls: int
    macs: int
    bytes: int


@dataclass(frozen=True)
class Coefficients:
    """Seconds of a call, of a multiply-accumulate, and of a byte; none is negative."""

    call: float
    mac: float
    byte: float

    def seconds(self, load: Load) -> float:
        """Return how long a load takes."""
        return self.call * load.calls + self.mac * load.macs + self.byte * load.bytes


@dataclass(frozen=True)
class Table:
    """Coefficients by family with one number of threads: of a forward pass in scoring, of a step in training."""

    scoring: Mapping[str, Coefficients]
    training: Mapping[str, Coefficients]


@dataclass(frozen=True)
class Profile:
    """What was measured on one node.

    Parameters
    ----------
    device : str
        As in the node's report: ``cpu`` or ``cuda``.
    torch : str
        Version of torch; another one may be faster.
    tables : mapping of int to Table
        By the number of threads; 1 is among them.
    """

    device: str
    torch: str
    tables: Mapping[int, Table]

    def to_json(self) -> str:
        """Return its one text."""
        values = {"version": VERSION, "device": self.device, "torch": self.torch}
        tables = {str(threads): asdict(table) for threads, table in self.tables.items()}
        return json.dumps(values | {"tables": tables}, sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> Profile:
        """Build from `to_json`; raises `ConfigError` for what is no profile of this version."""
        try:
            values = json.loads(text)
            if values["version"] != VERSION:
                raise ConfigError(f"A profile must have version {VERSION}", values["version"], fix=_AGAIN)
            tables = {int(threads): _table(table) for threads, table in values["tables"].items()}
            profile = cls(values["device"], values["torch"], tables)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise ConfigError("A profile must be JSON as flwr-nas profile writes it", str(error), fix=_AGAIN) from None
        if 1 not in tables or not isinstance(profile.device, str) or not isinstance(profile.torch, str):
            raise ConfigError("A profile has a table for 1 thread", sorted(tables), fix=_AGAIN)
        return profile


_AGAIN = "Measure it again with flwr-nas profile"


def latency(graph: Graph, profile: Profile, batch: int, *, training: bool) -> float:
    """Return the seconds that one batch takes: a forward pass in scoring, or a whole step of training.

    Parameters
    ----------
    graph : Graph
        The network.
    profile : Profile
        Of the node. The table is that with most threads among those that the batch is worth (`worth_threads`).
    batch : int
        Examples.
    training : bool
        Whether loss, backward pass and optimizer are to be counted.

    Raises
    ------
    ConfigError
        The profile lacks a family that the network has.
    """
    macs = batch * sum(node.operation.macs(*graph.entering(node)) for node in graph.nodes)
    worth = worth_threads(macs, max(profile.tables))
    table = profile.tables[max(threads for threads in profile.tables if threads <= worth)]
    total = 0.0
    for load, learns in loads(graph, batch, training=training):
        coefficients = (table.training if learns else table.scoring).get(load.family)
        if coefficients is None:
            raise ConfigError(
                "A profile must have each family of operations that a network has", load.family, fix=_AGAIN
            )
        total += coefficients.seconds(load)
    return total


def loads(graph: Graph, batch: int, *, training: bool) -> Iterator[tuple[Load, bool]]:
    """Yield what each node has to do for one batch, and whether it is trained: it has a backward pass, too.

    In training the multiply-accumulates count forward, for the gradients of parameters, and for those of what is read,
    where that depends on parameters. Then come those that no node has, and are trained where any is.
    """
    learns = learning(graph)
    for index, node in enumerate(graph.nodes):
        shapes, trained = graph.entering(node), training and learns[index]
        load = load_of(node.operation.family(*shapes), node.operation, shapes, batch)
        if trained:
            times = 1 + any(learns[source] for source in node.inputs) + bool(node.operation.tensors(*shapes))
            load = load._replace(macs=load.macs * times)
        yield load, trained
    yield Load(FORWARD, 1, 0, _BYTES * batch * math.prod(graph.input_shape)), False
    if training:
        parameters = [tensor.size for tensor in layout(graph) if tensor.trainable]
        yield Load(STEP, 1, 0, _BYTES * batch * graph.nodes[-1].output_shape[0]), True
        yield Load(OPTIMIZER, len(parameters), 0, _BYTES * sum(parameters)), True


def load_of(family: str, operation: Operation, shapes: tuple[Shape, ...], batch: int) -> Load:
    """Return what an operation has to do in a forward pass."""
    touched = sum(map(math.prod, shapes)) + operation.working(*shapes) + sum(operation.copies(*shapes))
    parameters = sum(tensor.size for tensor in operation.tensors(*shapes))
    return Load(
        family, operation.calls(*shapes), batch * operation.macs(*shapes), _BYTES * (batch * touched + parameters)
    )


def fit(measured: list[tuple[Load, float]]) -> Coefficients:
    """Return the coefficients, none negative, whose relative errors have the least sum of squares.

    Parameters
    ----------
    measured : list of (Load, float)
        Loads of one family, and the seconds that they took, above 0.

    Notes
    -----
    With three coefficients, that is the best of the seven least-squares solutions in which some are 0 that has none
    below 0: where the minimum of a convex function lies on the border, it is the minimum on that part of the border.
    """
    rows: NDArray[np.float64] = np.array([load[1:] for load, _ in measured], dtype=np.float64)
    rows /= np.array([[seconds] for _, seconds in measured])
    best, least = np.zeros(3), math.inf
    scale = np.maximum(rows.max(0), 1e-300)
    for count in (1, 2, 3):
        for chosen in map(list, combinations(range(3), count)):
            if not rows[:, chosen].any(0).all():
                continue
            solution = np.linalg.lstsq(rows[:, chosen] / scale[chosen], np.ones(len(rows)), rcond=None)[0]
            coefficients = np.zeros(3)
            coefficients[chosen] = solution / scale[chosen]
            error = float(np.square(rows @ coefficients - 1).sum())
            if (solution >= 0).all() and error < least:
                best, least = coefficients, error
    return Coefficients(*map(float, best))


def _table(values: Any) -> Table:
    return Table(*({name: _coefficients(c) for name, c in values[part].items()} for part in ("scoring", "training")))


def _coefficients(values: Any) -> Coefficients:
    found = Coefficients(**{name: float(value) for name, value in values.items()})
    if not all(math.isfinite(value) and value >= 0 for value in (found.call, found.mac, found.byte)):
        raise ValueError(f"Seconds are finite and not negative, got {values}")
    return found
