"""Krum: the one update that is closest to the others.

Blanchard et al., "Machine Learning with Adversaries: Byzantine Tolerant Gradient Descent", NeurIPS
2017. The score of an update is the sum of its squared distances to the ``n - f - 2`` updates closest to
it, with f the malicious nodes; the update of the lowest score is the result, whatever its examples.
Ties are broken by the nodes' names, never by who came first.

The paper's guarantee needs ``n >= 2 f + 3``. Flower goes on below that in silence; we do not.
"""

from __future__ import annotations

from dataclasses import dataclass

from flwr.serverapp import strategy as flower

from server_app.aggregation.flower_rule import FlowerRule, check_malicious


class Krum(FlowerRule):
    """The update that is closest to the others."""

    @dataclass(frozen=True)
    class Options:
        """Options of Krum.

        Parameters
        ----------
        num_malicious_nodes : int
            How many malicious nodes a round may have. Flower's default of 0 defends against none.
        """

        num_malicious_nodes: int = 1

        def __post_init__(self) -> None:
            check_malicious(self.num_malicious_nodes)

    @staticmethod
    def strategy_class() -> type[flower.FedAvg]:
        """Return Flower's Krum."""
        return flower.Krum

    @property
    def minimum(self) -> int:
        """Replies that a round needs: ``2 num_malicious_nodes + 3``."""
        return 2 * int(self.options.num_malicious_nodes) + 3
