"""A bar of a table."""

from __future__ import annotations

from rich.console import Console, ConsoleOptions, RenderResult
from rich.measure import Measurement
from rich.text import Text


class Bar:
    """A bar of characters that can be shown; what is more than nothing has one at least.

    Parameters
    ----------
    share : float
        Between 0 and 1.
    width : int
        Characters of a share of 1.
    """

    def __init__(self, share: float, width: int) -> None:
        self.length = max(1, round(share * width)) if share > 0 else 0

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield Text(("#" if options.ascii_only else "█") * self.length, "cyan")

    def __rich_measure__(self, console: Console, options: ConsoleOptions) -> Measurement:
        return Measurement(self.length, self.length)
