"""Numbers of things, and times, in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from common.settings import TrainingSettings

SAID_AFTER = 5.0
"""Seconds after which something that takes that long is said, where there is no terminal."""
SAID_EVERY = 30.0
"""Seconds from one line on how far something is to the next, where there is no terminal."""


def counted(number: int, thing: str, things: str | None = None) -> str:
    """Return ``1 trial``, ``2 trials``; `things` is the plural of a word that takes no s."""
    return f"{number:,} {thing if number == 1 else things or thing + 's'}"


def in_words(recipe: Mapping[str, Any]) -> str:
    """Return optimizer and learning rate of a recipe, and what else differs from plain training."""
    plain = TrainingSettings().to_json()
    shown = {name: value for name, value in recipe.items() if name == "learning_rate" or value != plain.get(name)}
    settings = [f"{name} {'+'.join(value) if isinstance(value, list) else value}" for name, value in shown.items()]
    return ", ".join([*([] if "optimizer" in shown else [str(recipe.get("optimizer", ""))]), *settings])


def listed(things: Sequence[str]) -> str:
    """Return ``a``, ``a and b``, ``a, b and c``."""
    *before, last = things
    return f"{', '.join(before)} and {last}" if before else last


def size(number: float) -> str:
    """Return a number of bytes for people."""
    return f"{shortened(number)}B"


def shortened(number: float) -> str:
    """Return ``999``, then a space and a prefix after it; from 1000 on ``1.0 k``, ``1.0 M`` and so on."""
    for prefix in ("", "k", "M", "G", "T", "P"):
        if round(number, 1) < 1000:
            return f"{number:.1f} {prefix}" if prefix else f"{number:.0f} "
        number /= 1000
    return f"{number:.1f} E"


def clock(seconds: float) -> str:
    """Return ``59 s``, ``1:00 min``, ``2:05:00 h``."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes_of_hour = divmod(minutes, 60)
    if hours:
        return f"{hours}:{minutes_of_hour:02d}:{rest:02d} h"
    return f"{minutes}:{rest:02d} min" if minutes else f"{rest} s"
