"""FedTrimmedAvg: the mean of each weight without its extremes, whatever the updates' examples.

Yin et al., "Byzantine-Robust Distributed Learning: Towards Optimal Statistical Rates", ICML 2018,
option II of algorithm 1 (there of gradients, here of weights). Of n updates, the ``floor(beta n)``
lowest and as many of the highest values of each weight are left out: none where ``beta n < 1``.
"""

from __future__ import annotations

from dataclasses import dataclass

from flwr.serverapp import strategy as flower

from common.errors import ConfigError
from server_app.aggregation.flower_rule import FlowerRule


class FedTrimmedAvg(FlowerRule):
    """Trimmed mean of each weight."""

    @dataclass(frozen=True)
    class Options:
        """Options of FedTrimmedAvg, with Flower's default.

        Parameters
        ----------
        beta : float
            Part of the updates that is left out at each end.
        """

        beta: float = 0.2

        def __post_init__(self) -> None:
            if not 0 <= self.beta < 0.5:
                raise ConfigError(
                    "aggregation.beta must lie in [0, 0.5)", self.beta, fix="0.2 leaves 1 of 5 out at each end"
                )

    @staticmethod
    def strategy_class() -> type[flower.FedAvg]:
        """Return Flower's FedTrimmedAvg."""
        return flower.FedTrimmedAvg
