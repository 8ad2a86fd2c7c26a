"""What an expert expects of any space's answers, by name: priors beside those that a space has of its own.

As of `server_app.spaces.priors`: who is wrong loses time and never the optimum.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, overload

from common.errors import ConfigError, SpecError
from server_app.spaces.domains import Choices, Domain
from server_app.spaces.priors import Expected

if TYPE_CHECKING:
    from server_app.spaces.base import Ask

_TOLD = 12
"""Names of questions that an error tells."""


@dataclass(frozen=True)
class Beliefs:
    """Values that are expected, and how surely.

    Parameters
    ----------
    expected : mapping of str to object
        By name of a question, such as ``layers.0.op``, or by its last part, ``width``, for all such questions. A list
        stands for the tuple of its values, and the name of an operation for any that has this name.
    confidence : float
        In (0, 1): the part of the draws in which the expert is simply believed.
    """

    expected: Mapping[str, Any] = field(default_factory=dict)
    confidence: float = 0.5

    @overload
    def of(self, name: str, domain: Choices) -> Choices: ...

    @overload
    def of(self, name: str, domain: Domain) -> Domain: ...

    def of(self, name: str, domain: Domain) -> Domain:
        """Return a domain with what is expected of the question; as it is where nothing is, or that is not offered."""
        key = self._key(name)
        if key is None or not isinstance(domain, Choices) or domain.size < 2:
            return domain
        meant = [value for value in domain.values if _means(self.expected[key], value)]
        return Expected(domain.values, meant[0], self.confidence) if meant else domain

    def asked(self, ask: Ask) -> Ask:
        """Return what answers as `ask` does, which knows what is expected."""
        return (lambda name, domain: ask(name, self.of(name, domain))) if self.expected else ask

    def check(self, made: Callable[[Ask], object], draws: Ask, times: int = 100) -> None:
        """Raise `ConfigError` where something is expected of a question that is never asked, or that is not offered.

        Parameters
        ----------
        made : callable
            Makes a trial of answers, or raises `SpecError`.
        draws : callable
            Answers at random.
        times : int
            How often to look which questions there are.
        """
        met: dict[str, list[Domain]] = {}

        def ask(name: str, domain: Domain) -> Any:
            met.setdefault(name, []).append(domain)
            return draws(name, domain)

        for _ in range(times if self.expected else 0):
            with suppress(SpecError):
                made(ask)
        for key, value in self.expected.items():
            domains = [domain for name, found in met.items() if self._key(name) == key for domain in found]
            if not domains:
                parts = {*met, *(name.rpartition(".")[2] for name in met)}
                names = sorted(parts, key=lambda name: (name.count("."), name))
                told = ", ".join(names[:_TOLD]) + (" ..." if len(names) > _TOLD else "")
                raise ConfigError(
                    "search.priors names questions that the space asks", key, fix=f"Name one of these: {told}"
                )
            if not any(isinstance(one, Choices) and any(_means(value, each) for each in one.values) for one in domains):
                raise ConfigError(f"search.priors.{key} must be among what is offered, {domains[0]}", value)

    def _key(self, name: str) -> str | None:
        last = name.rpartition(".")[2]
        return name if name in self.expected else last if last in self.expected else None


def _means(typed: Any, value: Any) -> bool:
    """Tell whether a value is what was typed."""
    if isinstance(typed, (list, tuple)):
        return bool(_plain(typed) == value)
    return bool(typed == value and isinstance(typed, bool) == isinstance(value, bool)) or (
        isinstance(typed, str) and getattr(value, "op", None) == typed
    )


def _plain(typed: Any) -> Any:
    return tuple(map(_plain, typed)) if isinstance(typed, (list, tuple)) else typed
