"""What controllers share that go by a surrogate: all that was observed, as what is believed of what was not.

Not a choice itself. The model is fitted anew whenever something was observed, so that nothing of it is state; what is
kept beside the history are the scores of lower rungs, which a trial leaves behind as it goes on.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import replace
from itertools import cycle, islice
from typing import TYPE_CHECKING, Any

import numpy as np

from common.errors import SpaceError
from server_app.controllers.base import Controller, Observation, Suggestion
from server_app.controllers.observations import best_first, trials_among
from server_app.surrogates.gp import Array, Belief, fit
from server_app.surrogates.inputs import Inputs
from server_app.surrogates.targets import Reading, targets

if TYPE_CHECKING:
    from server_app.pareto import Point
    from server_app.spaces.trial_space import TrialSpace
    from server_app.trials import Identity

    Wanted = Callable[[Identity], bool]

PARENTS = 10
"""Of the best trials as many are mutated, as many as are the population of `evolution`."""
_BEST = 100
"""Trials that the model sees at most: so many of the best, for where those lie is what it is asked, and half as many of
the newest others. A fit on all of them takes 10 to 20 ms."""
_NEWEST = 50
_AWAITED = 50
"""Trials under way that are believed in, at most: the newest."""


class Beliefs:
    """A model of scores, in terms of what may be tried.

    Parameters
    ----------
    inputs : Inputs
        Encodes it.
    identities : sequence of Identity
        What was observed.
    readings : sequence of Reading
        And what came of it.
    awaited : sequence of Identity
        What is under way.
    weights : array of shape (objectives,)
        What each objective counts.

    Attributes
    ----------
    best : float
        The most that any trial is believed to be worth.
    one : bool
        Whether there is one objective.
    """

    def __init__(
        self,
        inputs: Inputs,
        identities: Sequence[Identity],
        readings: Sequence[Reading],
        awaited: Sequence[Identity],
        weights: Array,
    ) -> None:
        rows = inputs.rows(identities)
        scores, extra = targets(readings, weights)
        self._inputs, self._units, self.one = inputs, inputs.units(rows), len(weights) == 1
        self._belief: Belief = fit(rows * self._units, scores, extra)
        self.best = float(self._belief.predict(rows * self._units)[0].max())
        if awaited:
            self._belief = self._belief.assuming(self._rows(awaited))

    def predict(self, identities: Sequence[Identity]) -> tuple[Array, Array]:
        """Return mean and standard deviation of what is believed of each."""
        return self._belief.predict(self._rows(identities))

    def sample(self, identities: Sequence[Identity], rng: np.random.Generator) -> Array:
        """Return the scores of all in one world that is drawn."""
        return self._belief.sample(self._rows(identities), rng)

    def _rows(self, identities: Sequence[Identity]) -> Array:
        return self._inputs.rows(identities) * self._units


class Pool:
    """Ideas to choose from: different ones that are wanted, and none that was tried.

    The first draw that fails ends it: where legal specs are so rare, each takes a thousand attempts.

    Parameters
    ----------
    space : TrialSpace
        Where they come from.
    seen : collection of Identity
        What was tried.
    wanted : callable, optional
        Whether something may be chosen; None: anything may.
    """

    def __init__(self, space: TrialSpace, seen: Collection[Identity] = (), wanted: Wanted | None = None) -> None:
        self._space, self._seen, self._wanted = space, seen, wanted
        self._ideas: dict[Identity, Suggestion] = {}
        self._closed = False

    def __len__(self) -> int:
        return len(self._ideas)

    @property
    def identities(self) -> list[Identity]:
        """What would be tried, in the order of `ideas`."""
        return list(self._ideas)

    @property
    def ideas(self) -> list[Suggestion]:
        """All of it, in the order in which it came."""
        return list(self._ideas.values())

    def draw(self, times: int, rng: np.random.Generator) -> None:
        """Add so many draws of the space, as far as they are new and wanted."""
        self._fill(Suggestion(self._space.sample(rng), "sample") for _ in range(times))

    def mutate(self, ideas: Sequence[Suggestion], times: int, rng: np.random.Generator) -> None:
        """Add so many mutations of ideas, each in its turn; they descend from the trials that these do."""
        turns = islice(cycle(ideas), times)
        self._fill(replace(idea, tried=self._space.mutate(idea.tried, rng)) for idea in turns)

    def first(self, hope: Array, count: int) -> list[Suggestion]:
        """Return the ideas of which most is hoped, the first of them first."""
        ideas = self.ideas
        return [ideas[place] for place in np.argsort(-hope, kind="stable")[:count]]

    def _fill(self, found: Iterator[Suggestion]) -> None:
        try:
            for idea in found if not self._closed else ():
                if idea.tried not in self._seen and idea.tried not in self._ideas and self._may(idea.tried):
                    self._ideas[idea.tried] = idea
        except SpaceError:
            self._closed = True

    def _may(self, tried: Identity) -> bool:
        return self._wanted is None or self._wanted(tried)


class Guided(Controller):
    """Believes something of what it has not tried; its options say whether `costs` are among the inputs."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._inputs = Inputs(self.space, self.options.costs)
        self._rungs: dict[int, dict[int, Point]] = {}
        self._observed = 0
        self._made: tuple[tuple[int, int], Beliefs] | None = None  # when, and the model: an idea may take many attempts
        self._sorted: tuple[int, list[Observation]] = (0, [])

    def learn(self, observation: Observation) -> None:
        """Note the score of a rung."""
        self._observed += 1
        if observation.score is not None:
            self._rungs.setdefault(observation.number, {})[observation.rung] = _point(observation)

    def extra_state(self) -> dict[str, Any]:
        """Return the scores of all rungs, as JSON."""
        return {
            "rungs": [
                [number, [[rung, list(point)] for rung, point in rungs.items()]]
                for number, rungs in self._rungs.items()
            ]
        }

    def load_extra_state(self, state: dict[str, Any]) -> None:
        """Take back what `extra_state` returned; what was made of another history is forgotten."""
        self._rungs = {number: {rung: tuple(point) for rung, point in rungs} for number, rungs in state["rungs"]}
        self._made, self._sorted = None, (0, [])

    def best_known(self) -> list[Observation]:
        """Return what is known to have a score, best first."""
        number, found = self._sorted
        known = self.known()
        if number != len(known):
            found = best_first([seen for seen in known if seen.score is not None])
            self._sorted = len(known), found
        return found

    def pool(self, wanted: Wanted = lambda _: True) -> Pool:
        """Return a pool of what was not tried, is wanted, and can be paid as far as that is known; empty yet."""
        return Pool(self.space, self._seen, lambda tried: wanted(tried) and not self.too_dear(tried))

    def parents(self) -> list[int]:
        """Return the best trials: their mutations are among what is chosen from."""
        return trials_among(self.best_known()[:PARENTS])

    def from_best(self) -> list[Suggestion]:
        """Return the trials that may have children, as what is mutated."""
        return [Suggestion(seen.identity, "mutation", seen.number) for seen in self.best_known()[:PARENTS]]

    def beliefs(self, rng: np.random.Generator) -> Beliefs | None:
        """Return what is believed by now; None where too little was observed to believe anything.

        With several objectives they count as much as is drawn, each time anew, uniformly among all weights: ParEGO.
        """
        key = self._observed, len(self._proposed)
        if self._made is not None and self._made[0] == key:
            return self._made[1]
        seen = self._seen_by_model()
        scored = [one for one in seen if one.score is not None]
        if len(scored) < 2:
            return None
        objectives = len(_point(scored[0]))
        weights = rng.dirichlet(np.ones(objectives)) if objectives > 1 else np.ones(1)
        identities = [one.identity for one in seen]
        found = Beliefs(self._inputs, identities, [self._reading(one) for one in seen], self._awaited(), weights)
        if objectives == 1:
            self._made = key, found
        return found

    def _seen_by_model(self) -> list[Observation]:
        """Return the trials that say something of their specs, or of them the best and the newest."""
        said = [one for one in (*self.known(), *self.under_way.values()) if not one.unheard]
        if len(said) <= _BEST + _NEWEST:
            return said
        best = {one.number for one in self.best_known()[:_BEST]}
        return [one for one in said if one.number in best] + [one for one in said if one.number not in best][-_NEWEST:]

    def _reading(self, seen: Observation) -> Reading:
        if seen.score is None:
            return Reading({})
        return Reading({**self._rungs.get(seen.number, {}), seen.rung: _point(seen)}, _violation(seen))

    def _awaited(self) -> list[Identity]:
        """Return what was proposed and has not been observed at any rung."""
        observed = {*(one.number for one in self.history), *self.under_way}
        return [one for number, one in enumerate(self._proposed) if number not in observed][-_AWAITED:]


def _point(seen: Observation) -> Point:
    assert seen.score is not None
    return (seen.score, *seen.further)


def _violation(seen: Observation) -> float:
    """Return by how much hard constraints are broken; what breaks one and does not say how much counts a little."""
    return 0.0 if seen.feasible else seen.violation or 1e-9
