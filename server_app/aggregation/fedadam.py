"""FedAdam: Adam on the server, with the mean change of the nodes as its gradient.

Reddi et al., "Adaptive Federated Optimization", ICLR 2021, algorithm 2. With ``d`` the mean update
(weighted by examples) less the weights ``x`` of the round:

    m = beta_1 m + (1 - beta_1) d
    v = beta_2 v + (1 - beta_2) d^2
    x = x + eta_t m / (sqrt(v) + tau)

Flower departs from the paper: `v` starts from 0 (not from ``tau^2`` or more), and ``eta_t = eta
sqrt(1 - beta_2^(t+1)) / (1 - beta_1^(t+1))`` in round t (from 1) corrects the bias as Adam does, but one
step ahead of it. The paper's rate of the nodes is ``training.learning_rate``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from flwr.serverapp import strategy as flower

from server_app.aggregation.flower_rule import FlowerRule, check_fraction, check_positive


class FedAdam(FlowerRule):
    """Adam on the server."""

    steps: ClassVar[bool] = True

    @dataclass(frozen=True)
    class Options:
        """Options of FedAdam, with Flower's defaults.

        Parameters
        ----------
        eta : float
            Learning rate of the server.
        beta_1, beta_2 : float
            Decay of the first and second moment.
        tau : float
            Changes far below it are not scaled up: the degree of adaptivity.
        """

        eta: float = 0.1
        beta_1: float = 0.9
        beta_2: float = 0.99
        tau: float = 0.001

        def __post_init__(self) -> None:
            check_positive("eta", self.eta)
            check_fraction("beta_1", self.beta_1)
            check_fraction("beta_2", self.beta_2)
            check_positive("tau", self.tau)

    @staticmethod
    def strategy_class() -> type[flower.FedAvg]:
        """Return Flower's FedAdam."""
        return flower.FedAdam
