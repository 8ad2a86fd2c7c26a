"""FedAvgM: momentum on the server, with the mean change of the nodes as its gradient.

Hsu, Qi and Brown, "Measuring the Effects of Non-Identical Data Distribution for Federated Visual
Classification", arXiv 1909.06335. With ``a`` the mean update, weighted by examples, and ``x`` the
weights of the round:

    v = server_momentum v + (x - a)
    x = x - server_learning_rate v
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from flwr.serverapp import strategy as flower

from server_app.aggregation.flower_rule import FlowerRule, check_fraction, check_positive


class FedAvgM(FlowerRule):
    """Momentum on the server."""

    steps: ClassVar[bool] = True

    @dataclass(frozen=True)
    class Options:
        """Options of FedAvgM.

        Parameters
        ----------
        server_learning_rate : float
            1 is FedAvg's step (Flower's default).
        server_momentum : float
            0.9 is the paper's; Flower's default of 0 is plain FedAvg.
        """

        server_learning_rate: float = 1.0
        server_momentum: float = 0.9

        def __post_init__(self) -> None:
            check_positive("server_learning_rate", self.server_learning_rate)
            check_fraction("server_momentum", self.server_momentum)

    @staticmethod
    def strategy_class() -> type[flower.FedAvg]:
        """Return Flower's FedAvgM."""
        return flower.FedAvgM
