"""Successive halving: many trials train a little, the best of them train on.

K. Jamieson and A. Talwalkar, "Non-stochastic Best Arm Identification and Hyperparameter
Optimization", AISTATS 2016, figure 3; `server_app.fidelity.halving` says where we depart.
"""

from __future__ import annotations

from dataclasses import dataclass

from common.errors import ConfigError
from server_app.fidelity.bracket import Bracket
from server_app.fidelity.halving import Halving


class SuccessiveHalving(Halving):
    """Brackets of one size, which all begin at the first rung."""

    @dataclass(frozen=True)
    class Options(Halving.Options):
        """Rungs and size of a bracket.

        Parameters
        ----------
        bracket_size : int
            Trials in a bracket.
        others
            As of `Halving`.
        """

        bracket_size: int = 9

        def __post_init__(self) -> None:
            super().__post_init__()
            if self.bracket_size < self.eta:
                raise ConfigError(
                    f"fidelity.bracket_size must be at least fidelity.eta ({self.eta}), or nobody would be stopped",
                    self.bracket_size,
                    fix=f"Set fidelity.bracket_size={self.eta**2}",
                )

    def _bracket(self, index: int) -> Bracket:  # noqa: ARG002 - all are alike
        return Bracket(self.options.bracket_size)
