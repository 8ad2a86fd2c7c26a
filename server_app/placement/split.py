"""Disjoint cohorts of nodes: concurrent trials share the nodes out among themselves."""

from __future__ import annotations

from collections.abc import Sequence

from common.errors import ConfigError
from common.seeding import generator
from server_app.placement.base import Placement, Request


class Split(Placement):
    """The nodes form one cohort for each slot, and the cohorts rotate from turn to turn.

    The trial in slot `s` trains in turn `t` on cohort ``(s + t) mod slots``, so that after `slots` turns
    in its slot it has met every node. Trials that begin a round in the same turn, as all do with
    ``order=rounds``, never share a node.

    A cohort of fewer than `nodes_per_round` nodes trains whole.
    """

    def select(self, request: Request, nodes: Sequence[str]) -> tuple[str, ...]:
        """Return the request's cohort, or a sample of it."""
        if len(nodes) < self.slots:
            raise ConfigError(
                f"placement=split needs a node for each of {self.slots} concurrent trials",
                len(nodes),
                fix="Start more nodes, let fewer trials run at a time, or use placement=shared",
            )
        turn = (request.slot + request.turn) % self.slots
        order = generator(self.seed, "cohorts").permutation(len(nodes))
        names = sorted(nodes)
        cohort = sorted(names[index] for index in order[turn :: self.slots])
        wanted = self.options.nodes_per_round
        if wanted is None or wanted >= len(cohort):
            return tuple(cohort)
        chosen = generator(self.seed, "sample", request.turn, turn).choice(len(cohort), wanted, replace=False)
        return tuple(cohort[index] for index in sorted(chosen))
