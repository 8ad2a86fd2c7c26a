"""q-FedAvg: nodes with a higher loss weigh more, so that accuracy spreads less over the nodes.

Li et al., "Fair Resource Allocation in Federated Learning", ICLR 2020, algorithm 2. With ``x`` the
weights of the round, ``u`` the update of a node, ``F`` its loss (plus 1e-10) and ``L = 1 / client_learning_rate``:

    d = L (x - u),    h = q F^(q-1) |d|^2 + L F^q,    x = x - sum(F^q d) / sum(h)

With q = 0 it is the mean of the updates, whatever their examples.

Where we depart: `F` should be the loss at `x`; a node reports the mean while it trains, which is lower.
`L` stands for a Lipschitz constant, which the paper takes from the step of plain SGD. Adam's
learning rate says nothing of it: ``client_learning_rate = 0.001`` would shrink its steps
tenfold and more (``h`` grows with L^2). So the option is not `training.learning_rate` and starts at 0.1.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from flwr.serverapp import strategy as flower

from common.errors import ConfigError, ProtocolError
from server_app.aggregation.flower_rule import FlowerRule, check_positive


class QFedAvg(FlowerRule):
    """Mean that weighs nodes with a higher loss more."""

    steps: ClassVar[bool] = True

    @dataclass(frozen=True)
    class Options:
        """Options of q-FedAvg.

        Parameters
        ----------
        client_learning_rate : float
            Inverse of the estimated Lipschitz constant; with plain SGD the nodes' learning rate.
        q : float
            Degree of fairness, 0 for none; 0.1 is Flower's default.
        """

        client_learning_rate: float = 0.1
        q: float = 0.1

        def __post_init__(self) -> None:
            check_positive("client_learning_rate", self.client_learning_rate)
            if not 0 <= self.q < math.inf:
                raise ConfigError("aggregation.q must be 0 or more", self.q, fix="Set aggregation.q=0.1")

    @staticmethod
    def strategy_class() -> type[flower.FedAvg]:
        """Return Flower's QFedAvg."""
        return flower.QFedAvg

    def _reply_metrics(self, num_examples: int, metrics: Mapping[str, float]) -> dict[str, float]:
        loss = metrics.get("loss")
        if loss is None or not 0 <= loss < math.inf:
            raise ProtocolError("QFedAvg needs a finite loss, 0 or more, of each node", loss)
        return {"num-examples": num_examples, "train_loss": float(loss)}
