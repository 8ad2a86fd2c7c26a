"""The contract of a head: what comes out of a model, and how that is judged."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import Field, asdict, dataclass, fields
from importlib import import_module
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from common.errors import ConfigError, DataError, ProtocolError, SpecError
from common.metrics import Direction, Measured, over_nodes

if TYPE_CHECKING:
    from torch import Tensor, nn

    Loss = Callable[[Tensor, Tensor], Tensor]

Labels = NDArray[Any]
"""int64 or float32, shape ``(n, ...)``: which, a head says."""

HEADS = {"classification": "Classification", "multilabel": "Multilabel", "regression": "Regression"}
"""By the name of its module, the class of each head: a node opens no module by a name that a message gives."""

LATER: Mapping[str, bool] = MappingProxyType({"later": True})
"""Metadata of a field that came later: JSON leaves it out at its default, so files of before are read as they were."""

ERROR = "_error"
"""Ends the name of a metric's standard error over a node's examples; see `common.tasks.bootstrap`."""


@dataclass(frozen=True)
class Row:
    """One line of a report.

    Parameters
    ----------
    title : str
        What people call the metric.
    metric : str
        Its name in the table of `Head.summarise`.
    form : str
        How its number is written.
    """

    title: str
    metric: str
    form: str = "{:.4f}"


@dataclass(frozen=True)
class Head(ABC):
    """What comes out of a model, and how it is judged; a subclass is a frozen dataclass in a module of its own.

    A node has a head of its own, which it reads from its data. In the handshake the server makes one of all of them
    (`agree`), which every node works with from then on (`relabel`). Torch is imported where it is needed only: the
    server has heads, and no torch.
    """

    kind: ClassVar[str]
    """Its name in JSON, and that of its module."""
    ranges: ClassVar[Mapping[str, tuple[float, float]]]
    """The metrics that every score has, and between which numbers they lie."""
    may_have: ClassVar[Mapping[str, tuple[float, float]]] = MappingProxyType({})
    """Those that a score may have besides, and between which numbers they lie."""
    constant: ClassVar[str]
    """What is told, in words, by the best model that does not look at its input."""
    smooths: ClassVar[bool] = False
    """Whether there are classes over which a part of each target can be spread in training."""
    balances: ClassVar[bool] = False
    """Whether there are classes that can weigh more in training the rarer they are."""

    # ------------------------------------------------------------ what comes out

    @property
    @abstractmethod
    def output_width(self) -> int:
        """Numbers that a model gives for one example."""

    def readout(self) -> nn.Module | None:
        """Return what turns a model's outputs into what people use; None where they are that already."""
        return None

    def before_readout(self, outputs: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return what a model gave before `readout`, as `metrics` takes it."""
        return outputs

    @property
    def names(self) -> tuple[str, ...]:
        """What people call the classes or labels, in the order of their numbers; empty where they have no names."""
        return ()

    @property
    def constant_rate(self) -> float:
        """Learning rate by which gradient descent on all examples leads the constant model to its best answer."""
        return 0.5

    @property
    @abstractmethod
    def primary(self) -> tuple[str, Direction]:
        """The metric that a search goes by and a gain is told in, and whether more or less of it is better."""

    @property
    def resampled(self) -> str:
        """The metric whose standard error a node tells: the primary one, or what that is made of over nodes."""
        return self.primary[0]

    @property
    @abstractmethod
    def tie(self) -> tuple[str, Direction]:
        """The metric that decides between two models where what ranks them is equal."""

    @property
    @abstractmethod
    def rows(self) -> tuple[Row, ...]:
        """The lines of a report in their order, that of the primary metric first."""

    def going_by(self, metric: str) -> Self:  # noqa: ARG002
        """Return this head with another primary metric; itself where it has but one."""
        return self

    @property
    def metric_names(self) -> frozenset[str]:
        """Names of the metrics that a search can go by: those of every score, and those of the panel's table."""
        return frozenset({self.primary[0], *self.ranges, *self.may_have, *(row.metric for row in self.rows)})

    def range_of(self, metric: str) -> tuple[float, float]:
        """Return the least and the most that a metric can be; of one that is not known to have bounds any number."""
        return {**self.ranges, **self.may_have}.get(metric, (-math.inf, math.inf))

    # ------------------------------------------------------------ a node's labels

    @abstractmethod
    def check_labels(self, y: Labels) -> None:
        """Raise `DataError` unless `y` are labels for this head; the text names no value of them."""

    @abstractmethod
    def fitted(self, y: Labels) -> Self:
        """Return the head that a node with these training labels has before anything is agreed on."""

    def relabel(self, y: Labels, own: Head) -> Labels:
        """Return labels as this head has them, of data whose own head is `own`.

        Raises
        ------
        DataError
            The data do not fit; the text names nothing of them, `DataError.detail` does.
        """
        if own.kind != self.kind:
            raise DataError(
                f"A search for {self.kind} needs data for it, and these are for {own.kind}",
                fix="Give this node data of the same kind as the others'",
            )
        labels = self._relabel(y, own)
        self.check_labels(labels)
        return labels

    @abstractmethod
    def _relabel(self, y: Labels, own: Any) -> Labels:
        """Relabel data of this kind; what does not fit raises `DataError`."""

    def counts(self, y: Labels, multiple: int) -> list[int]:  # noqa: ARG002
        """Return how many labels of each class there are, as a node may tell it: nothing where there are no classes.

        Parameters
        ----------
        y : NDArray
            Labels of data whose own head this is.
        multiple : int
            Each count is rounded down to a multiple of this, so that fewer are as none.
        """
        return []

    @property
    def most_each(self) -> int:
        """How many counts an example may be in."""
        return 1

    def places(self, own: Head) -> NDArray[np.int64]:  # noqa: ARG002
        """Return which class of this head each is that `own` counts; the kind is the same.

        Raises
        ------
        DataError
            As of `relabel`.
        """
        return np.zeros(0, np.int64)

    def weights_of(self, totals: NDArray[np.float64], examples: int) -> NDArray[np.float64]:  # noqa: ARG002
        """Return what each class weighs in training where all are to count the same.

        Parameters
        ----------
        totals : NDArray
            float64, shape ``(classes,)``: training examples of each over the federation, above 0.
        examples : int
            All of them.
        """
        return np.ones(len(totals))

    def balanced_by(self, weights: Sequence[float]) -> Self:  # noqa: ARG002
        """Return this head with weights of its classes for training; itself where it has none."""
        return self

    @abstractmethod
    def strata(self, y: Labels) -> NDArray[np.int64] | None:
        """Return the class of each example, which partitions and splits go by; None where there are none."""

    @abstractmethod
    def targets(self, y: Labels) -> Labels:
        """Return what a model is trained on."""

    # ------------------------------------------------------------ how it is judged

    @abstractmethod
    def loss(self, smoothing: float = 0.0, *, balanced: bool = False) -> Loss:
        """Return what is lowered in training: a function of outputs and `targets`, to a mean over the examples.

        Parameters
        ----------
        smoothing : float
            Part of each target, below 1, that is spread evenly over all classes; no score is smoothed.
        balanced : bool
            Whether examples weigh what was agreed on for their classes, if anything was; no score is weighted.

        Raises
        ------
        ConfigError
            As of `check_smoothing` and `check_balanced`.
        """

    def as_targets(self, outputs: Tensor) -> Tensor:
        """Return another network's outputs as `loss` takes them for targets. By default as they are."""
        return outputs

    def check_smoothing(self, smoothing: float) -> None:
        """Raise `ConfigError` where targets are to be smoothed and this head has no classes."""
        if smoothing and not self.smooths:
            raise ConfigError(
                f"training.label_smoothing is for classes, and a {self.kind} has none",
                smoothing,
                fix="Set training.label_smoothing=0",
            )

    def check_balanced(self, balanced: bool) -> None:
        """Raise `ConfigError` where classes are to be balanced and this head has none."""
        if balanced and not self.balances:
            raise ConfigError(
                f"training.class_weights is for classes, and a {self.kind} has none",
                "balanced",
                fix="Set training.class_weights=none",
            )

    @abstractmethod
    def metrics(self, outputs: NDArray[np.float32], y: Labels, threshold: float | None = None) -> dict[str, float]:
        """Score a model on one node.

        Parameters
        ----------
        outputs : NDArray
            float32, shape ``(n, output_width)``, as the model gives them.
        y : NDArray
            The node's labels.
        threshold : float, optional
            By which answers are given besides, where there are two: what was fitted on other examples. None: it is to
            be fitted to these. A head that has no use for it leaves it alone.

        Raises
        ------
        DataError
            There are no examples, the shapes do not fit, or the model diverged, and has no score.
        """

    def check_metrics(self, metrics: Mapping[str, float], num_examples: int) -> None:
        """Raise `ProtocolError` unless a score that a node sent makes sense."""
        if num_examples < 1:
            raise ProtocolError("A score must be over at least 1 example", num_examples)
        bad = {name: value for name, value in metrics.items() if not math.isfinite(value)}
        if bad:
            raise ProtocolError("A score must be finite", bad)
        errors = {name: value for name, value in metrics.items() if name.endswith(ERROR) and value < 0}
        if errors:
            raise ProtocolError("A standard error must be 0 or more", errors)
        for name, (low, high) in self.ranges.items():
            if name not in metrics or not low <= metrics[name] <= high:
                raise ProtocolError(f"A score must carry {name!r}, in [{low:g}, {high:g}]", dict(metrics))
        for name, (low, high) in self.may_have.items():
            if name in metrics and not low <= metrics[name] <= high:
                raise ProtocolError(f"A score's {name!r} must lie in [{low:g}, {high:g}]", metrics[name])

    def summarise(self, scores: Mapping[str, Measured]) -> dict[str, float]:
        """Fold the scores of the panel's nodes (or of people) into one table; their order plays no part.

        Parameters
        ----------
        scores : mapping
            By name: what `metrics` gave, and the number of examples behind it; at least one.

        Returns
        -------
        dict of str to float
            As `common.metrics.over_nodes` says; a mean of standard errors would be none, so there is nothing of them.
        """
        told = {
            node: ({name: value for name, value in metrics.items() if not name.endswith(ERROR)}, size)
            for node, (metrics, size) in scores.items()
        }
        return over_nodes(told, self.primary, self.may_have)

    # ------------------------------------------------------------ what several nodes come to

    def withheld(self) -> Self:
        """Return what a node says of its labels that has too few for numbers that were fitted to them to leave it."""
        return self

    @property
    @abstractmethod
    def family(self) -> tuple[Any, ...]:
        """What heads must have in common to agree; most nodes decide."""

    @classmethod
    @abstractmethod
    def agree(cls, held: Sequence[tuple[Self, int]]) -> Self:
        """Return what the heads of several nodes come to, whatever their order.

        Parameters
        ----------
        held : sequence of tuple
            The head of each node, all of one family, and of how many training examples its numbers are: 0 where they
            are `withheld`.

        Raises
        ------
        FederationError
            There is nothing to learn.
        """

    def misfit(self, own: Head) -> ProtocolError | None:
        """Return why a node whose own head is `own` has no part in a search for this one; None where it has."""
        if own.kind != self.kind:
            return ProtocolError(
                f"This search is for {self.kind}", own.kind, fix="Give the node data of the same kind as the others'"
            )
        return self._misfit(own)

    @abstractmethod
    def _misfit(self, own: Any) -> ProtocolError | None:
        """Return why a head of this kind does not fit."""

    # ------------------------------------------------------------ JSON

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        values = {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()}
        unsaid = {item.name for item in fields(self) if _is_later(item) and getattr(self, item.name) == item.default}
        return {"kind": self.kind, **{name: value for name, value in values.items() if name not in unsaid}}

    def facts(self) -> dict[str, Any]:
        """Return what a journal or a result says of a head by name, beside the whole of it."""
        return {}

    @classmethod
    @abstractmethod
    def from_values(cls, values: Mapping[str, Any]) -> Self:
        """Build from the fields that `to_dict` wrote, perhaps without `LATER` ones; nonsense raises `SpecError`."""


def names_of(head: Head) -> tuple[str, ...]:
    """Return what classes or labels are called: by their numbers, where they have no names."""
    return head.names or tuple(map(str, range(head.output_width)))


def head_from_dict(values: Any) -> Head:
    """Build a head from what `Head.to_dict` wrote, or from anything: what is no head raises `SpecError`."""
    kind = values.get("kind") if isinstance(values, dict) else None
    if not isinstance(kind, str) or kind not in HEADS:
        raise SpecError(f"A head is one of {', '.join(HEADS)}", kind, fix="Run the same version on both sides")
    cls: type[Head] = getattr(import_module(f"common.tasks.{kind}"), HEADS[kind])
    known = {item.name for item in fields(cls)}
    needed = {item.name for item in fields(cls) if not _is_later(item)}
    given = {name: value for name, value in values.items() if name != "kind"}
    if not needed <= set(given) <= known:
        raise SpecError(f"A head of the kind {kind} has the fields {sorted(known)}", sorted(map(str, given)))
    return cls.from_values(given)


def _is_later(item: Field[Any]) -> bool:
    return LATER.items() <= item.metadata.items()
