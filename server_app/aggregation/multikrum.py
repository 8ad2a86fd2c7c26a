"""MultiKrum: the mean, weighted by examples, of the updates that are closest to the others.

Blanchard et al., "Machine Learning with Adversaries: Byzantine Tolerant Gradient Descent", NeurIPS
2017, section "m-Krum". Scores as in `krum`; the `num_nodes_to_select` lowest are averaged.
Flower departs from the paper, whose mean is not weighted.

A round needs the ``2 f + 3`` updates of Krum, and enough that the f worst can be left out.
"""

from __future__ import annotations

from dataclasses import dataclass

from flwr.serverapp import strategy as flower

from common.errors import ConfigError
from server_app.aggregation.krum import Krum


class MultiKrum(Krum):
    """Mean of the updates that are closest to the others."""

    @dataclass(frozen=True)
    class Options(Krum.Options):
        """Options of MultiKrum.

        Parameters
        ----------
        num_nodes_to_select : int
            How many updates are averaged. Flower's default of 1 is Krum.
        """

        num_nodes_to_select: int = 3

        def __post_init__(self) -> None:
            super().__post_init__()
            if self.num_nodes_to_select < 1:
                raise ConfigError(
                    "aggregation.num_nodes_to_select must be 1 or more",
                    self.num_nodes_to_select,
                    fix="Set aggregation.num_nodes_to_select=3",
                )

    @staticmethod
    def strategy_class() -> type[flower.FedAvg]:
        """Return Flower's MultiKrum."""
        return flower.MultiKrum

    @property
    def minimum(self) -> int:
        """Replies that a round needs: ``2 f + 3`` with f malicious nodes, and f more than are selected."""
        selected = int(self.options.num_nodes_to_select)
        return max(super().minimum, int(self.options.num_malicious_nodes) + selected)
