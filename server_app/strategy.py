"""FedNASStrategy: a Flower strategy that searches an architecture.

    handshake -> warm-up, where weights are shared, or a bilevel search -> search -> finalists
              -> final training of the winner and others -> test -> models of the nodes' own, where they are wanted

How messages go out and replies come in is the plan's; here is what the stages are, and how a run goes on that was
interrupted. The search ends when its controller does. `start` returns the packed weights of the architecture found; all
else is in `outcome`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from flwr.app import ArrayRecord
from flwr.serverapp import Grid
from flwr.serverapp.strategy import Result

from common.jobs import Weights
from common.limits import Limits
from common.tasks import Task
from common.wire.arrays import pack
from server_app.closing import Closing
from server_app.exchange import Exchange
from server_app.federation import Facts
from server_app.journal import Journal
from server_app.outcome import Counts, Outcome
from server_app.plan import Plan
from server_app.roster import Roster
from server_app.stages.base import Stage
from server_app.stages.bilevel import Bilevel
from server_app.stages.search import Search
from server_app.stages.warm_up import WarmUp
from server_app.waits import Waits

State = Mapping[str, Any]
SearchMaker = Callable[[Task, Mapping[str, Limits], Roster], Search]
WarmUpMaker = Callable[[Task, Search, Roster], WarmUp | None]
BilevelMaker = Callable[[Task, Search, Roster], Bilevel | None]


class FedNASStrategy(Plan):
    """Searches an architecture on the nodes of a grid.

    Parameters
    ----------
    make_search : callable
        Builds the search once the handshake has told the task and the nodes with their limits.
    closing : Closing, optional
        What follows the search; None ends with it.
    make_warm_up : callable
        Builds what trains the weights that the trials of a search share; returns None where they share none.
    make_bilevel : callable
        Builds what finds by gradients what a search tries; returns None where its controller finds that.
    facts : Facts
        What all messages of the run have in common.
    journal : Journal
        Where events go.
    stop : callable
        Returns why the search should stop, or None; asked while waiting.
    save : callable
        Takes what returns the state of the run, each time that something was decided, and may ask for it then.
    state : mapping, optional
        What `save` took last in a run that was interrupted, and that goes on from there.
    start_up : float
        Seconds that passed before, since the command was called.

    Attributes
    ----------
    outcome : Outcome, optional
        What was found; filled as the search goes, and kept where it ends early.
    """

    def __init__(
        self,
        make_search: SearchMaker,
        closing: Closing | None = None,
        make_warm_up: WarmUpMaker = lambda task, search, roster: None,  # noqa: ARG005
        make_bilevel: BilevelMaker = lambda task, search, roster: None,  # noqa: ARG005
        *,
        facts: Facts,
        journal: Journal,
        stop: Callable[[], str | None] = lambda: None,
        save: Callable[[Callable[[], dict[str, Any]]], None] = lambda _: None,
        state: State | None = None,
        start_up: float = 0.0,
    ) -> None:
        super().__init__(facts, journal, Counts() if state is None else Counts(**state["counts"]), stop)
        self._make_search = make_search
        self._make_warm_up = make_warm_up
        self._make_bilevel = make_bilevel
        self._closing = closing
        self._save = save
        self._state = state
        self._start_up = start_up
        self.outcome: Outcome | None = None

    # ------------------------------------------------------------ the run

    def _run(self, grid: Grid, exchange: Exchange) -> Result:
        outcome = self.outcome = self._begin(exchange)
        outcome.seconds["start_up"] = outcome.seconds.get("start_up", 0.0) + self._start_up
        search = outcome.search
        if (before := outcome.before) is not None:
            self._drive(before, grid, exchange, outcome.seconds)
            search.share_panel(before)
        if outcome.bilevel is not None:
            outcome.bilevel.hand_over(search.controller)
        self._drive(search, grid, exchange, outcome.seconds)
        winner = search.found()
        if self._closing is None:
            return _result(search.weights.weights(winner.number))
        for stage in self._closing.stages(outcome, self._desk.roster, self._journal):
            self._drive(stage, grid, exchange, outcome.seconds)
        assert outcome.final is not None
        shown = outcome.final.shown()
        return _result(None if shown is None else outcome.final.weights_of(shown.number))

    # ------------------------------------------------------------ how a run begins, or goes on

    def _begin(self, exchange: Exchange) -> Outcome:
        """Meet the nodes, agree on the task, and build what the run consists of, as far as that is known."""
        began, state = time.monotonic(), self._state
        roster = self._desk.roster
        if state is not None:
            roster.task = Task.from_dict(state["task"])
            task = self._desk.handshake.gather_again(exchange, state["met"], min_nodes=self._federation.min_nodes)
            return self._go_on(state, task, time.monotonic() - began)
        nodes = self._meet(exchange)
        assert roster.task is not None
        search = self._make_search(roster.task, nodes, roster)
        outcome = self._outcome(roster.task, nodes, search)
        outcome.seconds["handshake"] = time.monotonic() - began
        return outcome

    def _go_on(self, state: State, task: Task, seconds: float) -> Outcome:
        """Build what an interrupted run consisted of, and say which nodes are others now."""
        roster, nodes = self._desk.roster, {name: Limits.from_dict(row) for name, row in state["nodes"].items()}
        search = self._make_search(task, nodes, roster)
        search.load_state_dict(state["search"])
        outcome = self._outcome(task, nodes, search)
        outcome.seconds.update(state["seconds"])
        if outcome.before is not None:
            outcome.before.load_state_dict(state[outcome.before.name])
        outcome.seconds["handshake"] = outcome.seconds.get("handshake", 0.0) + seconds
        if self._closing is not None:
            self._closing.restore(outcome, state, roster)
        met = state["met"]
        missing = sorted(name for name in {*nodes, *met["admitted"]} if not roster.knows(name))
        new = sorted(roster.reports.keys() - met["register"]["admitted"])
        self._journal.write("resumed", trials=len(search.trials), missing=missing, new=new)
        if (last := outcome.final or outcome.finalists) is not None:
            last.reopen()
        return outcome

    def _outcome(self, task: Task, nodes: Mapping[str, Limits], search: Search) -> Outcome:
        """Return what a run consists of until its search is over."""
        told = task, search, self._desk.roster
        return Outcome(task, nodes, search, self._counts, self._make_warm_up(*told), self._make_bilevel(*told))

    def _state_dict(self) -> dict[str, Any]:
        assert self.outcome is not None
        return {**self.outcome.state_dict(), "met": self._desk.handshake.state_dict()}

    # ------------------------------------------------------------ one stage

    def _enter(self, stage: Stage, waits: Waits) -> None:
        assert self.outcome is not None
        if stage is (self.outcome.before or self.outcome.search) and self._state is None:
            self._begin_search(waits)
        elif not stage.done:
            waits.for_stage()
            if stage is not self.outcome.search:
                self._save(self._state_dict)  # its panel stays, whoever comes

    def _decided(self) -> None:
        if self.outcome is not None:
            self._save(self._state_dict)

    def _begin_search(self, waits: Waits) -> None:
        """Begin the search and tell of what and of whom it is, also where it lacks nodes: more may come at a resume."""
        try:
            waits.for_stage()
        finally:
            assert self.outcome is not None
            if self.outcome.before is not None:
                self.outcome.search.share_panel(self.outcome.before)
            facts = self.outcome.facts()
            if self._closing is not None:
                facts["final_rounds"] = self._closing.rounds(self.outcome.task, self._desk.roster)
            self._journal.write("search", **facts)


def _result(weights: Weights | None) -> Result:
    return Result(arrays=ArrayRecord() if weights is None else ArrayRecord({"weights": pack(weights)}))
