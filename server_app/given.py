"""Specs that people give: the baseline, and those that a search starts with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from common.architecture.cost import cost_of
from common.architecture.spec import ArchitectureSpec
from common.errors import ConfigError, SpecError

if TYPE_CHECKING:
    from common.tasks import Task


def baseline_for(value: Any, task: Task) -> ArchitectureSpec:
    """Return the baseline; raises `ConfigError` where it cannot be built for the task."""
    baseline = given_spec(value, "baseline")
    try:
        cost_of(baseline.lower(task))
    except SpecError as error:
        raise ConfigError(
            f"baseline must fit examples of shape {task.input_shape} ({str(error).rstrip('.')})",
            baseline.describe(),
            fix="Give a baseline for these data",
        ) from None
    return baseline


def given_specs(values: Sequence[Any]) -> list[ArchitectureSpec]:
    """Return the specs that a search starts with; raises `ConfigError` where one is none."""
    return [given_spec(value, f"search.start[{index}]") for index, value in enumerate(values)]


def given_spec(value: Any, where: str) -> ArchitectureSpec:
    """Return a spec; raises `ConfigError`, which says `where` it stands, for what is none."""
    try:
        return ArchitectureSpec.from_dict(value)
    except SpecError as error:
        raise ConfigError(f"{where} must be an architecture spec ({str(error).rstrip('.')})", fix="Mend it") from None
