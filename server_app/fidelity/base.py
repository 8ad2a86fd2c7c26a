"""The contract of a fidelity: how much training each trial gets, and who goes on.

A trial trains up to a *rung* (a number of rounds in all), is scored by the panel, and is reported here. The answer says
which trials end with that, also others that were waiting. A free place is offered here first: `next` promotes a trial
that waits, or leaves the place to a new one.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from bisect import bisect_left
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

from common.errors import ConfigError
from common.models.proxies import OF_NETWORK
from server_app.trials import Trial


@dataclass(frozen=True)
class Proxy:
    """A rung below the first one, of scores without training, that picks who trains at all.

    Parameters
    ----------
    score : str, optional
        Name of the score, one of `OF_NETWORK`; None: whatever is proposed trains.
    pool : int
        Candidates that a controller proposes for a place.
    keep : int
        How many of them become trials.
    """

    score: str | None = None
    pool: int = 8
    keep: int = 1

    def __post_init__(self) -> None:
        if self.score is not None and self.score not in OF_NETWORK:
            raise ConfigError(
                f"fidelity.proxy.score must be one of {', '.join(OF_NETWORK)}", self.score, fix="null turns it off"
            )
        if self.keep < 1:
            raise ConfigError("fidelity.proxy.keep must be 1 or more", self.keep, fix="Set fidelity.proxy.keep=1")
        if self.pool <= self.keep:
            raise ConfigError(
                f"fidelity.proxy.pool must be above fidelity.proxy.keep ({self.keep}), or nobody would be left out",
                self.pool,
                fix=f"Set fidelity.proxy.pool={8 * self.keep}",
            )


@dataclass(frozen=True)
class Ending:
    """The end of a trial that completed a rung.

    Parameters
    ----------
    trial : int
        Its number.
    action : {"finish", "stop"}
        It ends at the top rung, or early.
    """

    trial: int
    action: Literal["finish", "stop"]


@dataclass(frozen=True)
class Promotion:
    """A trial that trains on.

    Parameters
    ----------
    trial : int
        Its number.
    rounds : int
        Rounds in all at its next rung.
    doubtful : tuple of int
        Numbers of trials that cannot be told apart, so that all of them train on; said of the first of those that are
        promoted together, and perhaps not one of them itself.
    """

    trial: int
    rounds: int
    doubtful: tuple[int, ...] = ()


@dataclass(frozen=True)
class Climb:
    """What trials may still train, whoever of them is promoted.

    Parameters
    ----------
    trials : tuple of int
        Their numbers.
    places : int
        How many of them go on.
    start, rounds : int
        Rounds in all before and after.
    """

    trials: tuple[int, ...]
    places: int
    start: int
    rounds: int


class Fidelity(ABC):
    """Decides how long each trial trains.

    Parameters
    ----------
    options : Options
        What only this fidelity knows.
    steps_per_round : float, optional
        Optimizer steps of a round, on the average node and with the default recipe; None where that is not known.
    """

    trains: ClassVar[bool] = True
    """Whether trials train at all."""

    @dataclass(frozen=True)
    class Options:
        """Options that every fidelity has.

        Parameters
        ----------
        max_rounds : int
            Rounds of a trial that goes all the way.
        proxy : Proxy
            What picks who trains.
        """

        max_rounds: int = 10
        proxy: Proxy = field(default_factory=Proxy)

        def __post_init__(self) -> None:
            if self.max_rounds < 1:
                raise ConfigError(
                    "fidelity.max_rounds must be 1 or more", self.max_rounds, fix="Set fidelity.max_rounds=10"
                )

    def __init__(self, options: Any = None, steps_per_round: float | None = None) -> None:
        self.options: Any = self.Options() if options is None else options
        self.steps_per_round = steps_per_round

    @property
    def max_rounds(self) -> int:
        """Rounds of a trial that goes all the way."""
        return int(self.options.max_rounds)

    @property
    def proxy(self) -> Proxy:
        """What picks who trains; of a fidelity without such an option nothing does."""
        found: Proxy = getattr(self.options, "proxy", Proxy())
        return found

    @property
    def rungs(self) -> list[int]:
        """Rounds in all at each rung: the lowest first, the top one last."""
        return [self.max_rounds]

    @property
    def first(self) -> int:
        """Rounds of the first rung of the trial that would start now."""
        return self.rungs[0]

    def rung_of(self, rounds: int) -> int:
        """Return which rung a trial has completed after so many rounds in all, from 1; that ranks its scores."""
        return bisect_left(self.rungs, rounds) + 1

    @abstractmethod
    def start(self, trial: Trial) -> int:
        """Take in a new trial; return the rounds of its first rung, which were `first` until now."""

    @abstractmethod
    def report(self, trial: Trial) -> list[Ending]:
        """Take in a trial that completed a rung, or failed; return the trials that end with it.

        A trial that does not end waits. A failed trial has ended already, but may let others end or go on.
        """

    def next(self) -> Promotion | None:
        """Return the trial that trains on in a free place, each promotion once; None leaves the place to a new one."""
        return None

    def climbs(self, number: int) -> list[Climb]:  # noqa: ARG002 - nobody goes on
        """Return what may follow the rungs that trials are at, or on their way to, if one more starts now.

        A search with a budget starts a trial only where all of that can be paid, too. Who goes on out of doubt is not
        foreseen.

        Parameters
        ----------
        number : int
            Of the one that would start.
        """
        return []

    def decline(self, promotion: Promotion) -> list[Ending]:
        """Take back a promotion that `next` returned and that cannot be paid; return the trials that end with it.

        The trial stops at the rung that it has completed, and those that would have waited for it go on without it.
        """
        return [Ending(promotion.trial, "stop")]

    def close(self) -> list[Ending]:
        """Let nobody wait for trials that have not started yet; return the trials that end with it.

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
