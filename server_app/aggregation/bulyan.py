"""Bulyan: of updates that Krum selects, the mean of those closest to the median, weight by weight.

El Mhamdi, Guerraoui and Rouault, "The Hidden Vulnerability of Distributed Learning in Byzantium",
ICML 2018. Of n updates, f of them malicious, ``n - 2 f`` are selected by their Krum score; of each
weight, the ``n - 4 f`` values closest to the median of the selected are averaged, whatever their examples.

Flower departs from the paper: it scores once, where the paper selects one update, takes it out and
scores the others again. The guarantee needs ``n >= 4 f + 3``.
"""

from __future__ import annotations

from dataclasses import dataclass

from flwr.serverapp import strategy as flower

from server_app.aggregation.flower_rule import FlowerRule, check_malicious


class Bulyan(FlowerRule):
    """Mean of the values closest to the median, over updates selected by Krum."""

    @dataclass(frozen=True)
    class Options:
        """Options of Bulyan.

        Parameters
        ----------
        num_malicious_nodes : int
            How many malicious nodes a round may have. Flower's default of 0 is an unweighted mean.
        """

        num_malicious_nodes: int = 1

        def __post_init__(self) -> None:
            check_malicious(self.num_malicious_nodes)

    @staticmethod
    def strategy_class() -> type[flower.FedAvg]:
        """Return Flower's Bulyan."""
        return flower.Bulyan

    @property
    def minimum(self) -> int:
        """Replies that a round needs: ``4 num_malicious_nodes + 3``."""
        return 4 * int(self.options.num_malicious_nodes) + 3
