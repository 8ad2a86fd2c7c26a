"""The contract of a format: how a trained model is written for the tools of others, and asked for outputs there.

A format is one class in a module of this package; it is found by the module's name, as the choices of the axes are. Its
library is imported where it is used only: who does not choose it need not have it.
"""

from __future__ import annotations

import io
import logging
import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from importlib.util import find_spec
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from common.errors import ConfigError
from server_app.export.trained import Trained

Run = Callable[[NDArray[np.float32]], NDArray[np.float32]]
"""From a batch ``(n, *input_shape)`` to outputs ``(n, width)``."""


class Format(ABC):
    """One format; without attributes."""

    about: ClassVar[str]
    """What it is, in a few words."""
    files: ClassVar[tuple[str, ...]]
    """What the model needs, by name; the first is the one that is loaded."""
    needs: ClassVar[tuple[str, ...]] = ()
    """The packages that write and run it, as they are imported, beside torch."""
    extra: ClassVar[str] = ""
    """The extra of this project that installs them."""
    int8: ClassVar[bool] = False
    """Whether it knows weights and activations of 8 bits."""

    @abstractmethod
    def write(self, model: Trained, folder: Path) -> None:
        """Write `files` into a folder that is there."""

    def write_int8(self, model: Trained, folder: Path, examples: NDArray[np.float32]) -> None:
        """Write `files` with numbers of 8 bits, whose ranges are those that `examples` meet; see `check_int8`."""
        raise NotImplementedError

    @abstractmethod
    def runner(self, folder: Path) -> Run:
        """Return what runs the model in a folder, on one thread where that can be said."""

    @abstractmethod
    def usage(self, model: Trained) -> str:
        """Return Python code that loads the model and runs it on ``x``, for who has never heard of us."""

    def check_installed(self) -> None:
        """Raise `ConfigError` where a package is missing."""
        for package in self.needs:
            if find_spec(package) is None:
                raise ConfigError(
                    f"The format {self.name} needs the package {package}, which is not installed",
                    fix=f'pip install "flwr-nas[{self.extra}]"',
                )

    def check_int8(self) -> None:
        """Raise `ConfigError` where there are no 8 bits."""
        if not self.int8:
            raise ConfigError(
                "This format has no numbers of 8 bits", self.name, fix="Leave out --quantize, or use onnx"
            )

    @property
    def name(self) -> str:
        """That of its module."""
        return type(self).__module__.rpartition(".")[2]


@contextmanager
def quiet() -> Iterator[None]:
    """Keep from the screen what exporters say of their own steps, which is of no use to who exports."""
    given = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings(), redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(given)
