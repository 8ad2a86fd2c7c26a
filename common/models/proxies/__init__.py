"""Zero-cost scores: what an untrained network is expected to be worth; more of each is taken to be better.

    parameters, macs, entropy      of the graph alone: no weights, no data, and no torch
    synflow, grad_norm, naswot     of a network with its initial weights; the last two on one mini-batch

One module a score, with one function ``score`` each. How well they tell trained accuracy differs from data to data:
``tests/benchmarks/proxies.py`` measures it. For comparisons of them see M. S. Abdelfattah et al., "Zero-Cost Proxies
for Lightweight NAS", ICLR 2021, and A. Krishnakumar et al., "NAS-Bench-Suite-Zero", NeurIPS 2022, where parameters and
MACs are hard to beat.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from common.architecture.graph import Graph
from common.models.proxies import entropy, macs, parameters

OF_GRAPH: Mapping[str, Callable[[Graph], float]] = {
    "parameters": parameters.score,
    "macs": macs.score,
    "entropy": entropy.score,
}
"""By name, what no node is asked for."""

OF_NETWORK = ("synflow", "grad_norm", "naswot")
"""Names of what the nodes compute, as modules of this package: `common.models.proxies.network` does, with torch."""

DATA_PASSES = 2
"""How often the examples of a mini-batch go through a network for these: for grad_norm and for naswot."""

PROXIES = (*OF_GRAPH, *OF_NETWORK)
"""Names of all."""


def graph_scores(graph: Graph) -> dict[str, float]:
    """Return the scores that a network has by its graph alone, by name."""
    return {name: score(graph) for name, score in OF_GRAPH.items()}
