"""One or several numbers for each example.

A model is trained on scaled targets, ``(y - mean) / scale``, so that neither its learning rate nor its start
depends on their units. Mean and scale (the standard deviation) are those of all training targets together. No
node knows them, so each tells the server how many training targets it has, their mean and their standard
deviation, for each output: **two numbers about a node's labels that leave it**, and over a handful of examples
they say much about each. With each score goes the same about what was scored (`Regression.metrics`).

Scores are in the units of the targets, their squares for the mean squared error; R2 has none.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from common.errors import DataError, FederationError, ProtocolError, SpecError
from common.metrics import Direction, Measured
from common.tasks.base import LATER, Head, Labels, Row
from common.tasks.checks import check_outputs

if TYPE_CHECKING:
    from torch import nn

    from common.tasks.base import Loss

METRICS: Mapping[str, tuple[str, Direction, str]] = MappingProxyType(
    {
        "mse": ("test MSE", "min", "{:.4g}"),
        "rmse": ("test RMSE", "min", "{:.4g}"),
        "mae": ("test MAE", "min", "{:.4g}"),
        "r2": ("test R2, pooled", "max", "{:.4f}"),
    }
)
"""What people call each metric, whether more or less of it is better, and how its number is written."""

MOST_OUTPUTS = 2**16
LARGEST = 1e12
"""Of a target: the square of its error must fit into a metric."""
_DIVERGED = 1e30
"""A larger error is that of a model that diverged; no message carries it."""
_ROUNDING = 1e-12


@dataclass(frozen=True)
class Regression(Head):
    """One scaled number for each output; labels are float32, shape ``(n, outputs)``.

    Parameters
    ----------
    mean, scale : tuple of float
        Of the training targets, one for each output: their mean, and their standard deviation (divided by n; 0 where
        they are all equal, and then only the mean is taken off). The defaults are one output, unscaled.
    goes_by : str
        The primary metric, one of `METRICS`.
    """

    mean: tuple[float, ...] = (0.0,)
    scale: tuple[float, ...] = (1.0,)
    goes_by: str = field(default="mse", metadata=LATER)

    kind: ClassVar[str] = "regression"
    ranges: ClassVar[Mapping[str, tuple[float, float]]] = MappingProxyType(
        {"mse": (0.0, math.inf), "mae": (0.0, math.inf), "mse_of_mean": (0.0, math.inf)}
    )
    may_have: ClassVar[Mapping[str, tuple[float, float]]] = MappingProxyType(
        {"rmse": (0.0, math.inf), "r2": (-math.inf, 1.0)}
    )
    constant: ClassVar[str] = "mean"

    def __post_init__(self) -> None:
        numbers = (*self.mean, *self.scale)
        if not 1 <= len(self.mean) == len(self.scale) <= MOST_OUTPUTS:
            raise SpecError(
                f"A regression has 1 to {MOST_OUTPUTS} outputs, each with a mean and a scale",
                (len(self.mean), len(self.scale)),
            )
        if not all(abs(number) <= LARGEST for number in numbers) or min(self.scale) < 0:
            raise SpecError(
                f"Means lie within {LARGEST:g} of 0, and scales between 0 and that", fix="Check the targets"
            )
        if self.goes_by not in METRICS:
            raise SpecError(f"The primary metric of a regression is one of {', '.join(METRICS)}", self.goes_by)

    @property
    def output_width(self) -> int:
        """Return the number of outputs."""
        return len(self.mean)

    @property
    def primary(self) -> tuple[str, Direction]:
        """Return the metric that was agreed on; see `Head.primary`."""
        return self.goes_by, METRICS[self.goes_by][1]

    @property
    def resampled(self) -> str:
        """Return the squared error, of which its root and R2 are made over nodes, or the absolute one."""
        return "mae" if self.goes_by == "mae" else "mse"

    @property
    def tie(self) -> tuple[str, Direction]:
        """Return the mean absolute error, and where models are ranked by that the squared one; see `Head.tie`."""
        return ("mse", "min") if self.goes_by == "mae" else ("mae", "min")

    @property
    def rows(self) -> tuple[Row, ...]:
        """Return the primary metric with its spread, then the others; see `Head.rows`."""
        title, _, form = METRICS[self.goes_by]
        return (
            Row(title, self.goes_by, form),
            Row("spread over nodes or people", f"{self.goes_by}_std", form),
            Row("worst decile of them", f"{self.goes_by}_worst_decile", form),
            *(Row(METRICS[name][0], name, METRICS[name][2]) for name in METRICS if name != self.goes_by),
        )

    def going_by(self, metric: str) -> Self:
        """Return this head with another primary metric, if it is one of `METRICS`; see `Head.going_by`."""
        return replace(self, goes_by=metric) if metric in METRICS else self

    def readout(self) -> nn.Module:
        """Return what puts outputs into the units of the targets; see `Head.readout`."""
        from common.models.rescale import Rescale

        return Rescale(self.mean, self._units.tolist())

    def before_readout(self, outputs: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return outputs in deviations from the mean; see `Head.before_readout`."""
        scaled: NDArray[np.float32] = ((outputs - np.array(self.mean)) / self._units).astype(np.float32)
        return scaled

    @property
    def _units(self) -> NDArray[np.float64]:
        scale = np.array(self.scale)
        return np.where(scale > 0, scale, 1.0)

    def check_labels(self, y: Labels) -> None:
        """Raise `DataError` unless `y` are finite numbers, a row for each example; see `Head.check_labels`."""
        if y.shape != (len(y), self.output_width) or y.dtype != np.float32:
            raise DataError(f"Targets must be float32, {self.output_width} for each example", (y.shape, str(y.dtype)))
        if not (np.abs(y) <= LARGEST).all():
            raise DataError(
                f"Targets must be finite, and lie within {LARGEST:g} of 0",
                fix="Clean the data, or give the targets in another unit",
            )

    def fitted(self, y: Labels) -> Self:
        """Return the head with the mean and the scale of these targets; see `Head.fitted`."""
        self.check_labels(y)
        wide = y.astype(np.float64)
        return type(self)(tuple(wide.mean(axis=0).tolist()), tuple(wide.std(axis=0).tolist()))

    def _relabel(self, y: Labels, own: Regression) -> Labels:  # noqa: ARG002 - a number is a number on every node
        return y

    def strata(self, y: Labels) -> None:  # noqa: ARG002
        """Return None: targets are no classes; see `Head.strata`."""
        return

    def targets(self, y: Labels) -> Labels:
        """Return the scaled targets, float32; see `Head.targets`."""
        scaled: NDArray[np.float32] = ((y.astype(np.float64) - self.mean) / self._units).astype(np.float32)
        return scaled

    @property
    def constant_rate(self) -> float:
        """Return the step that leads to the mean at once: the second derivative is 2 over the number of outputs."""
        return self.output_width / 2

    def loss(self, smoothing: float = 0.0, *, balanced: bool = False) -> Loss:
        """Return the mean squared error, of scaled targets; see `Head.loss`."""
        self.check_smoothing(smoothing)
        self.check_balanced(balanced)
        from torch.nn import functional

        return functional.mse_loss

    def metrics(
        self,
        outputs: NDArray[np.float32],
        y: Labels,
        threshold: float | None = None,  # noqa: ARG002
    ) -> dict[str, float]:
        """Score one node's predictions; see `Head.metrics`.

        Returns
        -------
        dict of str to float
            ``mse`` and ``mae``, means over examples and outputs; ``rmse``, the root of the former; ``r2``, that of this
            node alone, where its targets differ. And what an exact R2 over nodes is made of: ``mse_of_mean``, the error
            of answering the agreed mean; ``offset_0`` and so on, for each output the mean of the targets less the
            agreed one.
        """
        check_outputs(outputs, y)
        errors = outputs * self._units + self.mean - y
        offsets = y.astype(np.float64) - self.mean
        scores = {
            "mse": float((errors**2).mean()),
            "rmse": math.sqrt((errors**2).mean()),
            "mae": float(np.abs(errors).mean()),
            "mse_of_mean": float((offsets**2).mean()),
            **{f"offset_{output}": float(offset) for output, offset in enumerate(offsets.mean(axis=0))},
        }
        if not scores["mse"] <= _DIVERGED:
            raise DataError(
                "A model's errors must stay finite, and this one's do not", fix="Lower training.learning_rate"
            )
        spread = float(((offsets - offsets.mean(axis=0)) ** 2).mean())
        return {**scores, "r2": 1 - scores["mse"] / spread} if spread > _ROUNDING * scores["mse_of_mean"] else scores

    def check_metrics(self, metrics: Mapping[str, float], num_examples: int) -> None:
        """Raise `ProtocolError` unless a score makes sense; see `Head.check_metrics`."""
        super().check_metrics(metrics, num_examples)
        offsets = [metrics.get(f"offset_{output}") for output in range(self.output_width)]
        # the square of a mean is never above the mean of the squares
        if None in offsets or self._square(metrics) > metrics["mse_of_mean"] * (1 + _ROUNDING):
            raise ProtocolError("A score must carry an 'offset' for each output, no larger than 'mse_of_mean' allows")

    def summarise(self, scores: Mapping[str, Measured]) -> dict[str, float]:
        """Fold the scores of nodes into one table; see `Head.summarise`.

        The errors are those of all examples of all nodes together, and so is ``rmse``, the root of that mean and not a
        mean of roots. So is ``r2``: 1 less the sum of squared errors over that of deviations from the mean of these
        targets, both over all outputs (scikit-learn's ``r2_score`` with ``multioutput="variance_weighted"``). It is
        left out where the targets are all equal. The spread of either over nodes is that of the nodes' own, and so is
        what trials are compared by; an R2 over few examples is a wild number, and mean squared errors are not.
        """
        table = super().summarise(scores)
        table["rmse"] = math.sqrt(table["mse"])
        for of_few in ("r2", "r2_nodes"):
            table.pop(of_few, None)
        spread = table["mse_of_mean"] - self._square(table)
        if spread > _ROUNDING * table["mse_of_mean"]:
            table["r2"] = 1 - table["mse"] / spread
        return table

    def _square(self, metrics: Mapping[str, float]) -> float:
        """Return the mean over the outputs of the offsets' squares."""
        return math.fsum(metrics[f"offset_{output}"] ** 2 for output in range(self.output_width)) / self.output_width

    def withheld(self) -> Self:
        """Return the head without mean and scale, both 0; see `Head.withheld`."""
        zeros = (0.0,) * self.output_width
        return replace(self, mean=zeros, scale=zeros)

    @property
    def family(self) -> tuple[Any, ...]:
        """Return the kind and the number of outputs; see `Head.family`."""
        return self.kind, self.output_width

    @classmethod
    def agree(cls, held: Sequence[tuple[Self, int]]) -> Self:
        """Return the mean and the scale of all targets together that were told of; see `Head.agree`."""
        total = math.fsum(count for _, count in held)
        if not total:
            raise FederationError(
                "A node must have preprocessing.min_examples training targets to tell of them, and none has",
                fix="Set preprocessing.min_examples lower",
            )
        means, scales = [], []
        for output in range(held[0][0].output_width):
            mean = math.fsum(count * head.mean[output] for head, count in held) / total
            squares = (count * (head.scale[output] ** 2 + (head.mean[output] - mean) ** 2) for head, count in held)
            means.append(mean)
            scales.append(math.sqrt(math.fsum(squares) / total))
        if not any(scales):
            raise FederationError("The targets of the nodes must differ", fix="Check the nodes' data")
        return cls(tuple(means), tuple(scales))

    def _misfit(self, own: Regression) -> ProtocolError | None:
        if own.output_width == self.output_width:
            return None
        return ProtocolError(
            f"A node's targets must have {self.output_width} numbers for each example",
            own.output_width,
            fix="Check the node's data file",
        )

    @classmethod
    def from_values(cls, values: Mapping[str, Any]) -> Self:
        """Build from plain JSON values; see `Head.from_values`."""
        for name in ("mean", "scale"):
            numbers = values[name]
            if not isinstance(numbers, list | tuple) or not all(type(number) in (int, float) for number in numbers):
                raise SpecError(f"The {name} of a regression must be a list of numbers", numbers)
            if not all(abs(number) <= LARGEST for number in numbers):  # a whole number may be too large for a float
                raise SpecError(f"The {name} of a regression must lie within {LARGEST:g} of 0", fix="Check the targets")
        metric = values.get("goes_by", "mse")
        if not isinstance(metric, str):
            raise SpecError("The primary metric of a regression must be a text", metric)
        mean, scale = (tuple(float(number) for number in values[name]) for name in ("mean", "scale"))
        return cls(mean, scale, metric)
