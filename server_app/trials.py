"""Proposals and trials: what controllers, fidelities and the history share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from enum import StrEnum
from typing import Any

from common.architecture.spec import ArchitectureSpec
from common.settings import TrainingSettings
from server_app.ranking import Entry, entries, leaders, order
from server_app.scores import Score

Recipe = TrainingSettings
"""How a trial trains: with the spec, what it is a trial of."""

Identity = tuple[ArchitectureSpec, Recipe]
"""What a trial tries; two trials of one identity differ by chance only."""


@dataclass(frozen=True)
class Proposal:
    """One spec, with its recipe, that a controller wants to see tried.

    Parameters
    ----------
    number : int
        Number of the trial that it becomes, from 0.
    spec : ArchitectureSpec
        Legal in the controller's space.
    recipe : Recipe
        How it is trained.
    origin : str
        How it came about: ``given``, ``sample``, ``mutation``, ``crossover`` ...
    parent : int, optional
        Number of the trial that it descends from.
    repeats : int, optional
        Number of the trial that it repeats on purpose.
    """

    number: int
    spec: ArchitectureSpec
    recipe: Recipe
    origin: str
    parent: int | None = None
    repeats: int | None = None


class TrialState(StrEnum):
    """Where a trial stands."""

    RUNNING = "running"
    WAITING = "waiting"
    FINISHED = "finished"
    STOPPED = "stopped"
    FAILED = "failed"

    @property
    def ended(self) -> bool:
        """Whether nothing more will come of the trial."""
        return self in (TrialState.FINISHED, TrialState.STOPPED, TrialState.FAILED)


@dataclass
class Ledger:
    """What a trial has cost so far: see `server_app.budget`, where the currencies are told."""

    bytes_down: int = 0
    bytes_up: int = 0
    node_seconds: float = 0.0
    mac_examples: int = 0


@dataclass
class Trial:
    """One spec under evaluation.

    Parameters
    ----------
    number, spec, recipe, origin, parent, repeats
        As in its `Proposal`.
    state : TrialState
        Changed by its stage only.
    rounds : int
        Rounds trained.
    scores : list of Score
        One a completed rung, the last one last; none before the first, and for ever in a trial that failed before it.
    failure : str
        Why the trial failed.
    unheard : bool
        It failed because nodes were silent, which says nothing of its spec.
    """

    number: int
    spec: ArchitectureSpec
    recipe: Recipe = field(default_factory=Recipe)
    origin: str = "given"
    parent: int | None = None
    repeats: int | None = None
    state: TrialState = TrialState.RUNNING
    rounds: int = 0
    scores: list[Score] = field(default_factory=list)
    ledger: Ledger = field(default_factory=Ledger)
    failure: str = ""
    unheard: bool = False

    @classmethod
    def of(cls, proposal: Proposal) -> Trial:
        """Return the trial that a proposal becomes."""
        return cls(**{item.name: getattr(proposal, item.name) for item in fields(proposal)})

    @property
    def identity(self) -> Identity:
        """What it is a trial of."""
        return self.spec, self.recipe

    @property
    def last(self) -> Score | None:
        """The score of the last completed rung."""
        return self.scores[-1] if self.scores else None

    @property
    def rung(self) -> int:
        """The last rung completed, from 1; 0 before the first score."""
        return self.scores[-1].rung if self.scores else 0

    @property
    def score(self) -> float | None:
        """What ranks it; see `Score.value`."""
        return self.scores[-1].value if self.scores else None

    @property
    def metrics(self) -> Mapping[str, float]:
        """The panel's table at the last completed rung."""
        return self.scores[-1].metrics if self.scores else {}

    @property
    def ranks(self) -> bool:
        """Whether the trial has a score that counts; a failed one has none, whatever it scored before it failed."""
        return bool(self.scores) and self.state is not TrialState.FAILED

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values for the history, for people."""
        last = self.last
        return {
            "number": self.number,
            "spec_id": self.spec.id,
            "spec": self.spec.to_dict(),
            "recipe": self.recipe.to_json(),
            "origin": self.origin,
            "parent": self.parent,
            "repeats": self.repeats,
            "state": str(self.state),
            "rung": self.rung,
            "rounds": self.rounds,
            "score": self.score,
            "tie": last.tie if last else None,
            "values": dict(last.values) if last else {},
            "feasible": last.feasible if last else None,
            "metrics": dict(self.metrics),
            "by_node": {name: list(pair) for name, pair in sorted(last.comparable.items()) if name} if last else {},
            "scores": [{"rung": s.rung, "rounds": s.rounds, "score": s.value} for s in self.scores],
            "bytes_down": self.ledger.bytes_down,
            "bytes_up": self.ledger.bytes_up,
            "mac_examples": self.ledger.mac_examples,
            "failure": self.failure,
        }

    def state_dict(self) -> dict[str, Any]:
        """Return all of it as JSON."""
        return {
            "number": self.number,
            "spec": self.spec.to_dict(),
            "recipe": self.recipe.to_json(),
            "origin": self.origin,
            "parent": self.parent,
            "repeats": self.repeats,
            "state": str(self.state),
            "rounds": self.rounds,
            "scores": [score.to_json() for score in self.scores],
            "ledger": asdict(self.ledger),
            "failure": self.failure,
            "unheard": self.unheard,
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Trial:
        """Build from what `state_dict` returned."""
        return cls(
            **{
                **state,
                "spec": ArchitectureSpec.from_dict(state["spec"]),
                "recipe": Recipe.from_json(state["recipe"]),
                "state": TrialState(state["state"]),
                "scores": [Score.from_json(score) for score in state["scores"]],
                "ledger": Ledger(**state["ledger"]),
            }
        )


def compared(trials: Sequence[Trial]) -> list[Entry]:
    """Return by what trials of one rung are ordered; each has a score."""
    scores = [trial.scores[-1] for trial in trials]
    return entries(
        [trial.number for trial in trials],
        [score.terms for score in scores],
        [score.ties for score in scores],
        [score.broken for score in scores],
    )


def ranked(trials: Sequence[Trial]) -> list[Trial]:
    """Sort trials best first: by rung, since scores of different rungs do not compare, then as in `order`.

    Of each rung the knee of the first front comes first. Those without a score that counts come last, by number.
    """
    by_number = {trial.number: trial for trial in trials}
    found: list[Trial] = []
    for rung in sorted({trial.rung for trial in trials if trial.ranks}, reverse=True):
        same = compared([trial for trial in trials if trial.ranks and trial.rung == rung])
        first = leaders(same)
        found += [by_number[entry.number] for entry in dict.fromkeys([*first, *order(same)])]
    return [*found, *sorted((trial for trial in trials if not trial.ranks), key=lambda trial: trial.number)]


def front_of(trials: Sequence[Trial]) -> list[Trial]:
    """Return the best of those that came furthest, which none is better than: the knee first; empty where none ranks.

    Who was stopped at a lower rung is left out: its score does not compare with theirs.
    """
    ranking = [trial for trial in trials if trial.ranks]
    rung = max((trial.rung for trial in ranking), default=0)
    by_number = {trial.number: trial for trial in ranking}
    return [by_number[entry.number] for entry in leaders(compared([t for t in ranking if t.rung == rung]))]
