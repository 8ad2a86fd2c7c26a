"""The page of a run that is under way, as whoever opens it gets it: at once where it was made a moment ago."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

from common.errors import StorageError
from server_app.journal import finite
from server_app.report.document import document_of
from server_app.report.follow import LEAST, result_written
from server_app.report.page import page_of
from server_app.run_folder import JOURNAL


class Served:
    """Makes the page of a run, and again where there is more to see; many may ask at the same time.

    What a page does not have yet comes to it as events, so it is made no more often than the documents of these.

    Parameters
    ----------
    folder : Path
        Of the run, which may be about to begin.
    clock : callable
        Returns seconds.
    """

    def __init__(self, folder: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self._folder, self._clock = folder, clock
        self._making = threading.Lock()
        self._page, self._made, self._state = "", 0.0, (0, 0.0)

    def page(self) -> str | None:
        """Return the page; None where there is nothing to see yet."""
        with self._making:
            state = self._changed()
            if not self._page or (state != self._state and self._clock() >= self._made + LEAST):
                try:
                    self._page = page_of(finite(document_of(self._folder)), follows=True)
                except StorageError:
                    return self._page or None
                self._made, self._state = self._clock(), state
            return self._page

    def _changed(self) -> tuple[int, float]:
        """Return the size of the journal, and when the result was written."""
        journal = self._folder / JOURNAL
        return journal.stat().st_size if journal.is_file() else 0, result_written(self._folder)
