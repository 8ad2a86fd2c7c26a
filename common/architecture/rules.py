"""Rules for the fields of a spec: each takes a value, normalises it, and refuses what does not fit."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from numbers import Integral, Real
from typing import Any, TypeAlias

from common.errors import SpecError

Rule: TypeAlias = Callable[[str, Any], Any]

MAX_WIDTH = 65536
MAX_KERNEL = 255
MAX_LAYERS = 64
MAX_BANDS = 256
MAX_HEADS = 64
MAX_PATCH = 64
_DECIMALS = 4


def is_whole(value: Any) -> bool:
    """Tell whether `value` is an integer; a bool is none."""
    return isinstance(value, Integral) and not isinstance(value, bool)


def whole(low: int, high: int, *, odd: bool = False) -> Rule:
    """Return the rule for a whole number in [`low`, `high`], odd where wanted."""
    what = "an odd whole number" if odd else "a whole number"

    def rule(name: str, value: Any) -> int:
        if not is_whole(value) or not low <= value <= high or (odd and value % 2 == 0):
            raise SpecError(f"{name} must be {what} from {low} to {high}", value, fix=f"Choose {name} in that range")
        return int(value)

    return rule


def optional(inner: Rule) -> Rule:
    """Return the rule that also lets None pass."""

    def rule(name: str, value: Any) -> Any:
        return None if value is None else inner(name, value)

    return rule


def fraction(name: str, value: Any) -> float:
    """Apply the rule for a number in [0, 1), kept to four decimals so that equal specs have equal JSON."""
    number = isinstance(value, Real) and not isinstance(value, bool)
    # compared before it becomes a float: JSON has whole numbers that none can hold
    if not number or not 0 <= value < 1 or round(float(value), _DECIMALS) >= 1:
        raise SpecError(f"{name} must be a number in [0, 1)", value, fix=f"Choose {name} such as 0.1; 0 turns it off")
    return round(float(value), _DECIMALS) + 0.0  # + 0.0 makes 0.0 of -0.0


def ascending(inner: Rule) -> Rule:
    """Return the rule for two different values or more, in any order, of which each obeys `inner`."""

    def rule(name: str, values: Any) -> tuple[Any, ...]:
        if isinstance(values, str) or not isinstance(values, Sequence):
            raise SpecError(f"{name} must be a list", values, fix="Choose some such as [3, 5]")
        found = tuple(sorted(inner(name, value) for value in values))
        if len(found) < 2 or len(set(found)) < len(found):
            raise SpecError(f"{name} must be two values or more, each once", values, fix="Choose some such as [3, 5]")
        return found

    return rule


def one_of(choices: Sequence[str]) -> Rule:
    """Return the rule for one of a few words."""

    def rule(name: str, value: Any) -> str:
        if not isinstance(value, str) or value not in choices:
            raise SpecError(f"{name} must be one of {', '.join(choices)}", value, fix="Check the spelling")
        return value

    return rule
