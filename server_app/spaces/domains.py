"""Domains: the values that a search space offers for one field."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from numbers import Real
from typing import TYPE_CHECKING, Any, TypeAlias

from common.architecture.rules import Rule
from common.errors import ConfigError, SpecError

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True)
class Choices:
    """A finite domain, drawn uniformly."""

    values: tuple[Any, ...]

    @property
    def size(self) -> float:
        """Number of values."""
        return len(self.values)

    def draw(self, rng: np.random.Generator) -> Any:
        """Return one of the values."""
        return self.values[int(rng.integers(len(self.values)))]

    def probabilities(self) -> tuple[float, ...]:
        """Return how likely it is that each value is drawn."""
        return (1 / len(self.values),) * len(self.values)

    def other(self, value: Any, rng: np.random.Generator) -> Any:
        """Return one of the values but `value`."""
        return Choices(tuple(choice for choice in self.values if choice != value)).draw(rng)

    def covers(self, other: Domain) -> bool:
        """Tell whether `other` offers nothing that this does not."""
        return isinstance(other, Choices) and set(other.values) <= set(self.values)

    def __contains__(self, value: Any) -> bool:
        return value in self.values

    def __str__(self) -> str:
        return ", ".join(map(str, self.values))


@dataclass(frozen=True)
class Sources(Choices):
    """Where a skip connection may start: nowhere (None), at the input (-1) or at an earlier layer."""

    probability: float = 0.0

    @classmethod
    def before(cls, index: int, probability: float) -> Sources:
        """Return the sources of layer `index`, drawn with `probability`; none at all where that is 0."""
        return cls((None, *range(-1, index)) if probability > 0 else (None,), probability)

    def draw(self, rng: np.random.Generator) -> int | None:
        """Return None, or one of the sources with `probability`."""
        return int(rng.integers(-1, len(self.values) - 2)) if rng.random() < self.probability else None

    def probabilities(self) -> tuple[float, ...]:
        """Return how likely it is that each value is drawn."""
        sources = len(self.values) - 1
        return (1 - self.probability, *(self.probability / sources for _ in range(sources)))


@dataclass(frozen=True)
class Interval:
    """A continuous domain, drawn uniformly; a spec keeps four decimals of it."""

    low: float
    high: float
    size: float = float("inf")

    def draw(self, rng: np.random.Generator) -> float:
        """Return a number in [low, high)."""
        return float(rng.uniform(self.low, self.high))

    def other(self, value: Any, rng: np.random.Generator) -> float:  # noqa: ARG002
        """Return a fresh number; that it equals `value` has probability 0, up to the four decimals."""
        return self.draw(rng)

    def covers(self, other: Domain) -> bool:
        """Tell whether `other` offers nothing that this does not."""
        values = other.values if isinstance(other, Choices) else (other.low, other.high)
        return all(value in self for value in values)

    def __contains__(self, value: Any) -> bool:
        return bool(self.low <= value <= self.high)

    def __str__(self) -> str:
        return f"{self.low} to {self.high}"


Domain: TypeAlias = Choices | Interval


def parse_domain(name: str, values: Any, rule: Rule, *, continuous: bool = False) -> Domain:
    """Read a domain from the configuration.

    Parameters
    ----------
    name : str
        The option, for messages.
    values : list, float or dict
        A list of choices or, where `continuous`, one number or ``{low, high}``.
    rule : Rule
        What each value must obey.

    Raises
    ------
    ConfigError
        Where the domain is empty, repeats itself, or holds a value against the rule.
    """
    try:
        if isinstance(values, Mapping):
            return _interval(name, values, rule, continuous)
        if continuous and isinstance(values, Real):
            values = [values]
        if isinstance(values, str) or not isinstance(values, Sequence) or not values:
            raise ConfigError(f"space.{name} must be a list of choices", values, fix=f"Set space.{name}=[...]")
        choices = tuple(rule(f"space.{name}", value) for value in values)
    except SpecError as error:
        raise ConfigError(str(error).removesuffix(".")) from None
    if len(set(choices)) < len(choices):
        raise ConfigError(f"space.{name} must not repeat a choice", list(choices), fix="Remove the repeated ones")
    return Choices(choices)


def parse_choices(name: str, values: Any, rule: Rule) -> Choices:
    """Read a finite domain; see `parse_domain`."""
    domain = parse_domain(name, values, rule)
    assert isinstance(domain, Choices)
    return domain


def checked(name: str, value: Any, rule: Rule) -> Any:
    """Return an option as its rule makes it; raises `ConfigError` where it has another value."""
    try:
        return rule(f"space.{name}", value)
    except SpecError as error:
        raise ConfigError(str(error).removesuffix(".")) from None


def check_limits(max_parameters: int | None, max_macs: int | None, max_message_bytes: int | None = None) -> None:
    """Raise `ConfigError` for a hard constraint that nothing could meet."""
    limits = {"max_parameters": max_parameters, "max_macs": max_macs, "max_message_bytes": max_message_bytes}
    for name, limit in limits.items():
        if limit is not None and limit < 1:
            raise ConfigError(f"space.{name} must be 1 or more", limit, fix="Set it to null for no limit")


def encode_choice(domain: Choices, value: Any) -> list[float]:
    """Return a value of a domain for a surrogate: words one-hot, a number over the greatest that is offered."""
    if isinstance(domain.values[0], str):
        return [float(value == choice) for choice in domain.values]
    return [value / (max(domain.values) or 1)]


def least_of(domain: Choices) -> Any:
    """Return the least number that is offered, or the first word."""
    return domain.values[0] if isinstance(domain.values[0], str) else min(domain.values)


def above(domain: Choices, value: Any) -> Any:
    """Return the least number that is offered and above another one; None where there is none."""
    return min((choice for choice in domain.values if choice > value), default=None)


def nothing_to_choose(space: str, fix: str) -> ConfigError:
    """Return the error that a network of all options would have one at each place."""
    return ConfigError("A bilevel search needs a place with several options", f"space={space}", fix=fix)


def _interval(name: str, values: Mapping[Any, Any], rule: Rule, continuous: bool) -> Interval:
    if not continuous or set(values) != {"low", "high"}:
        raise ConfigError(
            f"space.{name} must be a list of choices" + (", one number or {low, high}" if continuous else ""),
            dict(values),
            fix=f"Set space.{name}=[...]",
        )
    low, high = rule(f"space.{name}.low", values["low"]), rule(f"space.{name}.high", values["high"])
    if not low < high:
        raise ConfigError(f"space.{name}.low must be below its high", dict(values), fix="Exchange the two")
    return Interval(low, high)
