"""The nodes that can hold a trial and finish it in time; slow ones in fewer rounds than others."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median_low
from typing import ClassVar

from common.errors import ConfigError
from common.seeding import child_seed, ranked, ranked_sample
from server_app.placement.base import Placement, Request


class Capability(Placement):
    """A trial goes to whoever can hold it and finish it in time, and to slow nodes in one of several rounds.

    A node that takes p times as long as usual (see `period`) has its turn in one round of p: then it computes about as
    long in all as the others do, and a trial waits for it in one round of p, not in all of them. So it is with scores,
    for which a slow node of the panel is asked in one trial of p. Trials are compared over the nodes that they have in
    common (`server_app.comparison`), and more than half of the panel scores each, so any two have some.

    Without slow nodes, and where all can hold all, the choice is that of `Shared`: the same sample for every trial.

    Notes
    -----
    Turns come by counting, not by chance. In round r of a trial, the h-th of those that a node could hold, it is a
    node's turn where ``(r s + h + o) mod p = 0``: s is the number of slots, or one more, so that it is odd; o is drawn
    for the node. As s is odd and p a power of two,

    - of p trials in a row that the node can hold, one trains on it in its first round, and
    - of p rounds in a row of a trial that it can hold, one trains on it.

    No p is above `every`, and each divides it, so whatever becomes of p, with ``p = every`` both hold: no node starves.
    That is so for what a node can finish in time; a trial that it cannot is not sent to it, and where `nodes_per_round`
    are drawn among those whose turn it is, a node is drawn as often as others.

    Examples
    --------
    With one slot, of two nodes that take 1 s and one that takes 5 s the last has ``p = 4``: it trains in one round of
    four.

    >>> placement = Capability(0, 1)
    >>> seconds = {"a": 1.0, "b": 1.0, "slow": 5.0}
    >>> requests = [Request(0, 0, round_, round_, seconds=seconds) for round_ in range(1, 9)]
    >>> [len(placement.select(request, list(seconds))) for request in requests]
    [2, 2, 2, 3, 2, 2, 2, 3]
    """

    tells_apart: ClassVar[bool] = True

    @dataclass(frozen=True)
    class Options(Placement.Options):
        """Options of this placement.

        Parameters
        ----------
        nodes_per_round : int, optional
            As of every placement; drawn among the nodes whose turn it is.
        every : int
            The longest that a node waits for its turn, in rounds; a power of two.
        """

        every: int = 8

        def __post_init__(self) -> None:
            if self.every < 1 or self.every & (self.every - 1):
                raise ConfigError(
                    "placement.every must be a power of two, of which each divides the next",
                    self.every,
                    fix="Set placement.every=8, or 1 for all nodes in every round",
                )

    def select(self, request: Request, nodes: Sequence[str]) -> tuple[str, ...]:
        """Return those whose turn it is, or a sample of them.

        Where too few can hold the trial, who cannot is not told apart: whoever asked says what follows.
        """
        if not nodes:
            raise ConfigError("A round needs nodes that train", 0, fix="Start nodes")
        chosen = self._whose_turn(request, nodes)
        return ranked_sample(chosen, self.options.nodes_per_round, self.seed, "sample", request.round)

    def judges(self, request: Request, panel: Sequence[str]) -> tuple[str, ...]:
        """Return those of the panel whose turn it is, sorted."""
        return tuple(sorted(self._whose_turn(request, panel)))

    def _whose_turn(self, request: Request, nodes: Sequence[str]) -> list[str]:
        able = [node for node in nodes if node not in request.unable]
        if len(able) < request.least:
            return list(nodes)
        in_time = [node for node in able if request.seconds.get(node, 0.0) <= request.deadline]
        if not in_time:  # what was foreseen would leave nobody: the deadline itself decides
            return able
        known = [request.seconds[node] for node in in_time if node in request.seconds]
        usual = median_low(known) if known else 0.0
        chosen = [node for node in in_time if self._has_turn(request, node, usual)]
        if len(chosen) < request.least:
            chosen += self._fastest(request, set(able) - set(chosen))[: request.least - len(chosen)]
        return chosen

    def _has_turn(self, request: Request, node: str, usual: float) -> bool:
        rounds = period(request.seconds.get(node, 0.0), usual, self.options.every)
        if rounds == 1:
            return True
        place = request.trial if request.held_before is None else request.held_before(node)
        stride = self.slots | 1
        return (request.round * stride + place + child_seed(self.seed, "turn", node)) % rounds == 0

    def _fastest(self, request: Request, nodes: set[str]) -> list[str]:
        """Sort nodes by what is foreseen of them, equal ones by lot."""
        return sorted(ranked(nodes, self.seed, "fastest"), key=lambda node: request.seconds.get(node, 0.0))


def period(seconds: float, usual: float, most: int) -> int:
    """Return in one of how many rounds a node has its turn: a power of two.

    Parameters
    ----------
    seconds : float
        That it takes.
    usual : float
        That half of the nodes take at most.
    most : int
        The longest period, a power of two.

    Examples
    --------
    Whoever takes less than twice as long as usual has its turn in each round. Who takes ten times as long has it in one
    of eight, the next lower power of two.

    >>> [period(seconds, 2.0, 16) for seconds in (1.0, 3.9, 4.0, 20.0, 1e9)]
    [1, 1, 2, 8, 16]
    """
    if usual <= 0 or seconds < 2 * usual:
        return 1
    return int(2 ** math.floor(math.log2(min(most, seconds / usual))))
