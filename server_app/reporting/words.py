"""Numbers of things, and times, in words."""

from __future__ import annotations


def counted(number: int, thing: str, things: str | None = None) -> str:
    """Return ``1 trial``, ``2 trials``; `things` is the plural of a word that takes no s."""
    return f"{number:,} {thing if number == 1 else things or thing + 's'}"


def clock(seconds: float) -> str:
    """Return ``59 s``, ``1:00 min``, ``2:05:00 h``."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes_of_hour = divmod(minutes, 60)
    if hours:
        return f"{hours}:{minutes_of_hour:02d}:{rest:02d} h"
    return f"{minutes}:{rest:02d} min" if minutes else f"{rest} s"
