"""FedMedian: the median of each weight over the updates, whatever their examples.

Yin et al., "Byzantine-Robust Distributed Learning: Towards Optimal Statistical Rates", ICML 2018,
option I of algorithm 1 (there of gradients, here of weights). Of an even number of updates, the mean
of the two in the middle.
"""

from __future__ import annotations

from flwr.serverapp import strategy as flower

from server_app.aggregation.flower_rule import FlowerRule


class FedMedian(FlowerRule):
    """Median of each weight."""

    @staticmethod
    def strategy_class() -> type[flower.FedAvg]:
        """Return Flower's FedMedian."""
        return flower.FedMedian
