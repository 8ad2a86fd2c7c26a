"""REINFORCE: a policy that raises the probability of what scored well.

B. Zoph and Q. V. Le, "Neural Architecture Search with Reinforcement Learning", ICLR 2017: answers are drawn one after
the other, each given those before, and the policy climbs the gradient of expected reward (R. J. Williams, "Simple
Statistical Gradient-Following Algorithms for Connectionist Reinforcement Learning", Machine Learning 8, 1992), with an
exponential moving average of earlier rewards as baseline. The entropy bonus is that of R. J. Williams and J. Peng,
"Function Optimization Using Connectionist Reinforcement Learning Algorithms", Connection Science 3, 1991.

The paper trained 12,800 networks, a federation trains a hundred. So we depart in what makes more of each:

- The policy is no LSTM but a softmax regression for each question, see `server_app.controllers.policy`: it has nothing
  to learn before it can learn, and its gradient is a line of NumPy.
- A reward is a rank: from 1 for the best of the last trials to -1 for the worst, in the order in which a search ranks
  trials. So nothing depends on the scale of a score, and rungs, several objectives and hard constraints are seen to. A
  failed trial has the least reward. Ranks are taken anew in each update: what is good among ten is not among a hundred.
- An update takes several steps, and learns again from the last trials. Each weighs as much more, or less, as it has
  become likelier since it was first learnt from, up to a bound, as in E. L. Ionides, "Truncated Importance Sampling",
  Journal of Computational and Graphical Statistics 17, 2008. What the policy did not draw, such as what a search starts
  with, is learnt from as if it had.
- Entropy is relative to the prior of the space, which may hold what an expert expects. With one objective and uniform
  priors it is the paper's up to a constant.
- What other searches observed is a first lesson.
- What was tried before, or breaks a constraint, is drawn again, and its gradient is not looked at.

Until the first update, trials are drawn as the space draws.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from common.errors import ConfigError, SpecError
from server_app.controllers.base import Controller, Observation, Suggestion
from server_app.controllers.observations import best_first
from server_app.controllers.policy import Episodes, Policy, Step, Vector

if TYPE_CHECKING:
    from server_app.spaces.trial_space import TrialSpace
    from server_app.trials import Identity

_ATTEMPTS = 100
"""Draws of the policy that may be illegal before the space draws."""
_DECIMALS = 4
"""Of a reward: the state has those of all lessons, and ranks lie further apart."""

Lesson = tuple[tuple[int, float], ...]
"""What an update learns from: numbers of trials with rewards, in the order of observation."""


class Reinforce(Controller):
    """Draws from a policy that learns from every few trials."""

    @dataclass(frozen=True)
    class Options:
        """How it learns.

        The paper has none of these numbers for a hundred trials. They were chosen, in factors of two, on synthetic
        tables of 5^6 and 3^8 networks, whose scores are a sum of effects of digits, of pairs of digits, and of noise,
        by the regret after 100 trials; nothing within a factor of two was clearly worse.

        Parameters
        ----------
        batch : int
            Trials that end before each update.
        memory : int
            Trials that an update learns from, the last ones.
        steps : int
            Steps of gradient ascent in an update.
        learning_rate : float
            Length of a step along the gradient of the mean over the memory.
        entropy : float
            Weight of the entropy; 0 for none.
        decay : float
            Part of the baseline that an update keeps, in [0, 1).
        bound : float
            Greatest importance weight, from 1.
        """

        batch: int = 4
        memory: int = 32
        steps: int = 10
        learning_rate: float = 1.0
        entropy: float = 0.1
        decay: float = 0.9
        bound: float = 2.0

        def __post_init__(self) -> None:
            least = {"batch": 1, "memory": self.batch, "steps": 1, "entropy": 0, "bound": 1}
            for name, low in least.items():
                if not getattr(self, name) >= low:
                    why = ", the size of a batch" if name == "memory" else ""
                    raise ConfigError(
                        f"controller.{name} must be {low} or more{why}",
                        getattr(self, name),
                        fix=f"Leave controller.{name} out",
                    )
            if not self.learning_rate > 0:
                raise ConfigError(
                    "controller.learning_rate must be above 0",
                    self.learning_rate,
                    fix="Leave controller.learning_rate out",
                )
            if not 0 <= self.decay < 1:
                raise ConfigError("controller.decay must lie in [0, 1)", self.decay, fix="Leave controller.decay out")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        prior = self.prior[-self.options.memory :]
        self._lessons: tuple[Lesson, ...] = (rewards(prior),) if prior else ()
        self._learner: Learner | None = None

    def suggest(self, rng: np.random.Generator) -> Suggestion:
        """Return what the policy draws, or what the space does where that is not legal."""
        if self._lessons:
            policy = self._taught().policy
            for _ in range(_ATTEMPTS):
                try:
                    return Suggestion(self.space.made(policy.asked(rng)), "policy")
                except SpecError:
                    continue
        return Suggestion(self.space.sample(rng), "sample")

    def learn(self, observation: Observation) -> None:
        """Make a lesson where enough trials have ended since the last one."""
        ended = [seen for seen in self.history if not seen.unheard]
        if observation.final and not observation.unheard and len(ended) % self.options.batch == 0:
            self._lessons = (*self._lessons, rewards([*self.prior, *ended][-self.options.memory :]))

    def extra_state(self) -> dict[str, Any]:
        """Return the lessons: what the policy is follows from them."""
        return {"lessons": [[list(pair) for pair in lesson] for lesson in self._lessons]}

    def load_extra_state(self, state: dict[str, Any]) -> None:
        """Take back the lessons, and forget the policy of others."""
        self._lessons = tuple(tuple((number, reward) for number, reward in lesson) for lesson in state["lessons"])
        self._learner = None

    def _taught(self) -> Learner:
        """Return what has taken all lessons."""
        if self._learner is None:
            self._learner = Learner(self.space, self.options)
        tried = {**dict(enumerate(self._proposed)), **{seen.number: seen.identity for seen in self.prior}}
        for lesson in self._lessons[self._learner.taken :]:
            self._learner.take(lesson, tried)
        return self._learner


class Learner:
    """A policy, and what it needs to learn on: it follows from the lessons that were taken, and from nothing else.

    Parameters
    ----------
    space : TrialSpace
        Whose questions it answers.
    options : Options
        How it learns.

    Attributes
    ----------
    policy : Policy
        As it is now.
    baseline : float
        Moving average of the mean reward of those that were new in each lesson; it begins at 0, that of chance.
    taken : int
        Lessons so far.
    """

    def __init__(self, space: TrialSpace, options: Reinforce.Options) -> None:
        self.policy = Policy()
        self.baseline = 0.0
        self.taken = 0
        self._space, self._options = space, options
        self._known: dict[int, tuple[tuple[Step, ...], float]] = {}
        """By number how a trial was answered, and how likely that was at first, as a logarithm."""

    def take(self, lesson: Lesson, tried: Mapping[int, Identity]) -> None:
        """Learn from one more lesson; `tried` has trials by number. All of the first one is new."""
        options = self._options
        fresh = lesson[-options.batch :] if self.taken else lesson
        self._meet([number for number, _ in fresh], tried)
        self.baseline = moved(self.baseline, [reward for _, reward in fresh], options.decay)
        numbers = [number for number, _ in lesson if number in self._known]
        self._known = {number: self._known[number] for number in numbers}
        advantages = np.array([reward for number, reward in lesson if number in self._known]) - self.baseline
        first = np.array([likely for _, likely in self._known.values()])
        episodes = Episodes([steps for steps, _ in self._known.values()])
        for _ in range(options.steps if numbers else 0):
            weights = importance(episodes.log_probabilities() - first, options.bound)
            episodes.climb(weights * advantages, options.entropy, options.learning_rate)
        self.taken += 1

    def _meet(self, numbers: Sequence[int], tried: Mapping[int, Identity]) -> None:
        """Take down how trials were answered; what the space does not offer teaches nothing."""
        for number in numbers:
            try:
                steps = self.policy.steps(self._space, tried[number])
            except SpecError:
                continue
            self._known[number] = steps, float(Episodes([steps]).log_probabilities()[0])


def rewards(ended: Sequence[Observation]) -> Lesson:
    """Return by number what trials are worth: ranks from 1 for the best to -1 for the worst, evenly apart.

    Failed trials share the last rank; where there is one trial, or all failed, each has 0.
    """
    order = [seen.number for seen in best_first([seen for seen in ended if seen.score is not None])]
    last = len(order) - (len(order) == len(ended))
    ranks = {number: round(1 - 2 * rank / last, _DECIMALS) for rank, number in enumerate(order)} if last else {}
    worst = -1.0 if ranks else 0.0
    return tuple((seen.number, ranks.get(seen.number, worst)) for seen in ended)


def moved(baseline: float, fresh: Sequence[float], decay: float) -> float:
    """Return the exponential moving average after new rewards."""
    return decay * baseline + (1 - decay) * math.fsum(fresh) / len(fresh)


def importance(risen: Vector, bound: float) -> Vector:
    """Return by how much likelier each has become, `bound` at most.

    Parameters
    ----------
    risen : array
        Of log-probabilities.
    bound : float
        From 1.
    """
    return np.exp(np.minimum(risen, np.log(bound)))
