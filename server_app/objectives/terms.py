"""Objectives that people list: any metric, its spread over the nodes, and what a network costs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

from common.errors import ConfigError
from common.metrics import Direction
from common.tasks import Head
from server_app.objectives.base import PRIMARY, SPREAD, Objective, Objectives, without_spread
from server_app.objectives.costs import COSTS

_COST = "macs"


class Listed(Objectives):
    """Base of what goes by a list of terms: metrics first, since scores come from them, then costs.

    By default these are the head's own metric, in its own direction, and few MACs.
    """

    least: ClassVar[int] = 1
    """How many terms it takes."""

    @dataclass(frozen=True)
    class Options(Objectives.Options):
        """Which terms there are.

        Parameters
        ----------
        constraints, latency
            As of all objectives.
        terms : dict of str to {"max", "min"}, optional
            By name of a metric or a cost, whether more or less of it is better. ``primary`` is the head's own metric,
            ``primary_worst_decile`` and ``primary_std`` tell of its spread over nodes; `COSTS` has the costs.
        """

        terms: dict[str, Direction] | None = None

    def __init__(self, head: Head, options: Any = None, measure: Any = None) -> None:
        super().__init__(head, options, measure)
        names = [term.name for term in self.given()]
        if len(names) < self.least or len(set(names)) < len(names):
            raise ConfigError(
                f"objective.terms must name {self.least} or more, each once",
                list(self.options.terms or {}),
                fix="Write objective.terms={primary: max, macs: min}, or set objective=primary",
            )
        for term in self.given():
            own = _direction(head, term.name)
            if own is not None and own != term.direction:
                more = "more" if own == "max" else "less"
                raise ConfigError(
                    f"Of {term.name} {more} is better",
                    f"{term.name}: {term.direction}",
                    fix=f"Write {term.name}: {own}",
                )

    def given(self) -> tuple[Objective, ...]:
        """Return the terms as people list them, those first that are scored."""
        default = {PRIMARY: self.head.primary[1], _COST: "min"}
        terms: dict[str, Direction] = default if self.options.terms is None else self.options.terms
        found = [Objective(self.resolved(name), direction) for name, direction in terms.items()]
        return tuple(sorted(found, key=lambda term: term.name in COSTS))

    @classmethod
    def metric(cls, options: Any) -> Callable[[Head], str] | None:
        """Return the first metric that is listed; None where the head's own is, or none at all."""
        names = [PRIMARY] if options.terms is None else [name for name in options.terms if name not in COSTS]
        if not names or any(without_spread(name) == PRIMARY for name in [*names, *(options.constraints or {})]):
            return None
        return lambda _: without_spread(names[0])


def _direction(head: Head, name: str) -> Direction | None:
    """Return whether more or less of a metric is better, as far as a head says so."""
    if name == f"{head.primary[0]}{SPREAD[0]}":
        return "min"
    return dict([head.tie, head.primary]).get(without_spread(name))
