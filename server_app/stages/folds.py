"""Stages whose trials may train several times, each time without another fold of the nodes, which scores it then.

A trial has a member for each fold. All go on for themselves, in the one place that the trial has, so their jobs share
messages; once all have trained up to the trial's rung it is scored as a whole: each node of the panel scores the member
that never saw it. A member whose training failed is left behind, and its fold with it: the trial goes on as long as a
score can still come from enough nodes.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from common.errors import SearchError
from server_app.assignment import Assignment, TooFewFree
from server_app.members import Member, MemberWeights
from server_app.stages.base import Active
from server_app.stages.rounds import Rounds
from server_app.trials import Trial, TrialState


@dataclass(kw_only=True)
class Folded(Rounds):
    """Trials under way and ended, with their members where `scoring` has folds."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.scoring.folds > 1:
            self.weights = MemberWeights(self.weights, self.scoring.folds)

    @property
    def folds(self) -> tuple[tuple[str, ...], ...]:
        """Which nodes each member trains without; empty where a trial trains once."""
        return self._assigner.folds

    def state_dict(self) -> dict[str, Any]:
        """Return all state as JSON, but for what is under way; it is asked again."""
        members = {str(number): [_row(member) for member in a.members] for number, a in self._active.items()}
        return {**super().state_dict(), "members": {number: rows for number, rows in members.items() if rows}}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take back what `state_dict` returned."""
        super().load_state_dict(state)
        for number, rows in state["members"].items():
            active = self._active[int(number)]
            active.members = self._members(active)
            for member, row in zip(active.members, rows, strict=True):
                _restore(member, row)
        self._open |= {active.turn for active in self._under_way() if active.turn}

    def settle(self) -> bool:
        """Settle all phases, then fail the trials that lost too many members, once no other one is under way.

        Who works for another one meanwhile did nothing wrong, so that is taken.
        """
        settled = super().settle()
        for active in list(self._active.values()):
            failed = self._lost_to(active)
            if failed and not any(member.phase for member in active.members):
                reason = f"{failed[-1].name}: {failed[-1].trial.failure}"
                super()._fail(active, reason, unheard=all(member.trial.unheard for member in failed))
                settled = True
        self._close_turns()
        return settled

    # ------------------------------------------------------------ starting

    def _enter(self, trial: Trial, target: int) -> Active:
        active = super()._enter(trial, target)
        active.members = self._members(active)
        return active

    def _members(self, whole: Active) -> list[Active]:
        return [
            Active(Member.without(fold, whole.trial), f"{whole.name}.{fold}", 0, whole.macs)
            for fold in range(len(self.folds))
        ]

    def _start_phases(self, nodes: Sequence[str], free: Collection[str]) -> None:
        for active in self._active.values():
            for member in active.members:
                member.slot, member.target = active.slot, active.target
        super()._start_phases(nodes, free)

    def _ready(self, active: Active) -> bool:
        """Return whether a next phase may start: a member only trains, and a trial that has members is only scored."""
        behind, trained = active.trial.rounds < active.target, not active.members
        if isinstance(active.trial, Member):
            over = _failed(active) or self._lost_to(self._active[active.trial.number])
            return super()._ready(active) and behind and not over
        return super()._ready(active) and (trained or not behind)

    def _scorers(self, active: Active, nodes: Sequence[str], free: Collection[str]) -> Assignment:
        chosen, lost = super()._scorers(active, nodes, free), self._lost(active)
        if not lost:
            return chosen
        try:
            return super()._scorers(active, [node for node in nodes if node not in lost], free)
        except TooFewFree as shortage:  # without the loss there would be enough
            member = next(member for member in active.members if _failed(member))
            raise SearchError(f"{shortage}, and {member.name} failed: {member.trial.failure}") from None

    # ------------------------------------------------------------ what follows

    def _whose(self, active: Active, node: str) -> Active:
        """Return the member that `node` trains, or that it never trained and so scores."""
        return active.members[self._assigner.fold_of[node]] if active.members else active

    def _trained(self, active: Active) -> None:
        if isinstance(active.trial, Member):
            self._catch_up(self._active[active.trial.number])

    def _fail(self, active: Active, reason: str, *, unheard: bool = False) -> None:
        """Leave a member behind; where the others' folds are too few for a score, `settle` fails its trial."""
        member = active.trial
        if not isinstance(member, Member):
            super()._fail(active, reason, unheard=unheard)
            return
        member.state, member.failure, member.unheard = TrialState.FAILED, reason, unheard
        whole = self._active[member.number]
        if not self._lost_to(whole):
            self.journal.write("member_failed", trial=active.name, reason=reason)
            self._catch_up(whole)

    def _catch_up(self, active: Active) -> None:
        """Let a trial be as far as the last of its members; then comes its next round, or its score."""
        live = [member.trial.rounds for member in active.members if not _failed(member)]
        active.trial.rounds = min(live, default=active.trial.rounds)

    def _lost_to(self, active: Active) -> list[Active]:
        """Return the members that failed, where the folds of the others are too few for a score; else none."""
        few = len(self.panel) - len(self._lost(active)) < self._assigner.min_scores
        return [member for member in active.members if few and _failed(member)]

    def _lost(self, active: Active) -> set[str]:
        """Return the nodes that cannot score a trial, since the member that they would score failed."""
        folds = zip(active.members, self.folds, strict=True) if active.members else ()
        return {node for member, fold in folds if _failed(member) for node in fold}


def _failed(member: Active) -> bool:
    return member.trial.state is TrialState.FAILED


def _row(member: Active) -> dict[str, Any]:
    """Return a member as JSON; its phase is asked again."""
    trial = member.trial
    return {
        "state": str(trial.state),
        "rounds": trial.rounds,
        "failure": trial.failure,
        "unheard": trial.unheard,
        "turn": member.turn,
        "tries": member.tries,
    }


def _restore(member: Active, row: dict[str, Any]) -> None:
    """Take back what `_row` returned."""
    trial = member.trial
    trial.rounds, trial.failure, trial.unheard = row["rounds"], row["failure"], row["unheard"]
    trial.state = TrialState(row["state"])
    member.turn, member.tries = row["turn"], row["tries"]
