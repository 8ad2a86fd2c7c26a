"""The same nodes for every trial: a paired comparison."""

from __future__ import annotations

from collections.abc import Sequence

from common.errors import ConfigError
from common.seeding import ranked_sample
from server_app.placement.base import Placement, Request


class Shared(Placement):
    """Every trial trains in its k-th round on the same sample of nodes.

    The differences between two scores are then those of the specs, not of the people whose data
    happened to be drawn (common random numbers). A node that joins or leaves changes at most one place in a
    sample. Where fewer nodes than `nodes_per_round` are there, all of them train.
    """

    def select(self, request: Request, nodes: Sequence[str]) -> tuple[str, ...]:
        """Return the sample of the request's round."""
        if not nodes:
            raise ConfigError("A round needs nodes that train", 0, fix="Start nodes")
        return ranked_sample(nodes, self.options.nodes_per_round, self.seed, "sample", request.round)
