"""Fidelities with several rungs, of which the first is long enough to say something."""

from __future__ import annotations

import math
from abc import abstractmethod
from dataclasses import dataclass
from typing import Any

from common.errors import ConfigError
from server_app.fidelity.base import Fidelity


class Ladder(Fidelity):
    """Base of fidelities whose rungs begin after so many rounds and optimizer steps; a subclass says which follow."""

    @dataclass(frozen=True)
    class Options(Fidelity.Options):
        """Where the rungs begin and end.

        Parameters
        ----------
        max_rounds : int
            Rounds of the top rung.
        min_rounds : int
            Rounds of the first rung, at least.
        min_steps : int
            Optimizer steps of the first rung on the average node, at least; 0 leaves it at `min_rounds`. After few
            steps the order of networks says little of the order to come (tests/benchmarks/first_rung.py).
        """

        max_rounds: int = 9
        min_rounds: int = 1
        min_steps: int = 50

        def __post_init__(self) -> None:
            super().__post_init__()
            if not 1 <= self.min_rounds <= self.max_rounds:
                raise ConfigError(
                    f"fidelity.min_rounds must lie between 1 and fidelity.max_rounds ({self.max_rounds})",
                    self.min_rounds,
                    fix="Set fidelity.min_rounds=1",
                )
            if self.min_steps < 0:
                raise ConfigError("fidelity.min_steps must be 0 or more", self.min_steps, fix="0 turns it off")

    def __init__(self, options: Any = None, steps_per_round: float | None = None) -> None:
        super().__init__(options, steps_per_round)
        first = max(self.options.min_rounds, math.ceil(self.options.min_steps / (steps_per_round or math.inf)))
        self._rungs = self._spaced(min(first, self.max_rounds))

    @abstractmethod
    def _spaced(self, first: int) -> list[int]:
        """Return the rounds of each rung, of which the lowest has `first` and the top one `max_rounds`."""

    @property
    def rungs(self) -> list[int]:
        """Rounds in all at each rung; of a run that goes on those of its beginning, whatever nodes there are."""
        return list(self._rungs)

    def state_dict(self) -> dict[str, Any]:
        """Return the rungs."""
        return {"rungs": self.rungs}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take back what `state_dict` returned."""
        self._rungs = list(state["rungs"])


class Geometric(Ladder):
    """Base of fidelities each of whose rungs has `eta` times the rounds of the one below it."""

    @dataclass(frozen=True)
    class Options(Ladder.Options):
        """Where the rungs begin and end, and how far they lie apart.

        Parameters
        ----------
        eta : int
            Reduction factor: one in `eta` goes on, to `eta` times the rounds.
        others
            As of `Ladder`.
        """

        eta: int = 3

        def __post_init__(self) -> None:
            super().__post_init__()
            if self.eta < 2:
                raise ConfigError("fidelity.eta must be 2 or more", self.eta, fix="Set fidelity.eta=3")

    def _spaced(self, first: int) -> list[int]:
        return geometric(first, self.max_rounds, self.options.eta)


def geometric(first: int, last: int, eta: int) -> list[int]:
    """Return the rounds of each rung: ``first * eta**k`` while below `last`, then `last`."""
    steps = []
    step = first
    while step < last:
        steps.append(step)
        step *= eta
    return [*steps, last]
