"""What a node finds when it compares models of its own with the common one, as it travels: metrics and nothing else.

    common      the winner as all nodes have trained it
    personal    what this node made of it
    local       its architecture, trained on this node's examples alone

A node keeps the one that is best on its validation examples. The models stay where they are.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from common.errors import ProtocolError

if TYPE_CHECKING:
    from common.tasks import Head

WAYS = ("common", "personal", "local")
"""In this order the first of those that are equally good is kept: what is nearest to all nodes' model."""

COEFFICIENTS = tuple(tenths / 10 for tenths in range(1, 11))
"""Shares of a node's own weights in a mix, tried from the least; 0 is the common model, which competes anyhow."""

_SPLITS = ("validation", "test")
_KEPT, _COEFFICIENT, _WRITTEN = "kept", "coefficient", "written"

Metrics = Mapping[str, float]


@dataclass(frozen=True)
class Verdict:
    """What one node found.

    Parameters
    ----------
    kept : str
        Which of `WAYS` the node keeps.
    validation, test : mapping of str to mapping
        By way, the metrics of the task's head. A way that came to nothing is in neither; of a node without examples of
        a split there are none.
    num_validation, num_test : int
        Examples behind these.
    coefficient : float, optional
        With ``mix``, the share of the node's own weights in those that are ``personal``.
    written : bool
        Whether the node wrote what it keeps into a folder of its own.
    """

    kept: str
    validation: Mapping[str, Metrics] = field(default_factory=dict)
    test: Mapping[str, Metrics] = field(default_factory=dict)
    num_validation: int = 0
    num_test: int = 0
    coefficient: float | None = None
    written: bool = False

    def to_metrics(self) -> dict[str, float]:
        """Return all of it as the metrics of a result."""
        counts = {"validation/examples": self.num_validation, "test/examples": self.num_test}
        scores = {
            f"{split}/{way}/{name}": value
            for split, ways in zip(_SPLITS, (self.validation, self.test), strict=True)
            for way, metrics in ways.items()
            for name, value in metrics.items()
        }
        mixed = {} if self.coefficient is None else {_COEFFICIENT: self.coefficient}
        return {_KEPT: float(WAYS.index(self.kept)), _WRITTEN: float(self.written), **mixed, **counts, **scores}

    @classmethod
    def from_metrics(cls, metrics: Metrics, head: Head) -> Verdict:
        """Read what `to_metrics` wrote, or what anybody did: raises `ProtocolError` for what makes no sense."""
        left = dict(metrics)
        scores: dict[str, dict[str, dict[str, float]]] = {split: defaultdict(dict) for split in _SPLITS}
        kept, written = left.pop(_KEPT, math.nan), left.pop(_WRITTEN, 0.0)
        coefficient = left.pop(_COEFFICIENT, None)
        counts = [_count(split, left.pop(f"{split}/examples", 0.0)) for split in _SPLITS]
        for key, value in left.items():
            split, way, name = _parts(key)
            scores[split][way][name] = value
        for split, count in zip(_SPLITS, counts, strict=True):
            for found in scores[split].values():
                head.check_metrics(found, count)
        known = WAYS[int(kept)] if kept in range(len(WAYS)) else None
        if known is None or (scores["validation"] and known not in scores["validation"]):
            raise ProtocolError(f"A node keeps one of {', '.join(WAYS)}, which it has scored", kept)
        if coefficient is not None and not 0 <= coefficient <= 1:
            raise ProtocolError("A coefficient of a mixture lies in [0, 1]", coefficient)
        validation, test = ({way: scores[split][way] for way in WAYS if way in scores[split]} for split in _SPLITS)
        return cls(known, validation, test, counts[0], counts[1], coefficient, bool(written))

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return asdict(self)


def best_of(scores: Mapping[str, Metrics], head: Head) -> str:
    """Return which of several ways is the best, the first of equals.

    Parameters
    ----------
    scores : mapping of str to mapping
        By way, at least one: its metrics on one node's validation examples.
    head : Head
        Its primary metric decides, and between equal ones its tie; what is not defined on these examples is the worst.
    """
    return max(scores, key=lambda way: rank_of(scores[way], head))


def rank_of(metrics: Metrics, head: Head) -> tuple[float, ...]:
    """Return what orders models of one node, more being better."""
    return tuple(oriented(metrics, metric, better) for metric, better in (head.primary, head.tie))


def oriented(metrics: Metrics, metric: str, better: str) -> float:
    """Return a metric so that more is better; of none minus infinity."""
    if metric not in metrics:
        return -math.inf
    return metrics[metric] if better == "max" else -metrics[metric]


def _parts(key: str) -> Iterable[str]:
    parts = key.split("/")
    if len(parts) != 3 or parts[0] not in _SPLITS or parts[1] not in WAYS:
        raise ProtocolError("A metric of a personal job names a split, a way and itself", key[:80])
    return parts


def _count(split: str, value: float) -> int:
    if not (math.isfinite(value) and value >= 0 and value == int(value)):
        raise ProtocolError(f"The number of {split} examples must be a whole one", value)
    return int(value)
