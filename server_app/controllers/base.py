"""The contract of a controller.

A controller proposes what to try, a spec with a recipe by which it is trained, and observes what became of it.
This base class counts, validates, deduplicates and remembers; a subclass holds the idea only: given what is known
and a generator that belongs to this one proposal, what next?

What is known are the trials of this search that have ended, and before them what other searches observed (`prior`).
Those are no trials of this one: they have no weights here, so they are nobody's parent, they may be proposed again, and
a result is never one of them.

    class Mine(Controller):
        def suggest(self, rng):
            return Suggestion(self.space.sample(rng), "sample")

Put it into ``controllers/mine.py``, add ``conf/controller/mine.yaml`` with ``name: mine``, and the
contract tests run on it.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, final

from common.architecture.spec import ArchitectureSpec
from common.errors import ConfigError, SpaceError, SpecError
from common.seeding import generator
from server_app.controllers.observations import Observation, Suggestion, compared_again, observed
from server_app.trials import Identity, Proposal, Recipe, Trial

if TYPE_CHECKING:
    import numpy as np

    from server_app.spaces.trial_space import TrialSpace

__all__ = ["Controller", "Observation", "Suggestion"]

_ATTEMPTS = 200
_TOO_DEAR = 10
"""Ideas that are passed over since they cannot be paid, before one is proposed all the same."""
_FAILURES = 10
"""Suggestions that may fail, each after 1000 draws, before a space too large to list counts as exhausted."""


class Controller(ABC):
    """Proposes what to try and observes results.

    Parameters
    ----------
    space : TrialSpace
        Where proposals come from.
    seed : int
        The run's seed; the n-th proposal draws from a generator of its own.
    max_trials : int
        Proposals in all.
    options : Options
        What only this controller knows.
    start : sequence of Suggestion
        What is tried first, in this order, each once. Its specs are of the space; its recipes need only suit the task.
    prior : sequence of Observation
        What other searches observed, as if it had been before the first trial and in this order: the best comes last,
        since some controllers forget what is old. Each has a score and is of the space; numbers are given anew.

    Raises
    ------
    ConfigError
        There are no trials, the task does not have what a recipe of the start or of the prior asks for, or something
        of the prior has no score.
    SpecError
        A spec of the start or of the prior is outside the space.

    Attributes
    ----------
    start : list of Suggestion
        What is tried first.
    prior : list of Observation
        What other searches observed; the last one has number -1, the one before it -2, and so on.
    history : list of Observation
        The trials that have ended, in that order.
    under_way : dict of int to Observation
        Those that completed a rung and have not ended, as they were at their last rung.
    """

    why_no_table: ClassVar[str] = ""
    """Why no table can say what it is worth, as a sentence without its full stop; empty where one can."""

    @dataclass(frozen=True)
    class Options:
        """No options."""

    def __init__(
        self,
        space: TrialSpace,
        seed: int,
        max_trials: int,
        options: Any = None,
        start: Sequence[Suggestion] = (),
        prior: Sequence[Observation] = (),
    ) -> None:
        if max_trials < 1:
            raise ConfigError("search.trials must be 1 or more", max_trials, fix="Set search.trials=20")
        self.space = space
        self.seed = seed
        self.max_trials = max_trials
        self.options: Any = self.Options() if options is None else options
        self.history: list[Observation] = []
        self.under_way: dict[int, Observation] = {}
        self._proposed: list[Identity] = []
        self._put_off: list[Identity] = []
        self._seen: set[Identity] = set()
        self._exhausted = False
        first: dict[Identity, Suggestion] = {}
        for one in start:
            space.check(one.tried)
            first.setdefault(one.tried, one)
        self.start = list(first.values())
        self._queue = list(self.start)
        for seen in prior:
            space.check(seen.identity)
            if seen.score is None or not math.isfinite(seen.score):
                raise ConfigError("What another search observed has a finite score", seen.score, fix="Report a bug")
        self.prior = [replace(seen, number=place - len(prior)) for place, seen in enumerate(prior)]

    # ------------------------------------------------------------ what a subclass provides

    @abstractmethod
    def suggest(self, rng: np.random.Generator) -> Suggestion | None:
        """Return one idea, or None to wait for an observation.

        Called again, with the same generator further on, where it was proposed before. Of a child it names the parent
        by the number that this has among what is `known`.
        """

    def learn(self, observation: Observation) -> None:  # noqa: B027, a hook
        """Take in one more observation (already remembered); only for state that cannot be derived."""

    def parents(self) -> Collection[int]:
        """Return the numbers of all ended trials that may be the parent of a later proposal. By default none.

        What other searches observed is none of them, see `trials_among`. A controller that names parents and says
        nothing here cannot be had with weights that are inherited.
        """
        return ()

    def extra_state(self) -> dict[str, Any]:
        """Return what `learn` keeps, as JSON."""
        return {}

    def load_extra_state(self, state: dict[str, Any]) -> None:  # noqa: B027, a hook
        """Take back what `extra_state` returned."""

    # ------------------------------------------------------------ what a subclass may ask

    @final
    def known(self) -> list[Observation]:
        """Return all that was observed for good: by other searches first, then the trials that have ended.

        Scores are compared as they are, also between the two: a trial of another search was scored by other nodes, or
        on other examples of theirs.
        """
        return [*self.prior, *self.history]

    @final
    def too_dear(self, tried: Identity) -> bool:
        """Tell whether it costs as much as something that was put off, or more, so that it cannot be paid either."""
        return any(self.space.as_dear(tried, other) for other in self._put_off)

    @property
    def begun(self) -> int:
        """How many are known, or on their way to be: what a first population is counted by."""
        return len(self.prior) + len(self._proposed)

    # ------------------------------------------------------------ what the search calls

    @property
    def in_flight(self) -> int:
        """Proposals whose trials have not ended."""
        return len(self._proposed) - len(self.history)

    @property
    def done(self) -> bool:
        """Whether there will be no further proposal."""
        return (self._exhausted and not self._put_off) or len(self._proposed) >= self.max_trials

    @final
    def propose(self, n: int) -> list[Proposal]:
        """Return up to `n` proposals; empty means wait, or, with nothing in flight, that the search is over."""
        proposals: list[Proposal] = []
        while len(proposals) < n and not self.done:
            suggestion = self._next()
            if suggestion is None:
                break
            proposals.append(self.adopt(suggestion))
        return proposals

    @property
    def at_start(self) -> bool:
        """Whether what is proposed next is of the start."""
        return bool(self._queue)

    @final
    def candidates(self, n: int) -> list[Suggestion]:
        """Return up to `n` ideas, no two alike, for what is proposed next, of which `adopt` makes proposals.

        Those that are not adopted may come again. What repeats a trial on purpose has no rivals, and comes alone.
        """
        found: list[Suggestion] = []
        while len(found) < n and not self.done:
            suggestion = self._next(len(found))
            if suggestion is None or (found and suggestion.repeats is not None):
                break
            found.append(suggestion)
            self._seen.add(suggestion.tried)
            if suggestion.repeats is not None:
                break
        self._seen = self._tried()
        self._exhausted &= not found
        return found

    @final
    def adopt(self, suggestion: Suggestion) -> Proposal:
        """Make an idea a proposal, with the next number."""
        spec, recipe = suggestion.tried
        number = len(self._proposed)
        self._proposed.append(suggestion.tried)
        self._seen.add(suggestion.tried)
        if self._queue and suggestion is self._queue[0]:
            self._queue.pop(0)
        return Proposal(number, spec, recipe, suggestion.origin, suggestion.parent, suggestion.repeats)

    @final
    def put_off(self, proposal: Proposal) -> None:
        """Take back the last proposal, whose trial has not begun; the next one has its number.

        What it was to try is not proposed again before `reconsider` is called. A search puts off what its budget does
        not pay for, and asks for something else: what a proposal costs is known only once it was made.
        """
        if proposal.number != len(self._proposed) - 1:
            raise ConfigError("The last proposal alone can be put off", proposal.number, fix="Report a bug")
        self._put_off.append(self._proposed.pop())

    @final
    def reconsider(self) -> None:
        """Let what was put off be proposed again, what is to be tried first before all else."""
        if self._put_off:
            left = {*self._put_off, *(one.tried for one in self._queue)}
            self._queue = [one for one in self.start if one.tried in left]
            self._put_off, self._exhausted = [], False
            self._seen = self._tried()

    @final
    def observe(self, trial: Trial, final: bool) -> None:
        """Take in a trial that completed a rung, and once more, as `final`, when it has ended."""
        if trial.state.ended != final:
            raise ConfigError("Only ended trials are observed for good", str(trial.state), fix="Report a bug")
        if trial.number not in range(len(self._proposed)) or trial.identity != self._proposed[trial.number]:
            raise ConfigError("Only trials of this controller's own proposals are observed", trial.number)
        if any(seen.number == trial.number for seen in self.history):
            raise ConfigError("A trial is observed for good once", trial.number, fix="Report a bug")
        observation = observed(trial, final=final)
        if final:
            self.under_way.pop(trial.number, None)
            self._remember(observation)
            self.learn(self.history[-1])
        else:
            self.under_way[trial.number] = observation
            self.learn(observation)

    @final
    def state_dict(self) -> dict[str, Any]:
        """Return all state as JSON: restored and continued equals never interrupted."""
        return {
            "start": [[*_to_json(one.tried), one.origin] for one in self.start],
            "queue": [_to_json(one.tried) for one in self._queue],
            "proposed": [_to_json(identity) for identity in self._proposed],
            "put_off": [_to_json(identity) for identity in self._put_off],
            "prior": [[*_to_json(seen.identity), seen.to_json()] for seen in self.prior],
            "history": [seen.to_json() for seen in self.history],
            "under_way": [seen.to_json() for seen in self.under_way.values()],
            "exhausted": self._exhausted,
            "extra": self.extra_state(),
        }

    @final
    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take back what `state_dict` returned."""
        self.start = [Suggestion(_from_json(spec, recipe), origin) for spec, recipe, origin in state["start"]]
        left = {_from_json(spec, recipe) for spec, recipe in state["queue"]}
        self._queue = [one for one in self.start if one.tried in left]
        self._proposed = [_from_json(spec, recipe) for spec, recipe in state["proposed"]]
        self._put_off = [_from_json(spec, recipe) for spec, recipe in state["put_off"]]
        self.prior = [Observation.from_json(row, _from_json(*tried)) for *tried, row in state["prior"]]
        self.history = [self._observation(row) for row in state["history"]]
        self.under_way = {row["number"]: self._observation(row) for row in state["under_way"]}
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
            same = [
                place
                for place, seen in enumerate(self.history)
                if seen.score is not None and seen.rung == observation.rung
            ]
            found = compared_again([self.history[place] for place in same])
            for place, seen in zip(same, found, strict=True):
                self.history[place] = seen

    def _tried(self) -> set[Identity]:
        """Return what is not to be proposed again."""
        unheard = {seen.number for seen in self.history if seen.unheard}
        heard = (identity for number, identity in enumerate(self._proposed) if number not in unheard)
        return {*heard, *self._put_off}

    def _observation(self, row: dict[str, Any]) -> Observation:
        return Observation.from_json(row, self._proposed[row["number"]])

    def _next(self, *place: int) -> Suggestion | None:
        """Return the next idea, or one of those for a place that are told apart by their own."""
        number = len(self._proposed)
        if self._queue:
            return self._queue[0]
        rng = generator(self.seed, "propose", number, *place)
        failures = dear = 0
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
            suggestion = self._checked(suggestion)
            if suggestion.repeats is not None:
                return self._repetition(suggestion)
            if dear < _TOO_DEAR and self.too_dear(suggestion.tried):
                dear += 1
            elif suggestion.tried not in self._seen:
                return suggestion
        return self._fresh_sample(rng)

    def _repetition(self, suggestion: Suggestion) -> Suggestion:
        """Return a suggestion that repeats what it says it does."""
        repeated = dict(enumerate(self._proposed)).get(-1 if suggestion.repeats is None else suggestion.repeats)
        if repeated != suggestion.tried:
            raise SpecError(f"{type(self).__name__} must repeat a trial as it was", suggestion.repeats)
        return suggestion

    def _checked(self, suggestion: Suggestion) -> Suggestion:
        """Return a suggestion that is of the space, without a parent that has no weights here."""
        try:
            self.space.check(suggestion.tried)
        except (SpecError, ConfigError) as error:
            raise SpecError(f"{type(self).__name__} proposed what is outside its space: {error}") from error
        orphan = suggestion.parent is not None and suggestion.parent < 0
        return replace(suggestion, parent=None) if orphan else suggestion

    def _fresh_sample(self, rng: np.random.Generator) -> Suggestion | None:
        """Fall back on something random and new; a space where none is left, or none was found, ends the search."""
        other = self.space.sample_other(self._seen, rng)
        self._exhausted = other is None
        return None if other is None else Suggestion(other, "sample")


def _to_json(identity: Identity) -> list[Any]:
    spec, recipe = identity
    return [spec.to_dict(), recipe.to_json()]


def _from_json(spec: dict[str, Any], recipe: dict[str, Any]) -> Identity:
    return ArchitectureSpec.from_dict(spec), Recipe.from_json(recipe)
