"""What a node takes on, and whether a spec stays within it; the same sum on the node and on the server."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from functools import lru_cache
from typing import Any

from common.architecture.cost import cost_of
from common.architecture.memory import peak_memory
from common.architecture.spec import ArchitectureSpec
from common.errors import ConfigError
from common.settings import TrainingSettings
from common.tasks import Task

_MIB = 2**20


@dataclass(frozen=True)
class Needs:
    """What a spec takes on a node.

    Parameters
    ----------
    parameters : int
        Trainable numbers.
    macs : int
        Multiply-accumulates of one example, forward.
    memory_mb : int
        Peak of `common.architecture.memory`, in MiB, rounded up.
    """

    parameters: int
    macs: int
    memory_mb: int


@lru_cache(maxsize=1024)
def needs_of(spec: ArchitectureSpec, task: Task, training: TrainingSettings) -> Needs:
    """Return what `spec` takes on `task`; raises `SpecError` where the two do not fit."""
    graph = spec.lower(task)
    cost = cost_of(graph)
    return Needs(cost.parameters, cost.macs, -(-peak_memory(graph, training) // _MIB))


@dataclass(frozen=True)
class Limits:
    """The most that a node takes on; None where it has no limit.

    Parameters
    ----------
    max_parameters, max_macs, max_memory_mb : int, optional
        Limits of the corresponding fields of `Needs`; in a node config they are ``max-params``, ``max-macs`` and
        ``max-memory-mb``.
    """

    max_parameters: int | None = None
    max_macs: int | None = None
    max_memory_mb: int | None = None

    def exceeded(self, needs: Needs, of: str = "this spec") -> str:
        """Return which limit the `needs` of something exceed, as a sentence without its full stop; empty where none."""
        for key, what, limit, value in (
            ("max-params", "parameters", self.max_parameters, needs.parameters),
            ("max-macs", "MACs an example", self.max_macs, needs.macs),
            ("max-memory-mb", "MiB of memory", self.max_memory_mb, needs.memory_mb),
        ):
            if limit is not None and value > limit:
                return f"the node takes {limit:,} {what} at most ({key}), and {of} needs {value:,}"
        return ""

    def strain(self, needs: Needs) -> float:
        """Return the greatest share of a limit that `needs` take up; above 1 exactly where one is exceeded."""
        pairs = (
            (self.max_parameters, needs.parameters),
            (self.max_macs, needs.macs),
            (self.max_memory_mb, needs.memory_mb),
        )
        shares = [value / limit if limit else math.inf for limit, value in pairs if limit is not None and value]
        return max(shares, default=0.0)

    def to_dict(self) -> dict[str, int]:
        """Return those that are set."""
        return {item.name: value for item in fields(self) if (value := getattr(self, item.name)) is not None}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Limits:
        """Build from `to_dict`; raises `ConfigError` for what is no limit."""
        known = [item.name for item in fields(cls)]
        for name, value in values.items():
            if name not in known or not isinstance(value, int) or isinstance(value, bool) or value < 0:
                raise ConfigError(f"Limits are whole numbers for {', '.join(known)}", (name, value))
        return cls(**values)


NO_LIMITS = Limits()


def tightest(limits: Iterable[Limits]) -> Limits:
    """Return the limits within which every one of `limits` is kept."""
    given = list(limits)
    values = {item.name: [v for one in given if (v := getattr(one, item.name)) is not None] for item in fields(Limits)}
    return Limits(**{name: min(found) for name, found in values.items() if found})
