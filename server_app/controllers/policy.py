"""An autoregressive policy: how likely each answer to a space's questions is, given the answers so far.

Each question has a softmax regression of its own. With k answers given before, its logits are

    log prior + bias + sum of the k weights of these answers / sqrt(k)

which is the logistic autoregressive network of B. J. Frey, "Graphical Models for Machine Learning and Digital
Communication", MIT Press, 1998, with softmax for more than two answers. Bias and weights begin at 0, so a policy begins
at the prior, which is how the space draws, with whatever an expert expects. The root makes a step that raises a logit
raise it as much by what was answered before as by the question alone, however much that is.

A question is known by its name and by what may be answered, and has parameters only once something was learnt of it;
what was answered before is known by name and value. A range is answered by one of its quarters, and any number of that.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from common.errors import SpecError
from server_app.spaces.domains import Choices, Domain, Interval

if TYPE_CHECKING:
    from server_app.spaces.base import Ask
    from server_app.spaces.trial_space import TrialSpace
    from server_app.trials import Identity

Vector = NDArray[np.float64]
Answer = tuple[str, Any]
"""A question's name, and the value, or the part of a range."""

_PARTS = 4
"""Of a range: as many as there are choices where people write some."""
_LEAST = 1e-6
"""The prior of what a space never draws: it is legal, and may have been given."""


class Question:
    """The softmax regression of one question.

    Parameters
    ----------
    domain : Domain
        What may be answered.

    Attributes
    ----------
    values : tuple
        What may be answered, a range in parts.
    prior : array
        Shape ``(values,)``: the logarithm of how likely the space draws each.
    weights : array
        Shape ``(1 + answers met before it, values)``; the first row is the bias.
    """

    def __init__(self, domain: Domain) -> None:
        if isinstance(domain, Interval):
            ends = [float(end) for end in np.linspace(domain.low, domain.high, _PARTS + 1)]
            self.values: tuple[Any, ...] = tuple(Interval(*part) for part in pairwise(ends))
            drawn: Sequence[float] = (1 / _PARTS,) * _PARTS
        else:
            self.values, drawn = domain.values, domain.probabilities()
        self.prior: Vector = np.log(np.maximum(drawn, _LEAST))
        self.weights: Vector = np.zeros((1, len(self.values)))
        self._rows: dict[Answer, int] = {}

    def place_of(self, value: Any) -> int:
        """Return which of the values, or which part of the range, an answer is."""
        if isinstance(self.values[0], Interval):
            return next((place for place, part in enumerate(self.values) if value < part.high), _PARTS - 1)
        return self.values.index(value)

    def rows(self, before: Sequence[Answer]) -> list[int]:
        """Return the rows of answers given before, which they have from now on."""
        found = [self._rows.setdefault(answer, len(self._rows) + 1) for answer in before]
        missing = len(self._rows) + 1 - len(self.weights)
        if missing:
            self.weights = np.vstack([self.weights, np.zeros((missing, len(self.values)))])
        return found

    def probabilities(self, before: Sequence[Answer]) -> Vector:
        """Return how likely each value is; an answer that nothing was learnt of plays no part."""
        logits = self.prior + self.weights[0]
        if rows := [self._rows[answer] for answer in before if answer in self._rows]:
            logits = logits + self.weights[rows].sum(axis=0) / np.sqrt(len(before))
        return softmax(logits)


@dataclass(frozen=True)
class Step:
    """One answer of a network: to which question, which of its values, and what was answered before."""

    question: Question
    place: int
    before: tuple[Answer, ...]


class Policy:
    """Draws answers, and tells those of what was tried."""

    def __init__(self) -> None:
        self._questions: dict[tuple[str, Domain], Question] = {}

    def asked(self, rng: np.random.Generator) -> Ask:
        """Return what answers the questions of one network; where there is one answer only, nothing is drawn."""
        before: list[Answer] = []

        def answer(name: str, domain: Domain) -> Any:
            if isinstance(domain, Choices) and domain.size == 1:
                return domain.values[0]
            question = self._question(name, domain)
            reached = np.cumsum(question.probabilities(before))
            value = question.values[int(np.searchsorted(reached, rng.random() * reached[-1], side="right"))]
            before.append((name, value))
            return value.draw(rng) if isinstance(value, Interval) else value

        return answer

    def steps(self, space: TrialSpace, tried: Identity) -> tuple[Step, ...]:
        """Return the answers that make what was tried; raises `SpecError` where the space does not offer them."""
        answers = space.answers(tried)
        before: list[Answer] = []
        found: list[Step] = []

        def answer(name: str, domain: Domain) -> Any:
            if answers[name] not in domain:
                raise SpecError(f"The space offers something else for {name}", answers[name])
            if domain.size > 1:
                question = self._question(name, domain)
                place = question.place_of(answers[name])
                found.append(Step(question, place, tuple(before)))
                before.append((name, question.values[place]))
            return answers[name]

        space.made(answer)
        return tuple(found)

    def _question(self, name: str, domain: Domain) -> Question:
        key = name, domain
        if key not in self._questions:
            self._questions[key] = Question(domain)
        return self._questions[key]


class Episodes:
    """What was tried, each a sequence of steps, laid out so that a policy climbs by all of it at once.

    Parameters
    ----------
    given : sequence of sequences of Step
        Each of one trial.
    """

    def __init__(self, given: Sequence[Sequence[Step]]) -> None:
        self._count = len(given)
        asked: dict[int, list[tuple[int, Step]]] = {}
        for episode, steps in enumerate(given):
            for step in steps:
                asked.setdefault(id(step.question), []).append((episode, step))
        self._asked = [_Asked(found) for found in asked.values()]

    def log_probabilities(self) -> Vector:
        """Return, for each episode, the logarithm of how likely the policy draws it; shape ``(episodes,)``."""
        total = np.zeros(self._count)
        for asked in self._asked:
            chosen = (asked.probabilities() * asked.chosen).sum(axis=1)
            total += np.bincount(asked.episodes, np.log(chosen), self._count)
        return total

    def climb(self, weights: Vector, entropy: float, rate: float) -> None:
        """Take one step of gradient ascent.

        Raised is the mean over episodes of the log-probability times `weights`, plus `entropy` times the entropies of
        the episode's steps, each relative to the prior: less the divergence of Kullback and Leibler from it. Where the
        prior is uniform that is the entropy, up to a constant.

        Parameters
        ----------
        weights : array
            Shape ``(episodes,)``.
        entropy, rate : float
            From 0.
        """
        for asked in self._asked:
            drawn = asked.probabilities()
            gradient = weights[asked.episodes, None] * (asked.chosen - drawn)
            gradient += entropy * relative_entropy_gradient(drawn, asked.question.prior)
            asked.question.weights += rate / self._count * asked.inputs.T @ gradient


class _Asked:
    """One question in all episodes in which it was asked.

    Attributes
    ----------
    episodes : array
        Shape ``(steps,)``: which they are.
    chosen : array
        Shape ``(steps, values)``, one-hot.
    inputs : array
        Shape ``(steps, rows of the weights)``.
    """

    def __init__(self, found: Sequence[tuple[int, Step]]) -> None:
        self.question = found[0][1].question
        rows = [self.question.rows(step.before) for _, step in found]
        self.episodes = np.array([episode for episode, _ in found])
        self.chosen = np.eye(len(self.question.values))[[step.place for _, step in found]]
        self.inputs = np.zeros((len(found), len(self.question.weights)))
        self.inputs[:, 0] = 1
        for own, known in zip(self.inputs, rows, strict=True):
            own[known] = 1 / np.sqrt(max(1, len(known)))

    def probabilities(self) -> Vector:
        """Return how likely each value is at each step; shape ``(steps, values)``."""
        return softmax(self.question.prior + self.inputs @ self.question.weights)


def softmax(logits: Vector) -> Vector:
    """Return probabilities along the last axis."""
    raised = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return np.asarray(raised / raised.sum(axis=-1, keepdims=True))


def relative_entropy_gradient(drawn: Vector, prior: Vector) -> Vector:
    """Return the gradient, by the logits, of ``-sum p (log p - log q)`` along the last axis.

    Parameters
    ----------
    drawn : array
        p.
    prior : array
        log q.
    """
    surprise = np.log(np.maximum(drawn, np.finfo(np.float64).tiny)) - prior
    return np.asarray(-drawn * (surprise - (drawn * surprise).sum(axis=-1, keepdims=True)))
