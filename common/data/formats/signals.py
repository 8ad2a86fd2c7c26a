"""One recording: a .wav file, or a .csv file whose columns are channels and whose rows are time steps.

A .wav file holds PCM of 8, 16, 24 or 32 bits, which become numbers from -1 to 1 (float32 holds 24 bits of them). A .csv
file may have a header: a first row with something that is no number. A column that is called as time is, such as
``time``, ``timestamp`` or ``t``, is no channel and is left out.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from common.data.formats.contents import optional_package

Samples = NDArray[np.float32]

SUFFIXES = frozenset({".wav", ".csv"})

_TIMES = ("", "time", "timestamp", "t", "seconds", "sample", "step", "index")


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
    """

    samples: Samples
    rate: int | None = None
    names: tuple[str, ...] = ()
    timed: bool = False


def read_signal(path: Path) -> Signal:
    """Read one recording, by the suffix of its file.

    Raises
    ------
    OSError, ValueError, EOFError
        It cannot be read, or holds no samples, or some that are no finite numbers; the text says so.
    """
    signal = _read_wav(path) if path.suffix.lower() == ".wav" else _read_csv(path)
    if not signal.samples.size:
        raise ValueError("it holds no samples")
    if not np.isfinite(signal.samples).all():
        raise ValueError("it holds something that is no finite number of 32 bits")
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
                raise EOFError("it ends too early")
    except wave.Error as error:
        raise ValueError(str(error)) from error
    return Signal(_numbers(content, width).reshape(-1, channels).T, rate)


def _numbers(content: bytes, width: int) -> Samples:
    """Return PCM samples as numbers from -1 to 1."""
    if width == 1:  # these alone have no sign
        return ((np.frombuffer(content, np.uint8).astype(np.int16) - 128) / np.float32(128)).astype(np.float32)
    octets = np.frombuffer(content, np.uint8).reshape(-1, width)
    padded = np.zeros((len(octets), 4), np.uint8)
    padded[:, 4 - width :] = octets  # little-endian: what is above all is the sign
    return (padded.view("<i4")[:, 0] / 2.0**31).astype(np.float32)


def _read_csv(path: Path) -> Signal:
    text = path.read_text(encoding="utf-8-sig").strip()
    first = text.partition("\n")[0]
    mark = max(",;\t", key=first.count)
    cells = [cell.strip().strip('"') for cell in first.split(mark)]
    header = not all(_is_number(cell) for cell in cells)
    lines = text.splitlines()[int(header) :]
    if not lines:
        raise ValueError("it holds no samples")
    with np.errstate(over="ignore"):  # what does not fit becomes infinite, and is refused
        table = np.loadtxt(lines, delimiter=mark, comments=None, ndmin=2).astype(np.float32)
    if header and table.shape[1] != len(cells):
        raise ValueError(f"its header has {len(cells)} columns, and its rows have {table.shape[1]}")
    kept = [place for place, cell in enumerate(cells) if not (header and cell.lower() in _TIMES)]
    names = tuple(cells[place] for place in kept) if header else ()
    return Signal(np.ascontiguousarray(table[:, kept].T), None, names, timed=len(kept) < len(cells))


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True
