"""What a run has found and cost so far."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from common.limits import Limits, tightest
from common.tasks import Task
from server_app.stages.bilevel import Bilevel
from server_app.stages.final import Final
from server_app.stages.finalists import Finalists
from server_app.stages.personal import Personal
from server_app.stages.search import Search
from server_app.stages.warm_up import WarmUp
from server_app.trial_events import NAMED
from server_app.trials import Trial


@dataclass
class Counts:
    """What the run has cost so far; bytes are those of the weights."""

    exchanges: int = 0
    messages: int = 0
    bytes_down: int = 0
    bytes_up: int = 0


@dataclass
class Outcome:
    """All that a run found so far.

    Parameters
    ----------
    task : Task
        Agreed in the handshake.
    nodes : dict of str to Limits
        Who was admitted at the start, with the limits that every proposal keeps; or those of most of them, where the
        placement tells nodes apart.
    search : Search
        The search; `search.ranking` is its history.
    counts : Counts
        Messages and bytes.
    warm_up : WarmUp, optional
        What trains before the search the weights that its trials share; none where they share nothing.
    bilevel : Bilevel, optional
        What finds before the search the networks that it tries; none where the controller finds them.
    finalists : Finalists, optional
        The training of the best again, once it began; none where there was nothing to choose.
    final : Final, optional
        The final training, whose metrics are of the test split; `Final.runs` are its trials by role.
    personal : Personal, optional
        What follows the final training where nodes make models of their own of the winner.
    seconds : dict of str to float
        ``start_up``, ``handshake``, ``warm_up``, ``bilevel``, ``search``, ``finalists``, ``final`` and ``personal``, of
        all processes of the run.
    """

    task: Task
    nodes: Mapping[str, Limits]
    search: Search
    counts: Counts
    warm_up: WarmUp | None = None
    bilevel: Bilevel | None = None
    finalists: Finalists | None = None
    final: Final | None = None
    personal: Personal | None = None
    seconds: dict[str, float] = field(default_factory=dict)

    @property
    def before(self) -> WarmUp | Bilevel | None:
        """The stage before the search; at most one there is, since a network of all options shares no weights."""
        return self.bilevel if self.warm_up is None else self.warm_up

    @property
    def limits(self) -> Limits:
        """The tightest of those admitted at the start."""
        return tightest(self.nodes.values())

    @property
    def winner(self) -> Trial | None:
        """The trial of the search that won: the finalist that was chosen, or until one is, the best of the search."""
        chosen = None if self.finalists is None else self.finalists.winner
        if chosen is None:
            return self.search.winner
        return next(trial for trial in self.search.ranking if trial.identity == chosen)

    def facts(self) -> dict[str, Any]:
        """Return what the journal tells of the search as it begins."""
        search = self.search
        return {
            "nodes": list(self.nodes),
            "trials": search.controller.max_trials,
            "rungs": search.fidelity.rungs,
            "left_out": dict(search.left_out),
            "held_out": len(search.held_out),
            **({"unscored": unscored} if (unscored := sum(search.lacks(n, "validation") for n in self.nodes)) else {}),
            **({"warm_up": [self.warm_up.rounds, self.warm_up.paths.count]} if self.warm_up else {}),
            **({"bilevel": self._mixed()} if self.bilevel else {}),
            **({"folds": len(search.folds)} if search.folds else {}),
            "panel": list(search.panel[:NAMED]),
            **self.task.head.facts(),
            "limits": self.limits.to_dict(),
        }

    def _mixed(self) -> dict[str, int]:
        """Return what the journal tells of the network of all options."""
        assert self.bilevel is not None
        stage = self.bilevel
        cost = stage.space.cost(stage.spec)
        return {"rounds": stage.all_rounds, "parameters": cost.parameters, "places": len(stage.spec.choices)}

    def state_dict(self) -> dict[str, Any]:
        """Return all of it as JSON; its arrays are in the stores of the stages."""
        return {
            "task": self.task.to_dict(),
            "nodes": {name: limits.to_dict() for name, limits in self.nodes.items()},
            "counts": asdict(self.counts),
            "seconds": dict(self.seconds),
            "search": self.search.state_dict(),
            "warm_up": None if self.warm_up is None else self.warm_up.state_dict(),
            "bilevel": None if self.bilevel is None else self.bilevel.state_dict(),
            "finalists": None if self.finalists is None else self.finalists.state_dict(),
            "final": None if self.final is None else self.final.state_dict(),
            "personal": None if self.personal is None else self.personal.state_dict(),
        }
