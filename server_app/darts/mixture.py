"""How likely each option of each place of a mixed network is.

H. Liu, K. Simonyan & Y. Yang, "DARTS: Differentiable Architecture Search", ICLR 2019, equation 2: the softmax over the
options of a place, here of the architecture weights over a temperature.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np

if TYPE_CHECKING:
    from common.architecture.kinds.mixed import MixedSpec
    from common.jobs import Weights


@dataclass(frozen=True)
class Told:
    """What a round that stepped architecture weights came to.

    Parameters
    ----------
    round, trial : int
        Which, from 1, and of which level's network.
    probabilities : tuple of tuple of float
        As of `Mixture`.
    """

    round: int
    trial: int
    probabilities: tuple[tuple[float, ...], ...]


@dataclass(frozen=True)
class Mixture:
    """A mixed network with what it has learnt of its options.

    Parameters
    ----------
    spec : MixedSpec
        The network.
    probabilities : tuple of tuple of float
        By choice, in their order, by option; those of a choice sum to 1, unless some were taken away.
    """

    spec: MixedSpec
    probabilities: tuple[tuple[float, ...], ...]

    @classmethod
    def of(cls, spec: MixedSpec, alphas: Weights, temperature: float) -> Self:
        """Return what architecture weights say.

        Parameters
        ----------
        spec : MixedSpec
            The network.
        alphas : Weights
            float32, shape ``(spec.num_alphas,)``.
        temperature : float
            By which they are divided.
        """
        return cls(spec, tuple(_softmax(alphas[span], temperature) for span in spec.spans))

    def keeping(self, kept: Mapping[str, Sequence[int]]) -> Mixture:
        """Return the mixture with fewer options, as of `MixedSpec.keeping`, each as likely as it was."""
        rows = zip(self.spec.choices, self.probabilities, strict=True)
        values = (tuple(row[index] for index in kept.get(choice.place, range(len(row)))) for choice, row in rows)
        return Mixture(self.spec.keeping(kept), tuple(values))

    def to_dict(self, digits: int = 4) -> dict[str, dict[str, float]]:
        """Return by place and option how likely that is, rounded, for people."""
        return {
            choice.place: {name: round(value, digits) for name, value in zip(choice.names, values, strict=True)}
            for choice, values in zip(self.spec.choices, self.probabilities, strict=True)
        }


def _softmax(alphas: Weights, temperature: float) -> tuple[float, ...]:
    """Return the softmax of the weights of one place; of one option alone there are none, and it is certain."""
    if not len(alphas):
        return (1.0,)
    scaled = alphas.astype(np.float64) / temperature
    raised = np.exp(scaled - scaled.max())
    return tuple((raised / raised.sum()).tolist())
