"""What the events of a run's journal say so far, for whoever shows it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from common.architecture.spec import ArchitectureSpec
from server_app.reporting.best import INFEASIBLE, why_lower, worth_at_rung
from server_app.reporting.lines import line_of
from server_app.reporting.words import clock, counted

SEARCH = "trial"
"""Label of the search."""
BEFORE = {"path": "warm-up", "mixed": "bilevel search"}
"""What the stages before it are called, by label; a run has one of them at most."""
STAGES = {"finalist": "finalists' training", "final": "final training"}
"""What the stages after it that train models are called, by label, in their order."""
PERSONAL = "personal"
"""Label of the last stage, in which nodes make models of their own."""


@dataclass
class Row:
    """One trial as the screen shows it."""

    architecture: str
    parameters: int = 0
    rung: int = 0
    rounds: int = 0
    values: dict[str, float] = field(default_factory=dict)
    state: str = "running"


@dataclass
class Board:
    """What the events say so far.

    Attributes
    ----------
    total, ended : int
        Trials of the search; those that have ended.
    budgeted : bool
        Whether a budget may end the search before `total`; how long that takes is not known then.
    rounds : int
        Rounds of all trials, those after the search included.
    final_rounds : int
        Rounds that each model trains after the search; 0 where that is not known.
    models : dict of str to int
        By label of a stage after the search how many train in it: as the run says at its start, then as they are.
    seeds : int
        With which each of these trains, but for the constant model.
    taken_over : int
        How many models of the final training were finalists, and do not train again.
    last_rung : int
        Rounds after which a trial is scored for the last time; 0 where that is not known.
    stage : str
        Label of the stage that is under way.
    warm_up : int
        Rounds of the stage before the search; 0 where there is none.
    began, search_began, stage_began : float, optional
        When the first stage did, the search, and a stage after it, by the run's clock; None before that.
    rounds_before : int
        Rounds of the stages before the one under way.
    best : dict, optional
        The last event that told the best trial.
    started : bool
        Whether the run has begun: from then on, until its search begins, it waits for nodes.
    away : bool
        Whether the run goes on, and its nodes have not been found yet.
    doing : str
        In a sentence without its full stop, what a run does that has no trials; empty of a search.
    """

    name: str = "search"
    nodes: set[str] = field(default_factory=set)
    total: int = 0
    budgeted: bool = False
    ended: int = 0
    rounds: int = 0
    final_rounds: int = 0
    models: dict[str, int] = field(default_factory=dict)
    seeds: int = 0
    taken_over: int = 0
    last_rung: int = 0
    stage: str = SEARCH
    warm_up: int = 0
    began: float | None = None
    search_began: float | None = None
    stage_began: float | None = None
    rounds_before: int = 0
    best: dict[str, Any] | None = None
    started: bool = False
    away: bool = False
    doing: str = ""
    trials: dict[str, Row] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def update(self, event: dict[str, Any]) -> None:
        """Take in one event."""
        handler = getattr(self, f"_on_{event['event']}", None)
        if handler is not None:
            handler(event)

    @property
    def warmed_up(self) -> int:
        """Rounds of the stage before the search, of which the last one may be under way."""
        return max((row.rounds for label in BEFORE for row in self.named(label).values()), default=0)

    def named(self, label: str) -> dict[str, Row]:
        """Return the trials of the stage with this label."""
        return {name: row for name, row in self.trials.items() if name.rpartition("-")[0] == label}

    def left(self, now: float) -> float | None:
        """Return about how many seconds are left of the search and what follows; None where nothing tells yet.

        A search takes as long for each trial to come as for those so far, of which one that is under way counts by its
        rounds. What follows takes as long for a round of a model as the search did for a round of a trial, and once a
        stage has rounds of its own, as these did; the linear and the constant model take next to nothing.

        Parameters
        ----------
        now : float
            By the run's clock.
        """
        if self.stage == PERSONAL:
            return None
        if self.stage_began is not None:
            return self._stage_left(now - self.stage_began)
        done = self._trials_done()
        if self.began is None or self.search_began is None or not done or self.budgeted:
            return None
        later = sum(map(self._lasting, STAGES)) * self.final_rounds
        final = (now - self.began) / self.rounds * later if self.rounds else 0.0
        return (now - self.search_began) / done * (self.total - done) + final

    def _trials_done(self) -> float:
        """Return how many trials of the search are done, those under way in part: by the rounds that others had."""
        trials = self.named(SEARCH).values()
        ended = [row.rounds for row in trials if row.state in ("finished", "stopped")]
        typical = sum(ended) / len(ended) if ended else self.last_rung
        begun = sum(min(1.0, row.rounds / typical) for row in trials if row.state == "running") if typical else 0.0
        return min(self.ended + begun, self.total)

    def _lasting(self, label: str) -> int:
        """Return how many models train in a stage to come that take long."""
        if label == "finalist" or not self.seeds:
            return self.models.get(label, 0)
        light = self.seeds + 1
        return max(0, self.models.get(label, 0) - light - self.seeds * self.taken_over)

    def _stage_left(self, elapsed: float) -> float | None:
        models = self.named(self.stage)
        later = self.final_rounds * sum(map(self._lasting, _after(self.stage)))
        to_come = sum(self.final_rounds - row.rounds for row in models.values() if row.state == "running")
        to_come += self.final_rounds * (self.models[self.stage] - len(models))
        done = self.rounds - self.rounds_before
        if done:
            return elapsed / done * (to_come + later)
        if not self.rounds or self.began is None or self.stage_began is None or not self.final_rounds:
            return None
        all_rounds = self.final_rounds * self._lasting(self.stage) + later
        return max(0.0, (self.stage_began - self.began) / self.rounds * all_rounds - elapsed)

    def status(self, now: float) -> str:
        """Return in one line what is being done, how far it is, the best so far, and the time left."""
        if self.stage in BEFORE:
            parts = [f"{BEFORE[self.stage]}, {self.warmed_up} of {counted(self.warm_up, 'round')}"]
        elif self.stage == SEARCH:
            training = sum(row.state == "running" for row in self.trials.values())
            of = "" if self.budgeted else f"{self.ended} of "
            parts = [f"{of}{counted(self.ended if self.budgeted else self.total, 'trial')} ended, {training} under way"]
        elif self.stage == PERSONAL:
            parts = [f"nodes' own models, on {counted(len(self.nodes), 'node')}"]
        else:
            running = [row.rounds for row in self.named(self.stage).values() if row.state == "running"]
            all_rounds = counted(self.final_rounds, "round")
            parts = [f"{STAGES[self.stage]}, {min(running, default=self.final_rounds)} of {all_rounds}"]
        if self.away:
            parts.append("looking for its nodes")
        if (best := self.best) is not None:
            broken = "" if best.get("feasible", True) else f", but {INFEASIBLE}"
            parts.append(f"best so far {best['trial']}: {worth_at_rung(best)}{broken}")
        left = self.left(now)
        parts += [] if left is None else [f"about {clock(left)} left"]
        return "; ".join(parts)

    def before(self, event: dict[str, Any]) -> str:
        """Return what a run had come to when it was interrupted, in one line; `event` is the first one after that."""
        if event["event"] == "start":
            return "Nothing was saved of the run yet, so it begins anew."
        if self.stage in BEFORE:
            rounds = f"{self.warmed_up} of {counted(self.warm_up, 'round')}"
            return f"---- gone on with after {rounds} of the {BEFORE[self.stage]} ----"
        trials = f"{self.ended} of {counted(self.total, 'trial')}"
        best = "" if self.best is None else f"; best so far: {worth_at_rung(self.best)}, {self.best['trial']}"
        called = {SEARCH: "", PERSONAL: ", as nodes made models of their own"}
        stage = called[self.stage] if self.stage in called else f", in the {STAGES[self.stage]}"
        return f"---- gone on with after {trials}{stage}{best} ----"

    def why_lower(self) -> str:
        """Return why the best so far scores lower than the best before it; empty where it does not."""
        return "" if self.best is None else why_lower(self.best)

    def _on_start(self, event: dict[str, Any]) -> None:
        self.name, self.started = event["name"], True
        self.models, self.seeds = dict(event.get("models", {})), event.get("seeds", 0)
        self.budgeted = bool(event.get("budget"))
        self.taken_over = event.get("taken_over", 0)

    def _on_node(self, event: dict[str, Any]) -> None:
        self.nodes.add(event["node"])

    def _on_search(self, event: dict[str, Any]) -> None:
        self.total, self.nodes, self.began = event["trials"], set(event["nodes"]), event["time"]
        self.final_rounds, self.last_rung = event.get("final_rounds", 0), max(event.get("rungs") or [0])
        if event.get("held_out"):
            self.taken_over = 0
        bilevel = event.get("bilevel")
        self.warm_up = bilevel["rounds"] if bilevel else event.get("warm_up", (0, 0))[0]
        before = "mixed" if bilevel else "path"
        self.stage, self.search_began = (before, None) if self.warm_up else (SEARCH, self.began)

    def _on_proxies(self, event: dict[str, Any]) -> None:
        self.doing = line_of(event) or ""

    def _on_budget(self, event: dict[str, Any]) -> None:
        self.total, self.budgeted = event["trials"], False

    def _on_resuming(self, event: dict[str, Any]) -> None:  # noqa: ARG002
        self.away = True

    def _on_resumed(self, event: dict[str, Any]) -> None:
        self.away = False
        self.nodes = self.nodes - set(event["missing"]) | set(event["new"])
        if event["missing"] or event["new"]:
            self._note(event)

    def _on_finalists(self, event: dict[str, Any]) -> None:
        self._enter("finalist", event)

    def _on_final(self, event: dict[str, Any]) -> None:
        self._enter("final", event)

    def _on_personal(self, event: dict[str, Any]) -> None:
        self.stage, self.doing = PERSONAL, line_of(event) or ""

    def _enter(self, label: str, event: dict[str, Any]) -> None:
        self.stage, self.stage_began, self.rounds_before = label, event["time"], self.rounds
        self.models[label] = event["trials"]
        self.final_rounds = event.get("rounds", self.final_rounds)

    def _on_proposed(self, event: dict[str, Any]) -> None:
        spec = ArchitectureSpec.from_dict(event["spec"])
        if self.stage in BEFORE and event["trial"].startswith(SEARCH):
            self.stage, self.search_began = SEARCH, event["time"]
        self.trials[event["trial"]] = Row(spec.describe(), event["parameters"])

    def _on_round(self, event: dict[str, Any]) -> None:
        self.rounds += 1
        trial, _, _ = event["trial"].partition(".")  # or a member of it
        self.trials[trial].rounds = event["round"]

    def _on_adopted(self, event: dict[str, Any]) -> None:
        self.trials[event["trial"]].rounds = event["rounds"]

    def _on_scored(self, event: dict[str, Any]) -> None:
        row = self.trials[event["trial"]]
        row.rung, row.values = event["rung"], event["values"]

    def _on_reverted(self, event: dict[str, Any]) -> None:
        self.trials[event["trial"]].values = event["values"]

    def _on_best(self, event: dict[str, Any]) -> None:
        self.best = event

    def _end(self, event: dict[str, Any]) -> None:
        self.trials[event["trial"]].state = event["event"]
        self.ended += event["trial"].startswith(SEARCH)
        if event["event"] == "failed" and self.best is not None and self.best["trial"] == event["trial"]:
            self.best = None  # if there is another one, that is the next to be told

    def _on_reopened(self, event: dict[str, Any]) -> None:
        self.trials[event["trial"]].state = "running"

    _on_finished = _on_stopped = _on_failed = _end

    def _note(self, event: dict[str, Any]) -> None:
        self.notes = [*self.notes, line_of(event) or ""][-3:]

    _on_anew = _on_node_refused = _on_refused = _on_absent = _on_retried = _on_journal_lost = _on_state_lost = _note
    _on_scoreless = _on_unable = _note
    _on_member_failed = _note


def _after(label: str) -> list[str]:
    labels = list(STAGES)
    return labels[labels.index(label) + 1 :]
