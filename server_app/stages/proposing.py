"""Stages whose trials a controller proposes: what is tried next, as far as a budget pays for it.

Where there is a screening, trials are picked from among candidates, which nodes score beside the trials under way.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from common.jobs import NO_ARRAYS
from server_app.budget import Shortage, Spent, too_little
from server_app.stages.base import Active
from server_app.stages.folds import Folded
from server_app.trials import Trial

if TYPE_CHECKING:
    from common.architecture.cost import Cost
    from common.jobs import Arrays, Job, WorkKind
    from server_app.controllers.base import Controller, Suggestion
    from server_app.fidelity.base import Fidelity
    from server_app.stages.screening import Screening
    from server_app.trials import Proposal

_OTHERS = 20
"""Proposals in a row that cannot be paid before a budget counts as spent; a space holds dear and cheap ones."""


@dataclass(kw_only=True)
class Proposing(Folded):
    """Trials under way and ended, with the candidates that are being scored.

    Parameters
    ----------
    controller, fidelity : Controller, Fidelity
        Which trials there are, and how long each trains.
    shortage : callable
        From the stage, a trial and the rounds of its next rung: what the budget lacks for that; None where it is paid.
    screening : Screening, optional
        Picks who trains; None: whoever is proposed does.
    others
        As in `Folded`.
    """

    controller: Controller
    fidelity: Fidelity
    shortage: Callable[[Any, Trial, int], Shortage | None] = lambda *_: None
    screening: Screening | None = None
    _spent: bool = field(default=False, init=False)
    _missed: int = field(default=-1, init=False)

    @property
    def spent(self) -> Spent:
        """What all of it has cost so far, but for the clock."""
        extra = [] if self.screening is None else self.screening.ledgers
        return Spent.of(self.trials) + Spent.of_ledgers(extra)

    @property
    def passes_of_pool(self) -> int:
        """How many examples go through the networks of which one is picked, at most."""
        return 0 if self.screening is None else self.screening.passes(self.panel)

    def settle(self) -> bool:
        """Settle the trials, then the candidates; see `Stage.settle`."""
        settled = super().settle()
        if self.screening is None:
            return settled
        closed, again = self.screening.settle()
        self.retries += again
        return settled or closed

    def state_dict(self) -> dict[str, Any]:
        """Return all state as JSON, but for what is under way; it is asked again."""
        screening = None if self.screening is None else self.screening.state_dict()
        return {
            **super().state_dict(),
            "controller": self.controller.state_dict(),
            "screening": screening,
            "spent": self._spent,
            "missed": self._missed,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take back what `state_dict` returned."""
        super().load_state_dict(state)
        self.controller.load_state_dict(state["controller"])
        self._spent, self._missed = state["spent"], state["missed"]
        if self.screening is not None:
            self.screening.load_state_dict(state["screening"], self._macs_of)

    # ------------------------------------------------------------ what is tried next

    @property
    def _all_proposed(self) -> bool:
        return self._spent or self.controller.done

    @property
    def _learnt(self) -> int:
        """A number that changes whenever a trial was scored or has ended: then less may be to be reserved."""
        return sum(len(trial.scores) + trial.state.ended for trial in self.trials)

    @property
    def _too_little(self) -> bool:
        """Whether nothing can be paid, or nothing could be when as much was known as now."""
        return self._spent or self._missed == self._learnt

    def _reconsider(self) -> None:
        """Let what was put off be proposed again, once it may be payable."""
        if not self._too_little:
            self.controller.reconsider()

    def _proposed(self) -> Active | None:
        """Start what the controller proposes; what cannot be paid it puts off, and proposes something else."""
        unpaid: list[Shortage] = []
        while len(unpaid) < _OTHERS and not self._too_little and (proposal := self._proposal()):
            trial = Trial.of(proposal)
            if (shortage := self.shortage(self, trial, self.fidelity.first)) is None:
                if self.screening is not None:
                    self.screening.charge(trial)
                return self._enter(trial, self.fidelity.start(trial))
            self.controller.put_off(proposal)
            unpaid.append(shortage)
        self._miss(unpaid)
        return None

    def _proposal(self) -> Proposal | None:
        """Return what is tried next: what the controller proposes, or what was picked from that."""
        if self.screening is None or self.controller.at_start:
            return next(iter(self.controller.propose(1)), None)
        picked = None if self.controller.done else self.screening.take()
        return None if picked is None else self.controller.adopt(picked)

    def _screen(self, places: int) -> bool:
        """Take candidates for so many places; return whether something can be tried before any of them was scored.

        What cannot be paid is none; it is put off, so that something else comes.
        """
        screening = self.screening
        if screening is None or screening.under_way or screening.ready:
            return False
        if self._all_proposed or self._too_little or self.controller.at_start:
            return False
        places = min(places, self.controller.max_trials - len(self.trials))
        wanted = -(-places // screening.proxy.keep) * screening.proxy.pool
        unpaid: list[Shortage] = []
        while len(unpaid) < _OTHERS and (found := self.controller.candidates(wanted)):
            if paid := [one for one in found if self._paid(one, unpaid)]:
                screening.begin(paid, self._macs_of)
                return bool(screening.ready)
        self._miss(unpaid)
        return False

    def _paid(self, one: Suggestion, unpaid: list[Shortage]) -> bool:
        """Return whether a candidate could be paid; what lacks for another one is noted, and it is put off."""
        trial = Trial(len(self.trials), *one.tried, origin=one.origin, parent=one.parent, repeats=one.repeats)
        if (shortage := self.shortage(self, trial, self.fidelity.first)) is None:
            return True
        self.controller.put_off(self.controller.adopt(one))
        unpaid.append(shortage)
        return False

    def _miss(self, unpaid: Sequence[Shortage]) -> None:
        """Propose nothing more where nothing can be paid; raise `ConfigError` where nothing ever was.

        While others are under way, their results may show that less is to be reserved.
        """
        if unpaid:
            self._missed = self._learnt
        if not unpaid or self._active or self._screens:
            return
        self._spent, least = True, min(unpaid, key=lambda one: one.part)
        if not self.trials:
            raise too_little(least)
        self.journal.write("budget", trials=len(self.trials), **asdict(least))

    def _macs_of(self, trial: Trial) -> int:
        return self._cost(trial).macs

    def _cost(self, trial: Trial) -> Cost:
        return self.controller.space.cost(trial.spec)

    def _rung(self, trial: Trial) -> int:
        return self.fidelity.rung_of(trial.rounds)

    # ------------------------------------------------------------ candidates

    @property
    def _screens(self) -> bool:
        """Whether candidates are being scored."""
        return self.screening is not None and self.screening.under_way

    def _start_screening(self, free: Collection[str]) -> None:
        """Have the candidates scored by those of the panel that are there."""
        if self.screening is None:
            return
        if not self.screening.start(self.panel, free, self._turn):
            self.blocked = self.blocked or "A zero-cost score needs 1 free node of the panel"
        self._leave_out_absent(free)

    def _asking(self) -> Iterator[Active]:
        yield from super()._asking()
        if self.screening is not None:
            yield from self.screening.asked

    def _lend(self, trial: Trial, kind: WorkKind) -> Arrays:
        return NO_ARRAYS if kind == "proxy" else super()._lend(trial, kind)

    def _absent(self, active: Active, node: str, reason: str, *, undecided: bool = False) -> None:
        if self.screening is not None and active.phase is not None and active.phase.work.kind == "proxy":
            self.screening.left_out(active, node, reason, undecided=undecided)
        else:
            super()._absent(active, node, reason, undecided=undecided)

    def _refused(self, node: str, job: Job, reason: str) -> None:
        if self.screening is not None and job.work.kind == "proxy":
            self.screening.refused(node, reason)
        else:
            super()._refused(node, job, reason)
