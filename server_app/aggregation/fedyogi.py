"""FedYogi: Yogi on the server, with the mean change of the nodes as its gradient.

Reddi et al., "Adaptive Federated Optimization", ICLR 2021, algorithm 2. With ``d`` the mean update
(weighted by examples) less the weights ``x`` of the round:

    m = beta_1 m + (1 - beta_1) d
    v = v - (1 - beta_2) d^2 sign(v - d^2)
    x = x + eta m / (sqrt(v) + tau)

Flower departs from the paper: `v` starts from 0 (not from ``tau^2`` or more). The paper's rate of the
nodes is ``training.learning_rate``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from flwr.serverapp import strategy as flower

from server_app.aggregation.fedadam import FedAdam
from server_app.aggregation.flower_rule import FlowerRule


class FedYogi(FlowerRule):
    """Yogi on the server."""

    steps: ClassVar[bool] = True

    @dataclass(frozen=True)
    class Options(FedAdam.Options):
        """Options of FedAdam, with Flower's default rate for Yogi."""

        eta: float = 0.01

    @staticmethod
    def strategy_class() -> type[flower.FedAvg]:
        """Return Flower's FedYogi."""
        return flower.FedYogi
