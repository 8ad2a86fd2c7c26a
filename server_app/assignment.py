"""Who takes part in a phase of a trial: chosen by placement or panel, free, and able to hold the spec."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from common.errors import ConfigError, SearchError
from server_app.placement.base import Request

if TYPE_CHECKING:
    from common.architecture.spec import ArchitectureSpec
    from server_app.placement.base import Placement
    from server_app.scoring import Scoring

Excess = Callable[[str, "ArchitectureSpec"], str]
"""From a node's name and a spec: which limit of the node the spec exceeds, in words; empty where it fits."""


@dataclass(frozen=True)
class Assignment:
    """Who was chosen for a phase.

    Parameters
    ----------
    nodes : tuple of str
        All of them, sorted.
    left_out : dict of str to str
        Those among them that take no part, with the reason.
    """

    nodes: tuple[str, ...]
    left_out: dict[str, str]


class Assigner:
    """Chooses the nodes of each phase.

    Parameters
    ----------
    placement : Placement
        Which nodes train.
    scoring : Scoring
        Which nodes score.
    excess : callable
        Says why a node cannot hold a spec.
    seed : int
        The run's seed; the panel is drawn from it.
    """

    def __init__(self, placement: Placement, scoring: Scoring, excess: Excess, seed: int) -> None:
        self._placement = placement
        self._scoring = scoring
        self._excess = excess
        self._seed = seed
        self._panel: tuple[str, ...] = ()

    def begin(self, nodes: Sequence[str], slots: int, least: int) -> None:
        """Draw the panel; raise `ConfigError` where these nodes are too few for a choice that was made.

        Parameters
        ----------
        nodes : sequence of str
            Names of all nodes of the search.
        slots : int
            Trials that train at the same time.
        least : int
            Nodes that the aggregation needs in a round.
        """
        scoring = self._scoring
        self._panel = scoring.panel_of(nodes, self._seed)
        if len(self._panel) < scoring.min_nodes and scoring.central is None:
            raise ConfigError(
                f"A score counts from scoring.min_nodes={scoring.min_nodes} nodes",
                len(self._panel),
                fix="Start more nodes or lower scoring.min_nodes",
            )
        for slot in range(slots):
            chosen = self._placement.select(Request(slot, slot, 1, 1), self._trainers(nodes))
            if len(chosen) < least:
                raise ConfigError(
                    f"The aggregation needs {least} nodes that train a trial in a round",
                    len(chosen),
                    fix="Start more nodes, raise placement.nodes_per_round, or choose aggregation=fedavg",
                )

    def excess(self, node: str, spec: ArchitectureSpec) -> str:
        """Say why `node` cannot hold `spec`; empty where it can."""
        return self._excess(node, spec)

    def trainers(
        self, spec: ArchitectureSpec, request: Request, nodes: Sequence[str], free: Collection[str], least: int
    ) -> Assignment:
        """Return who trains `spec` in the round of `request`.

        A chosen node that cannot hold the spec is left out. Where too few of those chosen can, the choice is made among
        those that can, for the trial would be lost to the draw.

        Parameters
        ----------
        spec : ArchitectureSpec
            What is to be held.
        request : Request
            For the placement.
        nodes, free : collections of str
            Names of those that are there; of those among them that can be sent something.
        least : int
            Fewer nodes will not do.

        Raises
        ------
        ConfigError
            Too few are there, or free, for now.
        SearchError
            Too few can hold the spec.
        """
        candidates = self._trainers(nodes)
        unable = self._unable(spec, candidates, least)
        chosen = self._placement.select(request, candidates)
        if len(candidates) >= least > len(set(chosen) - set(unable)) and unable:
            try:
                chosen = self._placement.select(request, [node for node in candidates if node not in unable])
            except ConfigError as error:
                raise SearchError(f"Too few nodes can hold this spec ({str(error).rstrip('.')})") from None
            if len(chosen) < least:
                raise SearchError(_too_few(least, len(chosen), unable))
        return _assignment(chosen, unable, free, least)

    def scorers(self, spec: ArchitectureSpec, nodes: Sequence[str], free: Collection[str]) -> Assignment:
        """Return who of the panel is there; a panel of all takes in who joined later. Errors as in `trainers`."""
        panel = [node for node in sorted(nodes) if self._scoring.panel is None or node in self._panel]
        least = self._scoring.min_nodes
        return _assignment(panel, self._unable(spec, panel, least), free, least)

    def _trainers(self, nodes: Sequence[str]) -> list[str]:
        return [node for node in nodes if not (self._scoring.unseen and node in self._panel)]

    def _unable(self, spec: ArchitectureSpec, candidates: Sequence[str], least: int) -> dict[str, str]:
        """Return why some of the candidates cannot hold `spec`; raises `SearchError` where too few of them can."""
        unable = {node: reason for node in sorted(candidates) if (reason := self._excess(node, spec))}
        able = len(candidates) - len(unable)
        if able < least <= len(candidates):
            raise SearchError(_too_few(least, able, unable))
        return unable


def _too_few(least: int, able: int, unable: dict[str, str]) -> str:
    name, reason = next(iter(unable.items()))
    return f"A trial needs {least} nodes that can hold its spec, but {able} can (of node {name!r}: {reason})"


def _assignment(chosen: Collection[str], unable: dict[str, str], free: Collection[str], least: int) -> Assignment:
    if len((set(chosen) & set(free)) - set(unable)) < least:
        raise ConfigError(f"A trial needs {least} free nodes")
    busy = {node: "still busy with an earlier message" for node in sorted(chosen) if node not in free}
    return Assignment(tuple(sorted(chosen)), {**busy, **{n: why for n, why in unable.items() if n in chosen}})
