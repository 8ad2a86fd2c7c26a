"""Every error that a user can cause or meet, as one tree.

    FlwrNasError
    ├── ConfigError        an option, or a combination of options, is wrong
    ├── DataError          a data file is missing, malformed or does not fit
    ├── SpecError          an architecture spec is malformed or illegal
    ├── SpaceError         a search space is contradictory or holds nothing legal
    ├── ProtocolError      a message does not follow the protocol
    ├── FederationError    the SuperLink or its nodes are not there, or too few of them
    ├── SearchError        the search ended without a result
    └── StorageError       the run folder cannot be written or read

Each names the rule that was broken, the offending value and the way out.
"""

from __future__ import annotations

from typing import Any

_NOTHING = object()

_LONGEST = 2000
"""Characters of an error; some repeat what a node said, and go to the journal once for each trial."""


class FlwrNasError(Exception):
    """Base of the tree; catching it catches all that is ours.

    Parameters
    ----------
    rule : str
        What must hold, as a sentence without its full stop.
    got : object, optional
        The value that broke the rule; shown with ``repr``.
    fix : str
        What the reader can do about it, as a sentence without its full stop.
    """

    def __init__(self, rule: str, got: Any = _NOTHING, *, fix: str = "") -> None:
        self.rule = rule if got is _NOTHING else f"{rule}, got {_shown(got)}"
        self.fix = fix
        text = f"{self.rule}. {fix}." if fix else f"{self.rule}."
        super().__init__(text if len(text) <= _LONGEST else f"{text[:_LONGEST]} ...")


def _shown(got: Any) -> str:
    """Return a value that anybody may have sent: Python itself refuses to write some of them."""
    try:
        return repr(got)
    except (RecursionError, ValueError):  # nested nearly as deeply as JSON may be; a number of thousands of digits
        return f"something of type {type(got).__name__} that cannot be shown"


class ConfigError(FlwrNasError):
    """An option, or a combination of options, is wrong."""


class DataError(FlwrNasError):
    """A data file is missing, malformed or does not fit.

    The text may travel to a server, so it holds nothing that was read from the data: no value, no name.

    Parameters
    ----------
    rule, got, fix
        As in `FlwrNasError`.
    detail : str
        Where and what, for the data's own people: the file, the row, the value. Not part of the text.
    """

    def __init__(self, rule: str, got: Any = _NOTHING, *, fix: str = "", detail: str = "") -> None:
        super().__init__(rule, got, fix=fix)
        self.detail = detail

    def in_full(self) -> DataError:
        """Return this error with the detail in its text: for output on the machine that holds the data."""
        rule = f"{self.rule} ({self.detail})" if self.detail else self.rule
        return DataError(rule, fix=self.fix)


class SpecError(FlwrNasError):
    """An architecture spec is malformed or illegal."""


class SpaceError(FlwrNasError):
    """A search space is contradictory or holds nothing legal."""


class ProtocolError(FlwrNasError):
    """A message does not follow the protocol."""


class FederationError(FlwrNasError):
    """The SuperLink or its nodes are not there, or too few of them."""


class SearchError(FlwrNasError):
    """The search ended without a result."""


class StorageError(FlwrNasError):
    """The run folder cannot be written or read."""
