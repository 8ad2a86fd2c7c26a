"""The contract of a controller.

A controller proposes specs and observes what became of them. This base class counts, validates,
deduplicates and remembers; a subclass holds the idea only: given the history and a generator that
belongs to this one proposal, which spec next?

    class Mine(Controller):
        def suggest(self, rng):
            return Suggestion(self.space.sample(rng), "sample")

Put it into ``controllers/mine.py``, add ``conf/controller/mine.yaml`` with ``name: mine``, and the
contract tests run on it.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, final

from common.architecture.spec import ArchitectureSpec
from common.errors import ConfigError, SpaceError, SpecError
from common.seeding import generator
from server_app.comparison import ByNode, over_common_nodes
from server_app.trials import Proposal, Trial, TrialState

if TYPE_CHECKING:
    import numpy as np

    from common.architecture.space import SearchSpace

_ATTEMPTS = 200
_FAILURES = 10
"""Suggestions that may fail, each after 1000 draws, before a space too large to list counts as exhausted."""


@dataclass(frozen=True)
class Suggestion:
    """A subclass's idea: a spec, how it came about, and the trial it descends from."""

    spec: ArchitectureSpec
    origin: str
    parent: int | None = None


@dataclass(frozen=True)
class Observation:
    """What a controller remembers of an ended trial.

    Parameters
    ----------
    number : int
        The trial.
    spec : ArchitectureSpec
        What was tried.
    rung : int
        Rungs completed.
    score : float, optional
        More is better; None for a failed trial. Comparable within a rung, so it may move while trials are observed
        that other nodes scored.
    by_node : mapping
        The scores of the nodes behind it, and their examples.
    unheard : bool
        The trial failed because nodes were silent; its spec may be proposed again.
    """

    number: int
    spec: ArchitectureSpec
    rung: int
    score: float | None
    by_node: ByNode = field(default_factory=dict)
    unheard: bool = False

    @property
    def rank(self) -> tuple[int, float]:
        """Sort key, more is better: by rung, then by score."""
        return (self.rung, self.score) if self.score is not None else (-1, 0.0)


class Controller(ABC):
    """Proposes specs and observes results.

    Parameters
    ----------
    space : SearchSpace
        Where proposals come from.
    seed : int
        The run's seed; the n-th proposal draws from a generator of its own.
    max_trials : int
        Proposals in all.
    options : Options
        What only this controller knows.
    start : sequence of ArchitectureSpec
        Known specs, tried first, in this order, each once.
    """

    @dataclass(frozen=True)
    class Options:
        """No options."""

    def __init__(
        self,
        space: SearchSpace,
        seed: int,
        max_trials: int,
        options: Any = None,
        start: Sequence[ArchitectureSpec] = (),
    ) -> None:
        if max_trials < 1:
            raise ConfigError("search.trials must be 1 or more", max_trials, fix="Set search.trials=20")
        self.space = space
        self.seed = seed
        self.max_trials = max_trials
        self.options: Any = self.Options() if options is None else options
        self.history: list[Observation] = []
        self._start = tuple(dict.fromkeys(start))
        self._proposed: list[ArchitectureSpec] = []
        self._seen: set[ArchitectureSpec] = set()
        self._exhausted = False
        for spec in self._start:
            space.check(spec)

    # ------------------------------------------------------------ what a subclass provides

    @abstractmethod
    def suggest(self, rng: np.random.Generator) -> Suggestion | None:
        """Return one idea, or None to wait for an observation.

        Called again, with the same generator further on, where the spec was proposed before.
        """

    def learn(self, observation: Observation) -> None:  # noqa: B027, a hook
        """Take in one more observation (already in `history`); only for state that cannot be derived."""

    def extra_state(self) -> dict[str, Any]:
        """Return what `learn` keeps, as JSON."""
        return {}

    def load_extra_state(self, state: dict[str, Any]) -> None:  # noqa: B027, a hook
        """Take back what `extra_state` returned."""

    # ------------------------------------------------------------ what the search calls

    @property
    def in_flight(self) -> int:
        """Proposals that were not observed yet."""
        return len(self._proposed) - len(self.history)

    @property
    def done(self) -> bool:
        """Whether there will be no further proposal."""
        return self._exhausted or len(self._proposed) >= self.max_trials

    @final
    def propose(self, n: int) -> list[Proposal]:
        """Return up to `n` proposals; empty means wait, or, with nothing in flight, that the search is over."""
        proposals: list[Proposal] = []
        while len(proposals) < n and not self.done:
            suggestion = self._next()
            if suggestion is None:
                break
            number = len(self._proposed)
            self._proposed.append(suggestion.spec)
            self._seen.add(suggestion.spec)
            proposals.append(Proposal(number, suggestion.spec, suggestion.origin, suggestion.parent))
        return proposals

    @final
    def observe(self, trial: Trial) -> None:
        """Take in an ended trial; called once per trial."""
        if not trial.state.ended:
            raise ConfigError("Only ended trials are observed", str(trial.state), fix="Report a bug")
        if trial.number not in range(len(self._proposed)) or trial.spec != self._proposed[trial.number]:
            raise ConfigError("Only trials of this controller's own proposals are observed", trial.number)
        if any(seen.number == trial.number for seen in self.history):
            raise ConfigError("A trial is observed once", trial.number, fix="Report a bug")
        score = None if trial.state is TrialState.FAILED else trial.score
        if score is not None and not math.isfinite(score):
            raise ConfigError("A score is finite; a trial without one fails", score, fix="Report a bug")
        by_node = {} if score is None else trial.node_scores
        self._remember(Observation(trial.number, trial.spec, trial.rung, score, by_node, trial.unheard))
        self.learn(self.history[-1])

    @final
    def state_dict(self) -> dict[str, Any]:
        """Return all state as JSON: restored and continued equals never interrupted."""
        return {
            "proposed": [spec.to_dict() for spec in self._proposed],
            "history": [
                {"number": o.number, "rung": o.rung, "score": o.score, "by_node": o.by_node, "unheard": o.unheard}
                for o in self.history
            ],
            "exhausted": self._exhausted,
            "extra": self.extra_state(),
        }

    @final
    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take back what `state_dict` returned."""
        self._proposed = [ArchitectureSpec.from_dict(spec) for spec in state["proposed"]]
        self.history = [
            Observation(spec=self._proposed[row["number"]], **row | {"by_node": _pairs(row["by_node"])})
            for row in state["history"]
        ]
        self._seen = self._tried()
        self._exhausted = state["exhausted"]
        self.load_extra_state(state["extra"])

    # ------------------------------------------------------------ inside

    def _remember(self, observation: Observation) -> None:
        """Add to the history; the scores of its rung stay comparable."""
        self.history.append(observation)
        if observation.unheard:
            self._seen, self._exhausted = self._tried(), False
        if observation.score is not None:
            rung = [
                i for i, seen in enumerate(self.history) if seen.score is not None and seen.rung == observation.rung
            ]
            for i, score in zip(rung, over_common_nodes([self.history[i].by_node for i in rung]), strict=True):
                self.history[i] = replace(self.history[i], score=score)

    def _tried(self) -> set[ArchitectureSpec]:
        """Return the specs that are not to be proposed again."""
        unheard = {seen.number for seen in self.history if seen.unheard}
        return {spec for number, spec in enumerate(self._proposed) if number not in unheard}

    def _next(self) -> Suggestion | None:
        number = len(self._proposed)
        if number < len(self._start):
            return Suggestion(self._start[number], "given")
        rng = generator(self.seed, "propose", number)
        failures = 0
        for _ in range(_ATTEMPTS):
            try:
                suggestion = self.suggest(rng)
            except SpaceError:
                failures += 1
                if not number:
                    raise
                if failures == _FAILURES:
                    break
                continue  # what is rare was found before, and may be found again
            if suggestion is None:
                return None
            self._check(suggestion.spec)
            if suggestion.spec not in self._seen:
                return suggestion
        return self._fresh_sample(rng)

    def _check(self, spec: ArchitectureSpec) -> None:
        try:
            self.space.check(spec)
        except SpecError as error:
            raise SpecError(f"{type(self).__name__} proposed a spec outside its space: {error}") from error

    def _fresh_sample(self, rng: np.random.Generator) -> Suggestion | None:
        """Fall back on a new random spec; a space where none is left, or none was found, ends the search."""
        spec = self.space.sample_other(self._seen, rng)
        if spec is None:
            self._exhausted = True
            return None
        return Suggestion(spec, "sample")


def _pairs(by_node: dict[str, Any]) -> ByNode:
    return {name: (score, examples) for name, (score, examples) in by_node.items()}
