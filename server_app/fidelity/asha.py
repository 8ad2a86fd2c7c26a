"""ASHA: successive halving that waits for nobody.

L. Li, K. Jamieson, A. Rostamizadeh, E. Gonina, J. Ben-tzur, M. Hardt, B. Recht and A. Talwalkar, "A System for
Massively Parallel Hyperparameter Tuning", MLSys 2020, algorithm 2. There are no brackets: whenever a place is free, the
best trial of the highest rung trains on that is among the best ``1 / eta`` of those that completed this rung so far;
where there is none, a new trial begins. Who was promoted stays so, though others may turn out to be better.

Where we depart: a search has an end. Once there will be no further trial, those that wait end as soon as nothing that
may still come would promote them; and where a rung would then promote nobody, for want of `eta` trials, its best goes
on, or a short search would end without a trial at the top. Of equal scores the lower loss and then the lower number is
first. What is decided depends on what has come so far, and so on the order of the reports. But nobody is promoted
before a place is given away, so with ``order=rounds`` the order of those within a round plays no part.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

from common.errors import ConfigError
from server_app.fidelity.base import Climb, Ending, Promotion
from server_app.fidelity.ladder import Geometric
from server_app.fidelity.scoreboard import Scoreboard
from server_app.trials import Trial, TrialState


@dataclass
class Rung:
    """Who is where on one rung.

    Parameters
    ----------
    under_way, waiting : list of int
        Trials that train for it; those that completed it, and neither were promoted nor have ended.
    board : Scoreboard
        Of all that completed it, whatever became of them.
    """

    under_way: list[int] = field(default_factory=list)
    waiting: list[int] = field(default_factory=list)
    board: Scoreboard = field(default_factory=Scoreboard)

    @property
    def completed(self) -> int:
        """How many completed it."""
        return len(self.board.scores)

    def best(self, places: int) -> list[int]:
        """Return those of the best so many that wait, best first."""
        order = self.board.order(self.board.numbers) if self.waiting and places > 0 else []
        return [number for number in order[:places] if number in self.waiting]

    def ahead(self, coming: int, eta: int) -> tuple[int, int]:
        """Return how many will have completed it, if so many come from below, and how many of these may yet go on.

        Of the places some are taken for good: by trials that went on and stay among the best, whoever comes.
        """
        coming += len(self.under_way)
        places = _places(self.completed + coming, eta, least=True)
        sure = max(0, min(places - coming, self.completed))
        taken = sure - len(self.best(sure))
        return self.completed + coming, min(places - taken, coming + len(self.waiting))

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {"under_way": list(self.under_way), "waiting": list(self.waiting), "board": self.board.to_json()}

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Rung:
        """Build from what `to_json` wrote."""
        return cls(**{**values, "board": Scoreboard.from_json(values["board"])})


class Asha(Geometric):
    """Promote whoever is among the best ``1 / eta`` of a rung as it is, the highest rung first."""

    @dataclass(frozen=True)
    class Options(Geometric.Options):
        """As of `Geometric`."""

    def __init__(self, options: Any = None, steps_per_round: float | None = None) -> None:
        super().__init__(options, steps_per_round)
        self._ladder = [Rung() for _ in self._rungs]
        self._closed = False

    def start(self, trial: Trial) -> int:
        """Take in a trial at the lowest rung; return its rounds."""
        if any(trial.number in (*rung.under_way, *rung.board.scores) for rung in self._ladder):
            raise ConfigError("A trial starts once", trial.number, fix="Report a bug")
        self._closed = False
        self._ladder[0].under_way.append(trial.number)
        return self._rungs[0]

    def report(self, trial: Trial) -> list[Ending]:
        """Take in a score or a failure; whoever completed the top rung finishes, the others wait."""
        index = next((i for i, rung in enumerate(self._ladder) if trial.number in rung.under_way), None)
        if index is None:
            raise ConfigError("Only a trial that trains reports", trial.number, fix="Report a bug")
        rung, finished = self._ladder[index], []
        if trial.state is not TrialState.FAILED:
            rung.board.take(trial)
            if index < len(self._ladder) - 1:
                rung.waiting.append(trial.number)
            else:
                finished.append(Ending(trial.number, "finish"))
        rung.under_way.remove(trial.number)
        return [*finished, *self._give_up()]

    def next(self) -> Promotion | None:
        """Return the best that waits on the highest rung from which anybody may go on."""
        ahead = self._ahead()
        for index in reversed(range(len(self._ladder) - 1)):
            rung = self._ladder[index]
            last = self._closed and ahead[index][0] == rung.completed  # nobody comes here any more
            for number in rung.best(_places(rung.completed, self.options.eta, least=last)):
                rung.waiting.remove(number)
                self._ladder[index + 1].under_way.append(number)
                return Promotion(number, self._rungs[index + 1])
        return None

    def climbs(self, number: int) -> list[Climb]:
        """Return of each rung how many may go on from it in the end, if all that may still come to it do."""
        found, climbing = [], [number]
        for index, (_, places) in enumerate(self._ahead(new=1)[:-1]):
            rung = self._ladder[index]
            climbing = [*climbing, *rung.under_way, *rung.waiting]
            if places:
                found.append(Climb(tuple(sorted(climbing)), places, self._rungs[index], self._rungs[index + 1]))
        return found

    def decline(self, promotion: Promotion) -> list[Ending]:
        """Let the trial end; its place in the rung is taken, and nobody has it instead."""
        self._ladder[self._rungs.index(promotion.rounds)].under_way.remove(promotion.trial)
        return [Ending(promotion.trial, "stop"), *self._give_up()]

    def close(self) -> list[Ending]:
        """Let end who waits and cannot be promoted any more, from now on."""
        self._closed = True
        return self._give_up()

    def state_dict(self) -> dict[str, Any]:
        """Return who is where on each rung."""
        ladder = [rung.to_json() for rung in self._ladder]
        return {**super().state_dict(), "ladder": ladder, "closed": self._closed}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take back what `state_dict` returned."""
        super().load_state_dict(state)
        self._ladder = [Rung.from_json(row) for row in state["ladder"]]
        self._closed = state["closed"]

    def _ahead(self, new: int = 0) -> list[tuple[int, int]]:
        """Return `Rung.ahead` of each rung, if so many new trials start and all that may go on do."""
        found, coming = [], new
        for rung in self._ladder:
            completed, coming = rung.ahead(coming, self.options.eta)
            found.append((completed, coming))
        return found

    def _give_up(self) -> list[Ending]:
        """Return who waits and will not be among the best of its rung, once no trial starts any more."""
        endings: list[Ending] = []
        for rung, (most, _) in zip(self._ladder, self._ahead(), strict=True) if self._closed else ():
            hope: Collection[int] = rung.best(_places(most, self.options.eta, least=True))
            endings += [Ending(number, "stop") for number in rung.waiting if number not in hope]
            rung.waiting = [number for number in rung.waiting if number in hope]
        return endings


def _places(completed: int, eta: int, *, least: bool) -> int:
    """Return how many of those that completed a rung are the best ``1 / eta``, with `least` one where there is any."""
    return max(completed // eta, int(least and completed > 0))
