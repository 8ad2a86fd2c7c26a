"""FedAdagrad: Adagrad on the server, with the mean change of the nodes as its gradient.

Reddi et al., "Adaptive Federated Optimization", ICLR 2021, algorithm 2. With ``d`` the mean update
(weighted by examples) less the weights ``x`` of the round:

    v = v + d^2
    x = x + eta d / (sqrt(v) + tau)

Flower departs from the paper: `v` starts from 0 (not from ``tau^2`` or more), and there is no first
moment (the paper's ``beta_1`` is 0). The paper's rate of the nodes is ``training.learning_rate``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from flwr.serverapp import strategy as flower

from server_app.aggregation.flower_rule import FlowerRule, check_positive


class FedAdagrad(FlowerRule):
    """Adagrad on the server."""

    steps: ClassVar[bool] = True

    @dataclass(frozen=True)
    class Options:
        """Options of FedAdagrad, with Flower's defaults.

        Parameters
        ----------
        eta : float
            Learning rate of the server: the most that a weight moves in a round.
        tau : float
            Changes far below it are not scaled up: the degree of adaptivity.
        """

        eta: float = 0.1
        tau: float = 0.001

        def __post_init__(self) -> None:
            check_positive("eta", self.eta)
            check_positive("tau", self.tau)

    @staticmethod
    def strategy_class() -> type[flower.FedAvg]:
        """Return Flower's FedAdagrad."""
        return flower.FedAdagrad
