"""The contract of the objectives: what is better, and what is not allowed.

    class Mine(Objectives):
        def terms(self):
            return (Objective("macro_f1", "max"), Objective("macs", "min"))

Put it into ``objectives/mine.py``, add ``conf/objective/mine.yaml`` with ``name: mine``, and the contract tests run
on it.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, final

from common.architecture.cost import Cost
from common.architecture.spec import ArchitectureSpec
from common.errors import ConfigError, ProtocolError
from common.metrics import Direction
from common.settings import TrainingSettings
from common.tasks import Head
from server_app.objectives.costs import COSTS, ON_DEVICE, Measure

PRIMARY = "primary"
"""Stands for the metric that the head goes by, also in front of what is told of its spread."""
SPREAD = ("_std", "_worst_decile")
"""What the panel's table tells of how far its nodes lie apart in that metric; a node alone has none of it."""

_LEAST_COST = 2.0**-10


@dataclass(frozen=True)
class Objective:
    """A number to raise or to lower.

    Parameters
    ----------
    name : str
        A metric of the panel's table, or one of `COSTS`.
    direction : {"max", "min"}
        Whether more or less of it is better.
    """

    name: str
    direction: Direction

    @property
    def names(self) -> tuple[str, ...]:
        """Of the metrics and costs that it is made of."""
        return (self.name,)

    def value(self, metrics: Mapping[str, float], cost: Cost) -> float:
        """Return the number; raises `ProtocolError` where the panel did not report it, or it is not finite."""
        return float(getattr(cost, self.name)) if self.name in COSTS else _metric(metrics, self.name)

    def oriented(self, value: float) -> float:
        """Return `value` so that more is better."""
        return value if self.direction == "max" else -value

    def scaled(self, value: float) -> float:
        """Return `value` oriented, of what costs its binary logarithm: networks differ by orders of magnitude in it."""
        return self.oriented(math.log2(max(value, _LEAST_COST)) if self.name in COSTS else value)


class Objectives(ABC):
    """An ordered list of objectives with hard constraints; the first of them ranks, or several together.

    Parameters
    ----------
    head : Head
        Of the task.
    options : Options
        What only this choice knows.
    measure : callable, optional
        Tells what a trial takes on a device; needed where an objective or a constraint goes by that.

    Raises
    ------
    ConfigError
        A constraint is none, or it or an objective names what the task does not have.
    """

    by_balance: ClassVar[bool] = False
    """Whether the balance of classes decides what ranks; nodes are then asked how many examples they have of each."""
    several: ClassVar[bool] = False
    """Whether trials are compared in all objectives, so that there may be several best: a front."""
    instead: ClassVar[str] = "primary"
    """The choice to make where no node has the examples that this one takes."""

    @dataclass(frozen=True)
    class Options:
        """Options that all objectives have.

        Parameters
        ----------
        constraints : dict, optional
            By name of a cost or a metric, ``{max: ...}`` or ``{min: ...}`` or both. No spec is proposed that breaks
            one on its cost; a trial whose metrics break one ranks behind all that keep them.
        latency : str, optional
            File that ``flwr-nas profile`` wrote on a device, by which ``latency_ms`` is known.
        """

        constraints: dict[str, dict[str, float]] | None = None
        latency: str | None = None

        def __post_init__(self) -> None:
            for name, bounds in (self.constraints or {}).items():
                if not bounds or set(bounds) - {"max", "min"} or not all(map(math.isfinite, bounds.values())):
                    raise ConfigError(
                        f"objective.constraints.{name} must have a max, a min, or both",
                        dict(bounds),
                        fix=f"Write objective.constraints.{name}={{max: 100000}}",
                    )
                if (least := bounds.get("min", -math.inf)) > (most := bounds.get("max", math.inf)):
                    raise ConfigError(
                        f"objective.constraints.{name}.min must not be above its max, got {least:g} and {most:g}",
                        fix="Exchange them",
                    )

    def __init__(self, head: Head, options: Any = None, measure: Measure | None = None) -> None:
        self.head = head
        self.options: Any = self.Options() if options is None else options
        self._measure = measure
        given: dict[str, dict[str, float]] = self.options.constraints or {}
        self._constraints = {self.resolved(name): bounds for name, bounds in given.items()}
        names = [name for term in self.terms() for name in term.names]
        known = COSTS | head.metric_names
        for where, own in (("objective", names), ("constraints", list(self._constraints))):
            if strange := sorted(set(own) - known):
                raise ConfigError(
                    f"A search for {head.kind} can go by {', '.join(sorted(known))} ({where})",
                    strange[0],
                    fix="Choose objective=primary, or name one of these",
                )
        for name, bounds in self._constraints.items():
            _check_possible(name, bounds, head)
        self._on_device = not ON_DEVICE.isdisjoint({*names, *self._constraints})
        if "latency_ms" in {*names, *self._constraints} and self.options.latency is None:
            raise ConfigError(
                "latency_ms is known of a device whose operations were timed",
                fix="Call flwr-nas profile there, and set objective.latency=profile.json",
            )

    @abstractmethod
    def terms(self) -> tuple[Objective, ...]:
        """Return the objectives, the one that ranks first."""

    @final
    def dimensions(self) -> tuple[Objective, ...]:
        """Return those objectives in which trials are compared: all, or the first alone."""
        return self.terms() if self.several else self.terms()[:1]

    @classmethod
    def metric(cls, options: Any) -> Callable[[Head], str] | None:
        """Return what tells the metric by which a search goes; None where the balance of classes decides."""
        return None if cls.by_balance else lambda head: cls(head, options).terms()[0].name

    @final
    def resolved(self, name: str) -> str:
        """Return the name of a metric or cost, with the head's own metric in the place of `PRIMARY`."""
        aliases = {f"{PRIMARY}{part}": f"{self.head.primary[0]}{part}" for part in ("", *SPREAD)}
        return aliases.get(name, name)

    @final
    def cost(self, cost: Cost, spec: ArchitectureSpec, recipe: TrainingSettings) -> Cost:
        """Return what a trial costs, with what it takes on a device where that is asked for."""
        if not self._on_device:
            return cost
        assert self._measure is not None
        return self._measure(cost, spec, recipe)

    @final
    def violations(self, cost: Cost) -> list[str]:
        """Return in words what a spec of this cost breaks, before it is trained."""
        return [words for words, _ in self._broken(_numbers(cost))]

    @final
    def broken(self, metrics: Mapping[str, float], cost: Cost) -> list[str]:
        """Return in words which constraints a trial breaks; of a metric that nobody reported, that it is not known."""
        missing = self._constraints.keys() - COSTS - metrics.keys()
        told = [words for words, _ in self._broken({**metrics, **_numbers(cost)})]
        return [*told, *(f"{name} is not known" for name in sorted(missing))]

    @final
    def feasible(self, metrics: Mapping[str, float], cost: Cost) -> bool:
        """Tell whether all constraints are kept; one on a metric that nobody reported is broken."""
        return self.violation(metrics, cost) == 0

    @final
    def violation(self, metrics: Mapping[str, float], cost: Cost) -> float:
        """Return by how much constraints are broken: the sum of each excess as a part of its bound; 0 where none is.

        The excess over a bound of 0 counts as it is. A constraint on a metric that nobody reported is broken by 1.
        """
        missing = self._constraints.keys() - COSTS - metrics.keys()
        numbers = {**metrics, **_numbers(cost)}
        return math.fsum([*(part for _, part in self._broken(numbers)), *(1.0 for _ in missing)])

    @final
    def values(self, metrics: Mapping[str, float], cost: Cost) -> dict[str, float]:
        """Return the value of each objective, by name.

        Parameters
        ----------
        metrics : mapping of str to float
            The panel's table, or that of one node.
        cost : Cost
            What the trial costs; see `cost`.

        Raises
        ------
        ProtocolError
            A metric is missing or not finite.
        """
        return {term.name: term.value(metrics, cost) for term in self.terms()}

    @final
    def reported(self, metrics: Mapping[str, float], cost: Cost) -> dict[str, float]:
        """Return `values` of those objectives only that were reported."""
        return {term.name: term.value(metrics, cost) for term in self.terms() if _known(term, metrics)}

    @final
    def ranks(self, metrics: Mapping[str, float]) -> bool:
        """Tell whether a node reports what ranks: not every metric is defined on every node's examples."""
        return _known(self.terms()[0], metrics)

    @final
    def check_ranks(self, panel: Iterable[Mapping[str, float]]) -> None:
        """Raise `ConfigError` where no node of a whole panel reports what ranks: no trial could be ranked by it."""
        names = {metric for metrics in panel for metric in metrics}
        for name in (name for term in self.dimensions() for name in term.names):
            if name not in COSTS and without_spread(name) not in names:
                raise ConfigError(
                    f"No node of the panel has what the objective {name!r} takes, so it can rank no trial",
                    fix=f"Set objective={self.instead}",
                )

    @final
    def tie(self, metrics: Mapping[str, float]) -> float | None:
        """Return what decides between equal ranking values, so that more is better; None where it was not reported."""
        name, direction = self.head.tie
        value = metrics.get(name)
        return None if value is None or not math.isfinite(value) else Objective(name, direction).oriented(value)

    @final
    def ranking_value(self, metrics: Mapping[str, float], cost: Cost) -> float:
        """Return what ranks: the first objective, oriented so that more is better; errors as in `values`."""
        first = self.terms()[0]
        return first.oriented(first.value(metrics, cost))

    @final
    def further(self, metrics: Mapping[str, float], cost: Cost) -> tuple[float, ...]:
        """Return what else trials are compared by, scaled so that more is better; errors as in `values`."""
        return tuple(term.scaled(term.value(metrics, cost)) for term in self.dimensions()[1:])

    @final
    def further_on_node(self, metrics: Mapping[str, float]) -> tuple[float | None, ...]:
        """Return the same of one node: None of what it does not report, and of costs, which are the same on all."""
        return tuple(
            term.scaled(_metric(metrics, term.name)) if term.name in metrics else None for term in self.dimensions()[1:]
        )

    def _broken(self, numbers: Mapping[str, float]) -> list[tuple[str, float]]:
        """Return in words what is broken, with the excess as a part of the bound."""
        return [
            (
                f"{name} must be {bound:g} at {'most' if side == 'max' else 'least'}, and is {numbers[name]:g}",
                abs(numbers[name] - bound) / (abs(bound) or 1.0),
            )
            for name, bounds in self._constraints.items()
            if name in numbers
            for side, bound in bounds.items()
            if (numbers[name] > bound if side == "max" else numbers[name] < bound)
        ]


def without_spread(name: str) -> str:
    """Return the metric of whose spread a name tells; other names as they are."""
    return next((name.removesuffix(part) for part in SPREAD if name.endswith(part)), name)


def _check_possible(name: str, bounds: Mapping[str, float], head: Head) -> None:
    """Raise `ConfigError` for a constraint on a metric that no model can keep."""
    least, most = head.range_of(name)
    if bounds.get("min", least) > most or bounds.get("max", most) < least:
        raise ConfigError(
            f"{name} lies in [{least:g}, {most:g}], and objective.constraints.{name} leaves nothing of that",
            dict(bounds),
            fix="Give a bound within it",
        )


def _known(term: Objective, metrics: Mapping[str, float]) -> bool:
    return all(name in COSTS or name in metrics for name in term.names)


def _numbers(cost: Cost) -> dict[str, float]:
    values = {name: getattr(cost, name, None) for name in COSTS}
    return {name: float(value) for name, value in values.items() if value is not None}


def _metric(metrics: Mapping[str, float], name: str) -> float:
    value = metrics.get(name)
    if value is None or not math.isfinite(value):
        raise ProtocolError(
            f"The panel must report a finite {name!r}",
            value,
            fix="Choose an objective that the nodes' examples allow; a model that diverges has no score",
        )
    return float(value)
