"""Features of a sequence that are computed, not learned."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from common.architecture.operations.base import Operation, Saved, require_axes
from common.architecture.tensors import Shape
from common.errors import SpecError


@dataclass(frozen=True)
class LogEnergy(Operation):
    """How strongly each channel of a sequence moves, and how fast, as logarithms.

    For each channel: its variance over time, that of its first differences, and its power in each of `bands` equal
    bands of frequencies. To each of them ``LOG_FLOOR`` is added before the logarithm, relative to nothing: neither to
    the channel nor to the data. Where inputs are scaled, 1 is their variance.

    Parameters
    ----------
    bands : int
        Equal parts of the ``time // 2`` frequencies above 0.

    Notes
    -----
    With X the discrete Fourier transform of a channel less its mean, and n its steps, the power at a frequency is
    ``|X|^2 / n``: that of white noise is its variance. Of F frequencies, from 1 on, band i has the mean over those
    from ``floor(i F / bands)`` to before ``ceil((i + 1) F / bands)``, so two bands share a frequency that lies across
    their border.
    """

    bands: int

    op: ClassVar[str] = "log_energy"

    def output_shape(self, *inputs: Shape) -> Shape:
        """Return ``(channels * (2 + bands),)``, channel by channel."""
        (shape,) = inputs
        require_axes(self.op, shape, (1,))
        if self.bands > shape[1] // 2:
            raise SpecError(
                f"log_energy of {shape[1]} steps has {shape[1] // 2} bands at most, one a frequency",
                self.bands,
                fix="Use fewer bands, or fewer strides and pooling layers before it",
            )
        return (shape[0] * (2 + self.bands),)

    def macs(self, *inputs: Shape) -> int:  # noqa: ARG002
        """Return 0: a Fourier transform is no product of matrices, and torch's own counter leaves it out too."""
        return 0

    def saves(self, *inputs: Shape) -> Saved:
        """Return distances from the first, centred ones, differences, spectrum, power, and what has a logarithm."""
        ((channels, time),) = inputs
        sequence, half = channels * time, channels * (time // 2)
        features = math.prod(self.output_shape(*inputs))
        spectrum = 2 * (half + channels)
        power = half if self.bands > 1 else 0  # a single mean needs the number of frequencies alone
        return Saved(own=(sequence, sequence, sequence - channels, spectrum, power, features))

    def working(self, *inputs: Shape) -> int:
        """Return distances from the first, their differences, spectrum, power, and both variances."""
        ((channels, time),) = inputs
        return channels * (time + time - 1 + 2 * (time // 2 + 1) + time // 2 + 2)
