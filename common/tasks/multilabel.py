"""Several labels for each example, of which each is there or not, and any number at once.

A node's data say of every example and every label whether it is there, so all nodes must have the same labels, by
number or by name: a column that a node lacks says nothing of its examples, and is no column of zeros. Names may come in
any order; the handshake agrees on the sorted one.

A search goes by the macro average precision (the mean over labels of scikit-learn's ``average_precision_score``), what
benchmarks of such data are told in. Most labels are rare, and where nearly all examples are negative an AUROC stays
high though most of what a model finds is wrong (T. Saito & M. Rehmsmeier, "The precision-recall plot is more
informative than the ROC plot when evaluating binary classifiers on imbalanced datasets", PLOS ONE 10, 2015). Both need
examples with the label and without: a node's mean is over those labels that it has both of, and over nodes it is the
mean of these, weighted by examples.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from common.errors import DataError, ProtocolError, SpecError
from common.metrics import Direction
from common.tasks.base import LATER, Head, Labels, Row
from common.tasks.checks import check_names, check_weights, weights_from
from common.tasks.multilabel_metrics import multilabel_metrics

if TYPE_CHECKING:
    from torch import Tensor, nn

    from common.tasks.base import Loss

METRICS: Mapping[str, tuple[str, Direction]] = MappingProxyType(
    {
        "average_precision": ("macro average precision", "max"),
        "auroc": ("mean AUROC", "max"),
        "macro_f1": ("macro F1", "max"),
        "micro_f1": ("micro F1", "max"),
        "subset_accuracy": ("subset accuracy", "max"),
        "loss": ("loss", "min"),
    }
)
"""What people call each metric, and whether more or less of it is better."""

MOST_LABELS = 2**12
"""Of a node's data; each costs a number for every example."""


@dataclass(frozen=True)
class Multilabel(Head):
    """One logit for each label; labels are int64, shape ``(n, num_labels)``, 1 where it is there and 0 where not.

    Parameters
    ----------
    num_labels : int
        At least 2: one that is there or not is a classification with two classes.
    labels : tuple of str
        Their names in the order of their columns; empty where they have none.
    goes_by : str
        The primary metric, one of `METRICS`.
    class_weights : tuple of float
        For each label what one that is there weighs in training, of one that is not 1; empty where nobody knows.
    """

    num_labels: int
    labels: tuple[str, ...] = ()
    goes_by: str = "average_precision"
    class_weights: tuple[float, ...] = field(default=(), metadata=LATER)

    kind: ClassVar[str] = "multilabel"
    ranges: ClassVar[Mapping[str, tuple[float, float]]] = MappingProxyType(
        {"micro_f1": (0.0, 1.0), "subset_accuracy": (0.0, 1.0), "loss": (0.0, math.inf)}
    )
    may_have: ClassVar[Mapping[str, tuple[float, float]]] = MappingProxyType(
        dict.fromkeys(("average_precision", "auroc", "macro_f1"), (0.0, 1.0))
    )
    constant: ClassVar[str] = "label frequencies"
    smooths: ClassVar[bool] = True
    balances: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if not 2 <= self.num_labels <= MOST_LABELS:
            raise SpecError(
                f"A multilabel task has 2 to {MOST_LABELS} labels",
                self.num_labels,
                fix="For one label that is there or not, give classes 0 and 1",
            )
        if self.labels and not len(self.labels) == len(set(self.labels)) == self.num_labels:
            raise SpecError(f"The names of {self.num_labels} labels must be as many, and differ", self.labels)
        check_weights(self.class_weights, self.num_labels)
        if self.goes_by not in METRICS:
            raise SpecError(f"The primary metric of a multilabel task is one of {', '.join(METRICS)}", self.goes_by)

    @property
    def output_width(self) -> int:
        """Return the number of labels."""
        return self.num_labels

    @property
    def names(self) -> tuple[str, ...]:
        """Return the names of labels; see `Head.names`."""
        return self.labels

    def readout(self) -> nn.Module:
        """Return what makes probabilities of logits; see `Head.readout`."""
        from torch import nn

        return nn.Sigmoid()

    def before_readout(self, outputs: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return logits, which of a probability of 0 or 1 are as far out as one of 32 bits can tell."""
        kept = np.clip(outputs.astype(np.float64), np.finfo(np.float32).tiny, 1 - np.finfo(np.float32).epsneg)
        return np.log(kept / (1 - kept)).astype(np.float32)

    @property
    def constant_rate(self) -> float:
        """Return the longest step with which the mean cross entropy of a bias never rises; see `Head.constant_rate`.

        Its second derivative is 1/4 at most, over the number of labels.
        """
        return 4.0 * self.num_labels

    @property
    def primary(self) -> tuple[str, Direction]:
        """Return the metric that was agreed on; see `Head.primary`."""
        return self.goes_by, METRICS[self.goes_by][1]

    @property
    def tie(self) -> tuple[str, Direction]:
        """Return the loss, and where models are ranked by that the micro F1; see `Head.tie`."""
        return ("micro_f1", "max") if self.goes_by == "loss" else ("loss", "min")

    @property
    def rows(self) -> tuple[Row, ...]:
        """Return the primary metric with its spread, then the others; see `Head.rows`."""
        others = [name for name in METRICS if name not in (self.goes_by, "loss")]
        return (
            Row(f"test {METRICS[self.goes_by][0]}", self.goes_by),
            Row("spread over nodes or people", f"{self.goes_by}_std"),
            Row("worst decile of them", f"{self.goes_by}_worst_decile"),
            *(Row(METRICS[name][0], name) for name in others),
            *([] if self.goes_by == "loss" else [Row("test loss", "loss")]),
        )

    def going_by(self, metric: str) -> Self:
        """Return this head with another primary metric, if it is one of `METRICS`; see `Head.going_by`."""
        return replace(self, goes_by=metric) if metric in METRICS else self

    def check_labels(self, y: Labels) -> None:
        """Raise `DataError` unless `y` are rows of 0 and 1; see `Head.check_labels`."""
        fits = y.shape == (len(y), self.num_labels) and y.dtype == np.int64
        if not fits or not ((y == 0) | (y == 1)).all():
            raise DataError(
                f"Several labels must be 0 or 1, {self.num_labels} whole numbers for each example",
                fix="Check the data",
            )

    def fitted(self, y: Labels) -> Self:  # noqa: ARG002 - which labels there are, the whole of the data says
        """Return the head itself; see `Head.fitted`."""
        return self

    def places(self, own: Head) -> NDArray[np.int64]:
        """Return which of this head's labels each of another one's is; see `Head.places`."""
        assert isinstance(own, Multilabel)
        if own.labels == self.labels and own.num_labels == self.num_labels:
            return np.arange(own.num_labels)
        if own.num_labels != self.num_labels or set(own.labels) != set(self.labels):
            raise DataError(
                f"Data must have the {self.num_labels} labels that were agreed on, each with its column",
                fix="Give this node data with the same labels as the others'",
                detail=f"these have {own.num_labels}",
            )
        place = {name: column for column, name in enumerate(self.labels)}
        return np.array([place[name] for name in own.labels], np.int64)

    def _relabel(self, y: Labels, own: Multilabel) -> Labels:
        return y[:, np.argsort(self.places(own))]

    def counts(self, y: Labels, multiple: int) -> list[int]:
        """Return how many examples have each label; see `Head.counts`."""
        counts: list[int] = (y.reshape(-1, self.num_labels).sum(axis=0) // multiple * multiple).tolist()
        return counts

    @property
    def most_each(self) -> int:
        """Return the number of labels: an example may have all of them; see `Head.most_each`."""
        return self.num_labels

    def balanced_by(self, weights: Sequence[float]) -> Self:
        """Return this head with these weights of labels; see `Head.balanced_by`."""
        return replace(self, class_weights=tuple(weights))

    def weights_of(self, totals: NDArray[np.float64], examples: int) -> NDArray[np.float64]:
        """Return how many examples are without a label for each that has it; see `Head.weights_of`."""
        weights: NDArray[np.float64] = (examples - totals) / totals
        return weights

    def strata(self, y: Labels) -> NDArray[np.int64]:
        """Return for each example 1 + the rarest of its labels, 0 where it has none; see `Head.strata`.

        So a rare label is spread as evenly as a class is, and a frequent one that comes with it as it happens: the
        first step of the iterative stratification of K. Sechidis, G. Tsoumakas & I. Vlahavas, "On the Stratification of
        Multi-Label Data", ECML PKDD 2011, without the others. Rare is what few of these examples have; of equals it is
        the first.
        """
        order = np.argsort(y.sum(axis=0), kind="stable")
        rarest: NDArray[np.int64] = order[np.argmax(y[:, order], axis=1)] + 1
        return np.where(y.any(axis=1), rarest, 0)

    def targets(self, y: Labels) -> Labels:
        """Return the labels as float32; see `Head.targets`."""
        return y.astype(np.float32)

    def loss(self, smoothing: float = 0.0, *, balanced: bool = False) -> Loss:
        """Return the cross entropy of each label, in nats, mean over examples and labels; see `Head.loss`."""
        import torch
        from torch.nn import functional

        weights = torch.tensor(self.class_weights, dtype=torch.float32) if balanced and self.class_weights else None

        def cross_entropy(outputs: Tensor, targets: Tensor) -> Tensor:
            soft = targets * (1 - smoothing) + smoothing / 2 if smoothing else targets
            there = None if weights is None else weights.to(outputs.device, outputs.dtype)
            return functional.binary_cross_entropy_with_logits(outputs, soft, pos_weight=there)

        return cross_entropy

    def as_targets(self, outputs: Tensor) -> Tensor:
        """Return probabilities; see `Head.as_targets`."""
        return outputs.sigmoid()

    def metrics(
        self,
        outputs: NDArray[np.float32],
        y: Labels,
        threshold: float | None = None,  # noqa: ARG002 - each label would have its own
    ) -> dict[str, float]:
        """Return what `multilabel_metrics` says; see `Head.metrics`."""
        return multilabel_metrics(outputs, y)

    @property
    def family(self) -> tuple[Any, ...]:
        """Return the kind, the number of labels and their names, sorted; see `Head.family`."""
        return self.kind, self.num_labels, tuple(sorted(self.labels))

    @classmethod
    def agree(cls, held: Sequence[tuple[Self, int]]) -> Self:
        """Return the labels that all have, sorted by name; see `Head.agree`."""
        first, _ = held[0]
        return cls(first.num_labels, tuple(sorted(first.labels)))

    def _misfit(self, own: Multilabel) -> ProtocolError | None:
        if own.family == self.family:
            return None
        strange = sorted(set(own.labels) ^ set(self.labels)) or own.num_labels
        return ProtocolError(
            f"A node's data must have the {self.num_labels} labels of this search, each with its column",
            strange,
            fix="Check the node's data file",
        )

    def facts(self) -> dict[str, Any]:
        """Return the number of labels and their names; see `Head.facts`."""
        return {"num_labels": self.num_labels, "labels": list(self.labels)}

    @classmethod
    def from_values(cls, values: Mapping[str, Any]) -> Self:
        """Build from plain JSON values; see `Head.from_values`."""
        count, names, metric = (values[name] for name in ("num_labels", "labels", "goes_by"))
        if type(count) is not int:
            raise SpecError("The number of labels must be a whole number", count)
        if not isinstance(metric, str):
            raise SpecError("The primary metric of a multilabel task must be a text", metric)
        return cls(count, check_names("labels", names), metric, weights_from(values.get("class_weights", ())))
