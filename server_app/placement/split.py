"""Disjoint cohorts of nodes: concurrent trials share the nodes out among themselves."""

from __future__ import annotations

from collections.abc import Sequence

from common.errors import ConfigError
from common.seeding import block, ranked, ranked_sample
from server_app.placement.base import Placement, Request


class Split(Placement):
    """The nodes form one cohort for each slot, and the cohorts rotate from turn to turn.

    The trial in slot `s` trains in turn `t` on cohort ``(s + t) mod slots``, so that after `slots` turns
    in its slot it has met every node. Trials that begin a round in the same turn, as all do with
    ``order=rounds``, never share a node.

    The sizes of cohorts differ by 1 at most, and a node that joins or leaves moves as many others to a
    neighbouring cohort as there are borders between its own cohort and the one that grows or shrinks: ``slots - 1``
    at most. It changes one place at most in each cohort and in each sample.

    A cohort of fewer than `nodes_per_round` nodes trains whole.
    """

    def most(self, nodes: int) -> int:
        """Return the size of the largest cohort, or of a sample of it."""
        return super().most(-(-nodes // self.slots))

    def select(self, request: Request, nodes: Sequence[str]) -> tuple[str, ...]:
        """Return the request's cohort, or a sample of it."""
        if len(nodes) < self.slots:
            raise ConfigError(
                f"placement=split needs a node for each of {self.slots} concurrent trials",
                len(nodes),
                fix="Start more nodes, let fewer trials run at a time, or use placement=shared",
            )
        order = ranked(nodes, self.seed, "cohorts")
        cohort = block(order, self.slots, (request.slot + request.turn) % self.slots)
        return ranked_sample(cohort, self.options.nodes_per_round, self.seed, "sample", request.turn)
