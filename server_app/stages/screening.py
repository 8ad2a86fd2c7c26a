"""Screening: of the candidates for a place the one is tried that scores best without training.

A rung below the first one, as M. S. Abdelfattah et al., "Zero-Cost Proxies for Lightweight NAS", ICLR 2021, pick what
a search trains. For each free place a controller proposes a pool of candidates; all of them go out together, one job
each, to the nodes of the panel, which score them on a mini-batch of their own (see `client_app.proxies`); and by the
mean over nodes the best of each pool are tried. The others were no trials: they have no number, and may come again.

What this costs is entered with the trial that comes of it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import asdict, astuple, dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from common.errors import ConfigError
from common.jobs import Work
from common.models.proxies import DATA_PASSES
from server_app.controllers.observations import Suggestion
from server_app.proxies import ProxyPhase, averaged
from server_app.stages.base import Active
from server_app.stages.rounds import TRIES
from server_app.trials import Ledger, Trial

if TYPE_CHECKING:
    from common.jobs import Split
    from common.metrics import Measured
    from server_app.fidelity.base import Proxy
    from server_app.journal import Journal
    from server_app.trials import Recipe


@dataclass(kw_only=True)
class Screening:
    """Candidates that are being scored, and the best ones, which wait to be tried.

    Parameters
    ----------
    proxy : Proxy
        Which score, how many candidates a place has, and how many of them are tried.
    recipe : Recipe
        With whose size of a mini-batch all are scored.
    min_examples : int
        A node scores on a mini-batch of so many examples at least; who has fewer is not asked.
    held : callable
        From a node's name and a split: how many such examples it has.
    journal : Journal
        Where events go.

    Attributes
    ----------
    ready : list of Suggestion
        What was picked and is not tried yet.
    ledger : Ledger
        What it took to pick them.
    """

    label: ClassVar[str] = "candidate"

    proxy: Proxy
    recipe: Recipe
    min_examples: int
    held: Callable[[str, Split], float]
    journal: Journal
    ready: list[Suggestion] = field(default_factory=list, init=False)
    ledger: Ledger = field(default_factory=Ledger, init=False)
    _under_way: list[Candidate] = field(default_factory=list, init=False)
    _begun: int = field(default=0, init=False)
    _silent: Counter[tuple[str, str]] = field(default_factory=Counter, init=False)

    def __post_init__(self) -> None:
        if self.recipe.batch_size < self.min_examples:
            raise ConfigError(
                f"With fidelity.proxy.score a mini-batch needs {self.min_examples} examples "
                "(preprocessing.min_examples)",
                self.recipe.batch_size,
                fix="Raise training.batch_size, or set fidelity.proxy.score=null",
            )

    # ------------------------------------------------------------ what the search asks

    @property
    def under_way(self) -> bool:
        """Whether candidates are being scored."""
        return bool(self._under_way)

    @property
    def asked(self) -> Iterator[Active]:
        """What nodes are asked for, or are going to be."""
        return (candidate.active for candidate in self._under_way)

    @property
    def parents(self) -> set[int]:
        """Trials that what is tried next may descend from."""
        suggestions = [*(candidate.suggestion for candidate in self._under_way), *self.ready]
        return {one.parent for one in suggestions if one.parent is not None}

    @property
    def ledgers(self) -> list[Ledger]:
        """All costs that no trial has yet."""
        return [self.ledger, *(active.trial.ledger for active in self.asked)]

    def passes(self, panel: Collection[str]) -> int:
        """Return how many examples go through the networks of one pool, at most, all nodes together."""
        return self.proxy.pool * DATA_PASSES * self.recipe.batch_size * len(self._able(panel))

    def take(self) -> Suggestion | None:
        """Return what is to be tried next; None where that is not known yet."""
        return self.ready.pop(0) if self.ready else None

    def charge(self, trial: Trial) -> None:
        """Enter with a trial what it took to pick it."""
        _add(trial.ledger, self.ledger)
        self.ledger = Ledger()

    def begin(self, suggestions: Sequence[Suggestion], macs: Callable[[Trial], int]) -> None:
        """Take in what a controller proposed, pool after pool; a pool that has no more than are tried needs no scores.

        Parameters
        ----------
        suggestions : sequence of Suggestion
            In the order in which they came.
        macs : callable
            Returns those of a spec, for one example.
        """
        for start in range(0, len(suggestions), self.proxy.pool):
            pool = suggestions[start : start + self.proxy.pool]
            if len(pool) <= self.proxy.keep:
                self.ready += pool
                continue
            for suggestion in pool:
                trial = Trial(self._begun, *suggestion.tried, origin=suggestion.origin)
                active = Active(trial, f"{self.label}-{self._begun:04d}", 0, macs(trial))
                self._under_way.append(Candidate(active, suggestion, start))
                self._begun += 1

    def start(self, panel: Collection[str], free: Collection[str], turn: int) -> bool:
        """Have all candidates scored that are not yet; return whether any node is free for that.

        Raises
        ------
        ConfigError
            Nobody in the panel has the examples that it takes.
        """
        waiting = [one.active for one in self._under_way if one.active.phase is None and not one.closed]
        if not waiting:
            return True
        if not (able := self._able(panel)):
            raise ConfigError(
                f"With fidelity.proxy.score a node of the panel needs {self.min_examples} training examples "
                "(preprocessing.min_examples)",
                len(panel),
                fix="Start nodes with more examples, or set fidelity.proxy.score=null",
            )
        there = [node for node in able if node in free]
        for active in waiting if there else ():
            work = Work("proxy", "train", 0, self.recipe)
            active.phase = ProxyPhase(work, there, turn, self.min_examples, active.scores)
        return bool(there)

    def left_out(self, active: Active, node: str, reason: str, *, undecided: bool) -> None:
        """Go on without the score of one node."""
        assert active.phase is not None
        active.phase.leave_out(node, reason, undecided=undecided)
        self.refused(node, reason)

    def refused(self, node: str, reason: str) -> None:
        """Note that a node gave no score; `settle` tells it, once for all candidates."""
        self._silent[node, reason] += 1

    def settle(self) -> tuple[bool, int]:
        """Close the scores that nobody owes any more; return whether there were any, and how many are asked for again.

        Once all are closed, the best of each pool are ready to be tried.
        """
        for (node, reason), number in sorted(self._silent.items()):
            self.journal.write("scoreless", node=node, specs=number, reason=reason)
        self._silent.clear()
        complete = [one for one in self._under_way if one.active.phase is not None and one.active.phase.complete]
        again = sum(not one.close() for one in complete)
        if self._under_way and all(one.closed for one in self._under_way):
            self._pick()
        return bool(complete), again

    def state_dict(self) -> dict[str, Any]:
        """Return all state as JSON; what is being scored is asked for again."""
        return {
            "ready": [suggestion.to_json() for suggestion in self.ready],
            "ledger": asdict(self.ledger),
            "under_way": [one.to_json() for one in self._under_way],
            "begun": self._begun,
        }

    def load_state_dict(self, state: dict[str, Any], macs: Callable[[Trial], int]) -> None:
        """Take back what `state_dict` returned; `macs` as in `begin`."""
        self.ready = [Suggestion.from_json(row) for row in state["ready"]]
        self.ledger, self._begun = Ledger(**state["ledger"]), state["begun"]
        self._under_way = [Candidate.from_json(row, macs) for row in state["under_way"]]

    # ------------------------------------------------------------ within

    def _able(self, panel: Collection[str]) -> list[str]:
        return sorted(node for node in panel if self.held(node, "train") >= self.min_examples)

    def _pick(self) -> None:
        for pool in sorted({one.pool for one in self._under_way}):
            rivals = [one for one in self._under_way if one.pool == pool]
            worth = [averaged(one.active.scores).get(self.proxy.score or "") for one in rivals]
            order = sorted(range(len(rivals)), key=lambda i: (worth[i] is None, -(worth[i] or 0.0), i))
            kept = order[: self.proxy.keep]
            self.ready += [rivals[i].suggestion for i in kept]
            self.journal.write(
                "screened",
                score=self.proxy.score,
                candidates=[[one.active.trial.spec.id, value] for one, value in zip(rivals, worth, strict=True)],
                kept=[rivals[i].active.trial.spec.id for i in kept],
                values=[worth[i] for i in kept],
            )
        for one in self._under_way:
            _add(self.ledger, one.active.trial.ledger)
        self._under_way = []


@dataclass
class Candidate:
    """One that is being scored: its job, the idea, its pool, and whether nobody is asked for it any more."""

    active: Active
    suggestion: Suggestion
    pool: int
    closed: bool = False

    def close(self) -> bool:
        """Keep what the nodes gave; return False where all were silent and are asked again."""
        phase, self.active.phase = self.active.phase, None
        assert isinstance(phase, ProxyPhase)
        self.active.tries += phase.asked
        again = phase.short and phase.undecided and phase.asked and self.active.tries < TRIES
        self.active.scores, self.closed = phase.scores, not again
        return self.closed

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        active = self.active
        return {
            **active.state_dict(),
            "suggestion": self.suggestion.to_json(),
            "ledger": asdict(active.trial.ledger),
            "pool": self.pool,
            "closed": self.closed,
        }

    @classmethod
    def from_json(cls, values: dict[str, Any], macs: Callable[[Trial], int]) -> Candidate:
        """Build from what `to_json` wrote."""
        suggestion, number = Suggestion.from_json(values["suggestion"]), values["number"]
        ledger = Ledger(**values["ledger"])
        trial = Trial(number, *suggestion.tried, origin=suggestion.origin, ledger=ledger)
        scores: dict[str, Measured] = {name: (pair[0], pair[1]) for name, pair in values["scores"].items()}
        name = f"{Screening.label}-{number:04d}"
        active = Active(trial, name, 0, macs(trial), tries=values["tries"], scores=scores)
        return cls(active, suggestion, values["pool"], values["closed"])


def _add(ledger: Ledger, more: Ledger) -> None:
    """Enter more costs in a ledger."""
    total = Ledger(*(one + other for one, other in zip(astuple(ledger), astuple(more), strict=True)))
    vars(ledger).update(vars(total))
