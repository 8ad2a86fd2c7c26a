"""One class of several for each example.

Data may name their classes: folders of images do, and a column of texts or of numbers from any start. Each node
numbers the names that it has; the handshake agrees on the sorted union over the nodes, and from then on all number by
that. Classes without names are called by their numbers, from 0: so a node with labels 1 and 3 agrees with others.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from common.errors import DataError, FederationError, ProtocolError, SpecError
from common.metrics import Direction
from common.tasks.base import LATER, Head, Labels, Row
from common.tasks.checks import check_names, check_weights, weights_from
from common.tasks.classification_metrics import AT_THRESHOLD, classification_metrics

if TYPE_CHECKING:
    from torch import Tensor

    from common.tasks.base import Loss

METRICS: Mapping[str, tuple[str, Direction]] = MappingProxyType(
    {
        "accuracy": ("accuracy", "max"),
        "balanced_accuracy": ("balanced accuracy", "max"),
        "macro_f1": ("macro F1", "max"),
        "auroc": ("AUROC", "max"),
        "loss": ("loss", "min"),
    }
)
"""What people call each metric, and whether more or less of it is better."""

OF_TWO: Mapping[str, tuple[str, Direction]] = MappingProxyType(
    {
        "average_precision": ("average precision", "max"),
        "brier": ("Brier score", "min"),
        "ece": ("expected calibration error", "min"),
    }
)
"""The same of what there is of two classes only; see `common.tasks.binary_metrics`."""

_BY_THRESHOLD = tuple(name + AT_THRESHOLD for name in ("accuracy", "balanced_accuracy", "macro_f1"))

MOST_CLASSES = 2**16
"""Of a node's data: a larger label is a mistake, and a model of it would fill a machine."""


@dataclass(frozen=True)
class Classification(Head):
    """One logit for each class; labels are int64, shape ``(n,)``, from 0.

    Parameters
    ----------
    num_classes : int
        At least 2.
    classes : tuple of str
        Their names in the order of their numbers; empty where they have none. A node whose examples are all of one
        class knows the name of that one only.
    goes_by : str
        The primary metric, one of `METRICS`, or of two classes one of `OF_TWO`.
    class_weights : tuple of float
        For each class what an example of it weighs in training; empty where nobody knows.
    """

    num_classes: int
    classes: tuple[str, ...] = ()
    goes_by: str = "accuracy"
    class_weights: tuple[float, ...] = field(default=(), metadata=LATER)

    kind: ClassVar[str] = "classification"
    ranges: ClassVar[Mapping[str, tuple[float, float]]] = MappingProxyType({"accuracy": (0.0, 1.0)})
    may_have: ClassVar[Mapping[str, tuple[float, float]]] = MappingProxyType(
        {
            "balanced_accuracy": (0.0, 1.0),
            "macro_f1": (0.0, 1.0),
            "auroc": (0.0, 1.0),
            "loss": (0.0, math.inf),
            **dict.fromkeys((*OF_TWO, "threshold", *_BY_THRESHOLD), (0.0, 1.0)),
        }
    )
    constant: ClassVar[str] = "majority class"
    smooths: ClassVar[bool] = True
    balances: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if self.num_classes < 2:
            raise SpecError("A classifier needs at least 2 classes", self.num_classes, fix="Check the labels")
        if self.num_classes > MOST_CLASSES:
            raise SpecError(
                f"A classifier has {MOST_CLASSES} classes at most", self.num_classes, fix="Check the labels"
            )
        names, alone = len(self.classes), (self.num_classes, len(self.classes)) == (2, 1)
        if names and not alone and not names == len(set(self.classes)) == self.num_classes:
            raise SpecError(f"The names of {self.num_classes} classes must be as many, and differ", self.classes)
        check_weights(self.class_weights, self.num_classes)
        if self.goes_by not in self._metrics:
            raise SpecError(f"The primary metric of a classifier is one of {', '.join(self._metrics)}", self.goes_by)

    @property
    def called(self) -> tuple[str, ...]:
        """What the classes are called: by their numbers, where they have no names."""
        return self.classes or tuple(map(str, range(self.num_classes)))

    @classmethod
    def of_names(cls, names: tuple[str, ...]) -> Self:
        """Return the head of data that name their classes so."""
        return cls(max(2, len(names)), names)

    @property
    def output_width(self) -> int:
        """Return the number of classes."""
        return self.num_classes

    @property
    def names(self) -> tuple[str, ...]:
        """Return the names of classes; see `Head.names`."""
        return self.classes

    @property
    def _metrics(self) -> Mapping[str, tuple[str, Direction]]:
        return {**METRICS, **OF_TWO} if self.num_classes == 2 else METRICS

    @property
    def metric_names(self) -> frozenset[str]:
        """Return the metrics that a search can go by; what comes of a threshold is none. See `Head.metric_names`."""
        told = super().metric_names - {"threshold", *_BY_THRESHOLD}
        return told if self.num_classes == 2 else told - OF_TWO.keys()

    @property
    def primary(self) -> tuple[str, Direction]:
        """Return the metric that was agreed on; see `Head.primary`."""
        return self.goes_by, self._metrics[self.goes_by][1]

    @property
    def tie(self) -> tuple[str, Direction]:
        """Return the loss, and where models are ranked by that the accuracy; see `Head.tie`."""
        return ("accuracy", "max") if self.goes_by == "loss" else ("loss", "min")

    @property
    def rows(self) -> tuple[Row, ...]:
        """Return the primary metric with its spread, then the others; see `Head.rows`."""
        others = [name for name in self._metrics if name not in (self.goes_by, "loss")]
        return (
            Row(f"test {self._metrics[self.goes_by][0]}", self.goes_by),
            Row("spread over nodes or people", f"{self.goes_by}_std"),
            Row("worst decile of them", f"{self.goes_by}_worst_decile"),
            *(Row(self._metrics[name][0], name) for name in others),
            *([] if self.goes_by == "loss" else [Row("test loss", "loss")]),
            *(self._rows_by_threshold if self.num_classes == 2 else ()),
        )

    @property
    def _rows_by_threshold(self) -> tuple[Row, ...]:
        """What a model is worth whose threshold was fitted on validation; it has none before it is tested."""
        return (
            Row("threshold of validation", "threshold"),
            *(Row(f"{METRICS[name.removesuffix(AT_THRESHOLD)][0]} at it", name) for name in _BY_THRESHOLD),
        )

    def going_by(self, metric: str) -> Self:
        """Return this head with another primary metric, if that is one of its own; see `Head.going_by`."""
        return replace(self, goes_by=metric) if metric in self._metrics else self

    def check_labels(self, y: Labels) -> None:
        """Raise `DataError` unless `y` are classes from 0; see `Head.check_labels`."""
        if y.ndim != 1 or y.dtype != np.int64 or (len(y) and (y.min() < 0 or y.max() >= self.num_classes)):
            raise DataError(
                f"Labels must be whole numbers from 0 to {self.num_classes - 1}, one for each example",
                fix="Check the data",
            )

    def fitted(self, y: Labels) -> Self:  # noqa: ARG002 - which classes there are, the whole of the data says
        """Return the head itself; see `Head.fitted`."""
        return self

    def _relabel(self, y: Labels, own: Classification) -> Labels:
        if self.classes or own.classes:
            return y if own.classes == self.classes else numbers_of(own.called, self.called)[y]
        if own.num_classes > self.num_classes:
            raise DataError(
                f"Data must have {self.num_classes} classes at most, as was agreed on, and these have more",
                fix="Start the search again, so that the new classes are agreed on, or take them out of the data",
                detail=f"there are {own.num_classes}",
            )
        return y

    def counts(self, y: Labels, multiple: int) -> list[int]:
        """Return one count for each class that the data have; see `Head.counts`."""
        held = len(self.classes) or self.num_classes
        counts: list[int] = (np.bincount(y, minlength=held) // multiple * multiple).tolist()
        return counts

    def places(self, own: Head) -> NDArray[np.int64]:
        """Return which class of this head each is that `own` counts; see `Head.places`."""
        assert isinstance(own, Classification)
        return self.relabel(np.arange(len(own.classes) or own.num_classes), own)

    def weights_of(self, totals: NDArray[np.float64], examples: int) -> NDArray[np.float64]:  # noqa: ARG002
        """Return ``n / (k n_c)``, scikit-learn's ``balanced``: the mean over examples is 1. See `Head.weights_of`."""
        weights: NDArray[np.float64] = totals.sum() / (len(totals) * totals)
        return weights

    def balanced_by(self, weights: Sequence[float]) -> Self:
        """Return this head with these weights of classes; see `Head.balanced_by`."""
        return replace(self, class_weights=tuple(weights))

    def strata(self, y: Labels) -> NDArray[np.int64]:
        """Return the labels; see `Head.strata`."""
        return y

    def targets(self, y: Labels) -> Labels:
        """Return the labels; see `Head.targets`."""
        return y

    def loss(self, smoothing: float = 0.0, *, balanced: bool = False) -> Loss:
        """Return the cross entropy, in nats; see `Head.loss`.

        Weighted, it is the sum over examples of their weighted losses, divided by their number. PyTorch's own mean
        divides by the sum of their weights, so that an example would count by what else is in its mini-batch.
        """
        from torch.nn import functional

        if balanced and self.class_weights:
            import torch

            weights = torch.tensor(self.class_weights, dtype=torch.float32)

            def weighted(outputs: Tensor, targets: Tensor) -> Tensor:
                each = weights.to(outputs.device, outputs.dtype)
                return functional.cross_entropy(
                    outputs, targets, each, reduction="none", label_smoothing=smoothing
                ).mean()

            return weighted
        if smoothing:
            return partial(functional.cross_entropy, label_smoothing=smoothing)
        return functional.cross_entropy

    def as_targets(self, outputs: Tensor) -> Tensor:
        """Return probabilities; see `Head.as_targets`."""
        return outputs.softmax(1)

    def metrics(self, outputs: NDArray[np.float32], y: Labels, threshold: float | None = None) -> dict[str, float]:
        """Return what `classification_metrics` says; see `Head.metrics`."""
        return classification_metrics(outputs, y, threshold)

    @property
    def family(self) -> tuple[Any, ...]:
        """Return the kind, and whether classes are words or numbers; see `Head.family`."""
        return self.kind, not _are_numbers(self.called)

    @classmethod
    def agree(cls, held: Sequence[tuple[Self, int]]) -> Self:
        """Return all names that one of the nodes has, sorted, or as many classes as one has; see `Head.agree`."""
        if not any(head.classes for head, _ in held):
            return cls(max(head.num_classes for head, _ in held))
        names = tuple(sorted({name for head, _ in held for name in head.called}, key=_order))
        if len(names) == 1:
            raise FederationError(
                "The nodes must have at least 2 classes between them", names[0], fix="Check their labels"
            )
        return cls(len(names)) if names == tuple(map(str, range(len(names)))) else cls.of_names(names)

    def _misfit(self, own: Classification) -> ProtocolError | None:
        strange = sorted(set(own.called) - set(self.called), key=_order) if self.classes or own.classes else []
        if strange and _are_numbers(own.called) != _are_numbers(self.called):
            one, other = ("numbers", "names") if _are_numbers(self.called) else ("names", "numbers")
            return ProtocolError(
                f"The classes of this search are {one}, and those of this node's data {other}",
                fix=f"Write the classes as {one}, as the other nodes do",
            )
        if strange:
            return ProtocolError(
                f"A node that joins must have no other classes than were agreed on, {', '.join(self.called)}",
                strange,
                fix="Correct the names, or start the search again with this node",
            )
        if own.num_classes > self.num_classes:
            return ProtocolError(
                f"A node's data must have {self.num_classes} classes at most",
                own.num_classes,
                fix="Check the node's data file, or start the search again with this node",
            )
        return None

    def facts(self) -> dict[str, Any]:
        """Return the number of classes and their names; see `Head.facts`."""
        return {"num_classes": self.num_classes, "classes": list(self.classes)}

    @classmethod
    def from_values(cls, values: Mapping[str, Any]) -> Self:
        """Build from plain JSON values; see `Head.from_values`."""
        count, names, metric = (values[name] for name in ("num_classes", "classes", "goes_by"))
        if type(count) is not int:
            raise SpecError("The number of classes must be a whole number", count)
        if not isinstance(metric, str):
            raise SpecError("The primary metric of a classifier must be a text", metric)
        return cls(count, check_names("classes", names), metric, weights_from(values.get("class_weights", ())))


def numbers_of(own: tuple[str, ...], agreed: tuple[str, ...]) -> NDArray[np.int64]:
    """Return the position in `agreed` of each name in `own`.

    Raises
    ------
    DataError
        The data hold a class that is not among those agreed on.
    """
    strange = sorted(set(own) - set(agreed), key=_order)
    if strange and _are_numbers(own) and not _are_numbers(agreed):
        raise DataError(
            "The classes of this search have names, and the labels of these data are numbers",
            fix="Write the names of the classes instead of numbers, in the words that the other nodes use",
        )
    if strange and _are_numbers(agreed) and not _are_numbers(own):
        raise DataError(
            "The classes of this search are numbers, and those of these data have names",
            fix="Write numbers instead of the names, as the other nodes do",
        )
    if strange:
        raise DataError(
            "Data must hold only classes that were agreed on when the node joined, and these hold others",
            fix="Start the search again, so that the new classes are agreed on, or take them out of the data",
            detail=", ".join(repr(name) for name in strange),
        )
    position = {name: number for number, name in enumerate(agreed)}
    return np.array([position[name] for name in own], dtype=np.int64)


def _are_numbers(names: tuple[str, ...]) -> bool:
    return all(name.removeprefix("-").isdecimal() and name.isascii() for name in names)


def _order(name: str) -> tuple[int, int, str]:
    """Sort whole numbers by what they are, before all others."""
    return (0, int(name), name) if _are_numbers((name,)) else (1, 0, name)
