"""The same nodes for every trial: a paired comparison."""

from __future__ import annotations

from collections.abc import Sequence

from common.errors import ConfigError
from common.seeding import generator
from server_app.placement.base import Placement, Request


class Shared(Placement):
    """Every trial trains in its k-th round on the same sample of nodes.

    The differences between two scores are then those of the specs, not of the people whose data
    happened to be drawn (common random numbers). Where fewer nodes than `nodes_per_round` are there, all
    of them train.
    """

    def select(self, request: Request, nodes: Sequence[str]) -> tuple[str, ...]:
        """Return the sample of the request's round."""
        names = sorted(nodes)
        wanted = self.options.nodes_per_round
        if not names:
            raise ConfigError("A round needs nodes that train", 0, fix="Start nodes")
        if wanted is None or wanted >= len(names):
            return tuple(names)
        chosen = generator(self.seed, "sample", request.round).choice(len(names), wanted, replace=False)
        return tuple(names[index] for index in sorted(chosen))
