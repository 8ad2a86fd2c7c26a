"""One recording: a .wav file, or a .csv file whose columns are channels and whose rows are time steps.

A .wav file holds PCM of 8, 16, 24 or 32 bits, which become numbers from -1 to 1 (float32 holds 24 bits of them). Of
.csv files see `common.data.formats.signals_csv`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from common.data.formats.contents import optional_package
from common.data.formats.signals_csv import read_channels

Samples = NDArray[np.float32]

SUFFIXES = frozenset({".wav", ".csv"})


@dataclass(frozen=True)
class Signal:
    """One recording.

    Parameters
    ----------
    samples : NDArray
        float32, shape ``(channels, time)``.
    rate : int, optional
        Samples a second; None where the file does not say it.
    names : tuple of str
        What its channels are called; empty where the file does not say it.
    timed : bool
        Whether a column of times was left out.
    how : str
        How its numbers were read, for people, unless plainly.
    """

    samples: Samples
    rate: int | None = None
    names: tuple[str, ...] = ()
    timed: bool = False
    how: str = ""


def read_signal(path: Path) -> Signal:
    """Read one recording, by the suffix of its file.

    Raises
    ------
    OSError, ValueError
        It cannot be read, or holds no samples, or some that are no finite numbers; the text says so.
    """
    if path.suffix.lower() == ".wav":
        signal = _read_wav(path)
    else:
        table = read_channels(path)
        signal = Signal(table.samples, None, table.names, table.timed, table.how)
    if not signal.samples.size:
        raise ValueError("it holds no samples")
    return signal


def resampled(samples: Samples, rate: int, wanted: int) -> Samples:
    """Bring samples to another rate: polyphase filtering, with the anti-aliasing filter that scipy designs.

    Parameters
    ----------
    samples : NDArray
        Shape ``(channels, time)``.
    rate, wanted : int
        Samples a second before and after.

    Raises
    ------
    DataError
        scipy is not installed.
    """
    signal: Any = optional_package("scipy.signal", "audio", "recordings of another rate")
    common = math.gcd(rate, wanted)
    out: NDArray[Any] = signal.resample_poly(samples.astype(np.float64), wanted // common, rate // common, axis=1)
    return out.astype(np.float32)


def _read_wav(path: Path) -> Signal:
    import wave  # a node imports this module, whatever its data are

    try:
        with wave.open(str(path), "rb") as file:
            channels, width, rate = file.getnchannels(), file.getsampwidth(), file.getframerate()
            content = file.readframes(file.getnframes())
            if len(content) < file.getnframes() * channels * width:
                raise EOFError
    except (wave.Error, EOFError) as error:  # the latter's text is empty
        raise ValueError(str(error) or "it ends too early") from error
    return Signal(_numbers(content, width).reshape(-1, channels).T, rate)


def _numbers(content: bytes, width: int) -> Samples:
    """Return PCM samples as numbers from -1 to 1."""
    if width == 1:  # these alone have no sign
        return ((np.frombuffer(content, np.uint8).astype(np.int16) - 128) / np.float32(128)).astype(np.float32)
    octets = np.frombuffer(content, np.uint8).reshape(-1, width)
    padded = np.zeros((len(octets), 4), np.uint8)
    padded[:, 4 - width :] = octets  # little-endian: what is above all is the sign
    return (padded.view("<i4")[:, 0] / 2.0**31).astype(np.float32)
