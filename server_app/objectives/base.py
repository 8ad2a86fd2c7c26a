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
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Any, ClassVar, final

from common.architecture.cost import Cost
from common.errors import ConfigError, ProtocolError
from common.metrics import Direction
from common.tasks import Head

_COSTS = frozenset(item.name for item in fields(Cost))


@dataclass(frozen=True)
class Objective:
    """A number to raise or to lower.

    Parameters
    ----------
    name : str
        A metric of the task's head, or a field of `Cost`.
    direction : {"max", "min"}
        Whether more or less of it is better.
    """

    name: str
    direction: Direction

    def value(self, metrics: Mapping[str, float], cost: Cost) -> float:
        """Return the number; raises `ProtocolError` where the panel did not report it, or it is not finite."""
        return float(getattr(cost, self.name)) if self.name in _COSTS else _metric(metrics, self.name)

    def oriented(self, value: float) -> float:
        """Return `value` so that more is better."""
        return value if self.direction == "max" else -value


class Objectives(ABC):
    """An ordered list of objectives with hard constraints; the first of them ranks.

    Parameters
    ----------
    head : Head
        Of the task.
    options : Options
        What only this choice knows.

    Raises
    ------
    ConfigError
        A constraint is none, or it or an objective names what the task does not have.
    """

    by_balance: ClassVar[bool] = False
    """Whether the balance of classes decides what ranks; nodes are then asked how many examples they have of each."""
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
        """

        constraints: dict[str, dict[str, float]] | None = None

        def __post_init__(self) -> None:
            for name, bounds in (self.constraints or {}).items():
                if not bounds or set(bounds) - {"max", "min"} or not all(map(math.isfinite, bounds.values())):
                    raise ConfigError(
                        f"objective.constraints.{name} must have a max, a min, or both",
                        dict(bounds),
                        fix=f"Write objective.constraints.{name}={{max: 100000}}",
                    )

    def __init__(self, head: Head, options: Any = None) -> None:
        self.head = head
        self.options: Any = self.Options() if options is None else options
        self._constraints: dict[str, dict[str, float]] = self.options.constraints or {}
        known = _COSTS | head.metric_names
        for where, names in (("objective", [term.name for term in self.terms()]), ("constraints", self._constraints)):
            if strange := sorted(set(names) - known):
                raise ConfigError(
                    f"A search for {head.kind} can go by {', '.join(sorted(known))} ({where})",
                    strange[0],
                    fix="Choose objective=primary, or name one of these",
                )

    @abstractmethod
    def terms(self) -> tuple[Objective, ...]:
        """Return the objectives, the one that ranks first."""

    @final
    def violations(self, cost: Cost) -> list[str]:
        """Return in words what a spec of this cost breaks, before it is trained."""
        return self._broken({name: float(getattr(cost, name)) for name in _COSTS})

    @final
    def feasible(self, metrics: Mapping[str, float], cost: Cost) -> bool:
        """Tell whether all constraints are kept; one on a metric that nobody reported is broken."""
        missing = self._constraints.keys() - _COSTS - metrics.keys()
        return not (missing or self._broken(metrics) or self.violations(cost))

    @final
    def values(self, metrics: Mapping[str, float], cost: Cost) -> dict[str, float]:
        """Return the value of each objective, by name.

        Parameters
        ----------
        metrics : mapping of str to float
            The panel's table, or that of one node.
        cost : Cost
            What the spec costs.

        Raises
        ------
        ProtocolError
            A metric is missing or not finite.
        """
        return {term.name: term.value(metrics, cost) for term in self.terms()}

    @final
    def reported(self, metrics: Mapping[str, float], cost: Cost) -> dict[str, float]:
        """Return `values` of those objectives only that were reported."""
        return {t.name: t.value(metrics, cost) for t in self.terms() if t.name in _COSTS or t.name in metrics}

    @final
    def ranks(self, metrics: Mapping[str, float]) -> bool:
        """Tell whether a node reports what ranks: not every metric is defined on every node's examples."""
        name = self.terms()[0].name
        return name in _COSTS or name in metrics

    @final
    def check_ranks(self, panel: Iterable[Mapping[str, float]]) -> None:
        """Raise `ConfigError` where no node of a whole panel reports what ranks: no trial could be ranked by it."""
        if not any(self.ranks(metrics) for metrics in panel):
            raise ConfigError(
                f"No node of the panel has what the objective {self.terms()[0].name!r} takes, so it can rank no trial",
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

    def _broken(self, numbers: Mapping[str, float]) -> list[str]:
        return [
            f"{name} must be {bound:g} at {'most' if side == 'max' else 'least'}, and is {numbers[name]:g}"
            for name, bounds in self._constraints.items()
            if name in numbers
            for side, bound in bounds.items()
            if (numbers[name] > bound if side == "max" else numbers[name] < bound)
        ]


def _metric(metrics: Mapping[str, float], name: str) -> float:
    value = metrics.get(name)
    if value is None or not math.isfinite(value):
        raise ProtocolError(
            f"The panel must report a finite {name!r}",
            value,
            fix="Choose an objective that the nodes' examples allow; a model that diverges has no score",
        )
    return float(value)
