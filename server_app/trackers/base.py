"""The contract of a tracker: where the numbers of a run are shown beside those of others.

A tracker of your own is a class that derives from `Tracker`, in a package that the server can import. An example of
twenty lines, which writes a table with commas, is ``tests/examples/table.py``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar

from common.errors import ConfigError


@dataclass(frozen=True)
class TrackedRun:
    """What a tracker is told of a run.

    Parameters
    ----------
    id : str
        Sixteen letters and digits, the same after an interruption.
    name : str
        As people called it.
    folder : Path
        The run folder.
    options : mapping of str to object
        The configuration: texts, numbers, booleans and None by name, as in ``search.trials``; without those of ``run``
        and of the tracker.
    step : int
        The first that comes, 0 of a run that begins. One that was interrupted goes on with it: what the tracker has of
        it, or of later ones, is of a part that was cut away, and comes again.
    """

    id: str
    name: str
    folder: Path
    options: Mapping[str, str | float | bool | None]
    step: int = 0


class Tracker(ABC):
    """Shows the numbers of one run.

    A run is neither ended nor slowed down by its tracker. All methods are called by one thread that does nothing else;
    what one of them raises is told once in the journal, and the run goes on without the tracker.

    Parameters
    ----------
    run : TrackedRun
        The run, which begins or goes on.
    options : Options
        Of the configuration.
    """

    needs: ClassVar[tuple[str, ...]] = ()
    """The packages that it imports, in its methods and not before."""
    extra: ClassVar[str] = ""
    """The extra of this project that installs them; empty for those of others."""

    @dataclass(frozen=True)
    class Options:
        """No options."""

    @abstractmethod
    def __init__(self, run: TrackedRun, options: Any) -> None:
        """Begin a run, or go on with it."""

    @abstractmethod
    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        """Take the numbers of one step.

        Parameters
        ----------
        step : int
            One more than the last.
        values : mapping of str to float
            Finite numbers by name, as in ``trial/accuracy``; see `server_app.trackers.scalars`.
        """

    @abstractmethod
    def finish(self, status: str, files: Sequence[Path]) -> None:
        """Return once all is where it should be: nothing comes afterwards.

        Parameters
        ----------
        status : str
            ``finished``, ``failed``, or ``stopped``; the last two may go on one day.
        files : sequence of Path
            What the run found, below its folder: result.json, history.json, the model.
        """

    @classmethod
    def check_installed(cls) -> None:
        """Raise `ConfigError` where a package is missing; imports none."""
        for package in cls.needs:
            if find_spec(package) is None:
                raise ConfigError(
                    f"The tracker {cls.__name__} needs the package {package}, which is not installed",
                    fix=f'pip install "flwr-nas[{cls.extra}]"' if cls.extra else f"Install {package}",
                )
