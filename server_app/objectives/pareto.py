"""Several objectives, none of which is worth so much of another: what comes out is a front.

A trial is better than another where it is at least as good in each objective and better in one; see
`server_app.ranking`. Trials of a search are ordered by that wherever they are compared: at the rungs of a fidelity, in
the choice of parents, and in the end, where nobody is better than those of the front.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from common.errors import ConfigError
from common.tasks import Head
from server_app.objectives.base import Objective
from server_app.objectives.terms import Listed


class Pareto(Listed):
    """Terms in which trials are compared without weights; costs by their logarithm, where distances count."""

    several: ClassVar[bool] = True
    least: ClassVar[int] = 2

    @dataclass(frozen=True)
    class Options(Listed.Options):
        """Which terms there are, and from where a front is measured.

        Parameters
        ----------
        reference : dict of str to float, optional
            By name of a term a value that is no better than any of interest: the hypervolume of the front is measured
            from there, and compares between runs that have the same. By default it comes from the trials.
        constraints, latency, terms
            As of all lists of terms.
        """

        reference: dict[str, float] | None = None

        def __post_init__(self) -> None:
            super().__post_init__()
            values = (self.reference or {}).values()
            if not all(map(math.isfinite, values)):
                raise _incomplete(self.reference)

    def __init__(self, head: Head, options: Any = None, measure: Any = None) -> None:
        super().__init__(head, options, measure)
        reference = self.options.reference
        if reference and {self.resolved(name) for name in reference} != {term.name for term in self.given()}:
            raise _incomplete(reference)

    def terms(self) -> tuple[Objective, ...]:
        """Return the terms that are listed."""
        return self.given()


def _incomplete(reference: Mapping[str, float] | None) -> ConfigError:
    return ConfigError(
        "objective.reference must have a finite number for each term",
        dict(reference or {}),
        fix="Leave it out to have it from the trials",
    )
