"""The contract of a fidelity: how much training each trial gets, and who goes on.

A trial trains up to a *rung* (a number of rounds in all), is scored by the panel, and is reported
here. The answer is a list of decisions, also about other trials that were waiting.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, Literal

from common.errors import ConfigError
from server_app.trials import Trial


@dataclass(frozen=True)
class Decision:
    """What happens to a trial that completed a rung.

    Parameters
    ----------
    trial : int
        Its number.
    action : {"promote", "finish", "stop"}
        Train on up to `rounds`, end at the top rung, or end early.
    rounds : int
        With ``promote``: rounds in all at the next rung.
    """

    trial: int
    action: Literal["promote", "finish", "stop"]
    rounds: int = 0


class Fidelity(ABC):
    """Decides how long each trial trains.

    Parameters
    ----------
    options : Options
        What only this fidelity knows.
    """

    @dataclass(frozen=True)
    class Options:
        """Options that every fidelity has.

        Parameters
        ----------
        max_rounds : int
            Rounds of a trial that goes all the way.
        """

        max_rounds: int = 10

        def __post_init__(self) -> None:
            if self.max_rounds < 1:
                raise ConfigError(
                    "fidelity.max_rounds must be 1 or more", self.max_rounds, fix="Set fidelity.max_rounds=10"
                )

    def __init__(self, options: Any = None) -> None:
        self.options: Any = self.Options() if options is None else options

    @property
    def max_rounds(self) -> int:
        """Rounds of a trial that goes all the way."""
        return int(self.options.max_rounds)

    @abstractmethod
    def start(self, trial: Trial) -> int:
        """Take in a new trial; return the rounds of its first rung."""

    @abstractmethod
    def report(self, trial: Trial) -> list[Decision]:
        """Take in a trial that completed a rung, or failed; return the decisions that follow.

        A trial about which nothing is decided waits. A failed trial gets no decision of its own, but
        may let others go on.
        """

    def close(self) -> list[Decision]:
        """Let nobody wait for trials that have not started yet; return the decisions that this allows.

        For the end of the proposals, and for a controller that has none until it observes one of the
        trials that wait. A trial may still start afterwards.
        """
        return []

    @abstractmethod
    def state_dict(self) -> dict[str, Any]:
        """Return all state as JSON."""

    @abstractmethod
    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take back what `state_dict` returned."""
