"""Who takes part in a phase of a trial: chosen by placement or panel, free, and able to hold the spec."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from common.errors import ConfigError, SearchError
from common.jobs import Split
from server_app.held import HeldBefore
from server_app.members import Member
from server_app.placement.base import Request
from server_app.reporting.words import counted

if TYPE_CHECKING:
    from server_app.pace import Pace
    from server_app.placement.base import Placement
    from server_app.scoring import Scoring
    from server_app.trials import Trial

BUSY = "still busy with an earlier message"

Excess = Callable[[str, "Trial"], str]
"""From a node's name and a trial: which limit of the node the trial exceeds, in words; empty where it fits."""

Lacks = Callable[[str, Split], bool]
"""From a node's name and a split: whether the node said that it has no such examples."""


class TooFewFree(Exception):  # noqa: N818
    """Too few nodes are there, or free, for now: the phase waits."""


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
        Says why a node cannot hold a trial.
    seed : int
        The run's seed; the panel is drawn from it.
    pace : Pace, optional
        Foresees how long nodes compute; None where nodes are not told apart.
    trials : callable
        Returns all trials so far, by number.
    lacks : callable
        Says whether a node has nothing of a split: without training examples it only scores, and without validation
        examples it only trains, and is not of the panel.

    Attributes
    ----------
    panel : tuple of str
        Who scores, sorted: drawn once, so that all scores are of the same nodes.
    held_out : tuple of str
        Who of them never trains: all, or nobody.
    folds : tuple of tuple of str
        Which of them each member of a trial trains without; empty where a trial trains once. Drawn once, too: whoever
        joins later is in none of them, trains all members and scores none, as without folds.
    fold_of : dict of str to int
        By node that is in one, which.
    min_scores : int
        Scores of so many of them count.
    """

    def __init__(
        self,
        placement: Placement,
        scoring: Scoring,
        excess: Excess,
        seed: int,
        pace: Pace | None = None,
        trials: Callable[[], Sequence[Trial]] = tuple,
        lacks: Lacks = lambda node, split: False,  # noqa: ARG005
    ) -> None:
        self._placement = placement
        self._scoring = scoring
        self._excess = excess
        self._seed = seed
        self._pace = pace
        self._lacks = lacks
        self._held_before = HeldBefore(excess, trials)
        self.panel: tuple[str, ...] = ()
        self.held_out: tuple[str, ...] = ()
        self.folds: tuple[tuple[str, ...], ...] = ()
        self.fold_of: dict[str, int] = {}
        self.min_scores = 1
        self._restored = False

    def begin(self, nodes: Sequence[str], admitted: Sequence[str], slots: int, least: int) -> None:
        """Draw the panel; raise `ConfigError` where these nodes are too few for a choice that was made.

        Parameters
        ----------
        nodes : sequence of str
            Names of all nodes of the search.
        admitted : sequence of str
            Those that the panel is drawn from.
        slots : int
            Trials that train at the same time.
        least : int
            Nodes that the aggregation needs in a round.
        """
        if not self._restored:
            held_out = bool(self._scoring.num_held_out(len(admitted)))
            self.panel = self._scoring.panel_of(self._able(admitted, apart=held_out), self._seed)
            self.held_out = self.panel if held_out else ()
            self._set_folds(self._scoring.folds_of(admitted, self._seed))
            self.min_scores = self._scoring.least(self.panel)
        if admitted and not self.panel:
            raise ConfigError(
                f"A search needs scores, and none of {counted(len(admitted), 'node')} has validation examples",
                fix="Give the nodes more data, or lower dataset.gap or the fractions",
            )
        if len(self.panel) < self.min_scores:
            raise ConfigError(
                f"A score counts from scoring.min_nodes={counted(self.min_scores, 'node')}",
                len(self.panel),
                fix="Start more nodes or lower scoring.min_nodes"
                + ("; or hold out more, or nobody, by scoring.held_out" if self.held_out else ""),
            )
        trainers = [node for node in nodes if not self._lacks(node, "train")]
        for out in map(set, self.folds or (self.held_out,)):
            self._check_rest([node for node in trainers if node not in out], len(out), slots, least)

    def state_dict(self) -> dict[str, Any]:
        """Return the panel as JSON."""
        return {
            "panel": list(self.panel),
            "held_out": bool(self.held_out),
            "folds": [list(fold) for fold in self.folds],
            "min_scores": self.min_scores,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take the panel back: it is not drawn anew, whoever is there."""
        self.panel, self.min_scores, self._restored = tuple(state["panel"]), state["min_scores"], True
        self.held_out = self.panel if state["held_out"] else ()
        self._set_folds(state["folds"])

    @property
    def split(self) -> Split:
        """On which examples the panel scores."""
        return "all" if self.held_out or self.folds else self._scoring.split

    def judges(self, split: Split) -> tuple[str, ...]:
        """Return who of the panel has examples of a split."""
        return tuple(node for node in self.panel if not self._lacks(node, split))

    def least(self, split: Split) -> int:
        """Return of how many of the panel a score on a split counts."""
        judges = self.judges(split)
        return self.min_scores if len(judges) == len(self.panel) else self._scoring.least(judges)

    def trainers(
        self, trial: Trial, request: Request, nodes: Sequence[str], free: Collection[str], least: int
    ) -> Assignment:
        """Return who trains `trial` in the round of `request`.

        A chosen node that cannot hold the spec is left out. Where too few of those chosen can, the choice is made among
        those that can, for the trial would be lost to the draw.

        Parameters
        ----------
        trial : Trial
            What is to be held; one that is a `Member` is trained without its fold.
        request : Request
            For the placement.
        nodes, free : collections of str
            Names of those that are there; of those among them that can be sent something.
        least : int
            Fewer nodes will not do.

        Raises
        ------
        TooFewFree
            Too few are there, or free, for now.
        SearchError
            Too few can hold the spec.
        """
        out = set(self.folds[trial.fold] if isinstance(trial, Member) else self.held_out)
        candidates = [node for node in nodes if node not in out and not self._lacks(node, "train")]
        unable = self._unable(trial, candidates, least)
        request = self._told(request, trial, "train", candidates, unable, least)
        try:
            chosen = self._placement.select(request, candidates)
        except ConfigError as error:  # at the start there were enough
            raise TooFewFree(str(error)) from None
        if len(candidates) >= least > len(set(chosen) - set(unable)) and unable:
            try:
                chosen = self._placement.select(request, [node for node in candidates if node not in unable])
            except ConfigError as error:
                raise SearchError(f"Too few nodes can hold this spec ({str(error).rstrip('.')})") from None
            if len(chosen) < least:
                raise SearchError(_too_few(least, len(chosen), unable))
        return _assignment(chosen, unable, free, least)

    def scorers(
        self,
        trial: Trial,
        nodes: Collection[str],
        free: Collection[str],
        known: Collection[str] = (),
        request: Request | None = None,
        split: Split | None = None,
    ) -> Assignment:
        """Return who of the panel is there and did not give its score on a split yet, as those `known` did.

        With a `request` the placement says which of them are asked; without a `split` it is that of the panel. Errors
        as in `trainers`; nobody of the panel has such examples: `SearchError`, too.
        """
        judges = self.judges(split or self.split)
        if self.panel and not judges:
            raise SearchError(f"No node of the panel has {split or self.split} examples")
        there, least = set(nodes) - set(known), max(1, self.least(split or self.split) - len(known))
        left: Sequence[str] = [node for node in judges if node in there]
        unable = self._unable(trial, left, least)
        if request is not None:
            left = self._placement.judges(self._told(request, trial, split or self.split, left, unable, least), left)
        return _assignment(left, unable, free, least)

    def _told(
        self, request: Request, trial: Trial, split: Split, nodes: Sequence[str], unable: Collection[str], least: int
    ) -> Request:
        """Return the request with what is known of the nodes; where they are not told apart nothing is foreseen."""
        if self._pace is None:
            return replace(request, least=least, unable=unable)
        return replace(
            request,
            least=least,
            unable=unable,
            seconds={node: self._pace.seconds(node, trial, split) for node in nodes},
            deadline=self._pace.deadline,
            held_before=lambda node: self._held_before(node, trial.number),
        )

    def _able(self, nodes: Sequence[str], *, apart: bool) -> Sequence[str]:
        """Return who of some nodes can be of the panel: whoever scores a node's validation part must have one."""
        if apart or self._scoring.folds > 1 or self._scoring.split != "validation":
            return nodes
        return [node for node in nodes if not self._lacks(node, "validation")]

    def _set_folds(self, folds: Sequence[Sequence[str]]) -> None:
        self.folds = tuple(map(tuple, folds))
        self.fold_of = {node: index for index, fold in enumerate(folds) for node in fold}

    def _check_rest(self, trainers: Sequence[str], out: int, slots: int, least: int) -> None:
        """Raise `ConfigError` where those that are not held out, as `out` are, are too few."""
        try:
            for slot in range(slots):
                self._check_trainers(self._placement.select(Request(slot, slot, 1, 1), trainers), least)
        except ConfigError as error:
            if not out:
                raise
            way_out = "raise scoring.folds" if self.folds else "lower scoring.held_out"
            rule = f"{error.rule}, with {counted(out, 'node')} held out"
            raise ConfigError(rule, fix=f"{error.fix}; or {way_out}") from None

    @staticmethod
    def _check_trainers(chosen: Sequence[str], least: int) -> None:
        if len(chosen) < least:
            raise ConfigError(
                f"The aggregation needs {counted(least, 'node')} that train a trial in a round",
                len(chosen),
                fix="Start more nodes, raise placement.nodes_per_round, or choose aggregation=fedavg",
            )

    def _unable(self, trial: Trial, candidates: Sequence[str], least: int) -> dict[str, str]:
        """Return why some of the candidates cannot hold `trial`; raises `SearchError` where too few of them can."""
        unable = {node: reason for node in sorted(candidates) if (reason := self._excess(node, trial))}
        able = len(candidates) - len(unable)
        if able < least <= len(candidates):
            raise SearchError(_too_few(least, able, unable))
        return unable


def _too_few(least: int, able: int, unable: dict[str, str]) -> str:
    name, reason = next(iter(unable.items()))
    return f"A trial needs {counted(least, 'node')} that can hold its spec, but {able} can (of node {name!r}: {reason})"


def _assignment(chosen: Collection[str], unable: dict[str, str], free: Collection[str], least: int) -> Assignment:
    if len((set(chosen) & set(free)) - set(unable)) < least:
        raise TooFewFree(f"A trial needs {counted(least, 'free node')}")
    busy = {node: BUSY for node in sorted(chosen) if node not in free}
    return Assignment(tuple(sorted(chosen)), {**busy, **{n: why for n, why in unable.items() if n in chosen}})
