"""Any sampler of Optuna, told of the history and asked for what comes next.

T. Akiba, S. Sano, T. Yanase, T. Ohta and M. Koyama, "Optuna: A Next-generation Hyperparameter Optimization Framework",
KDD 2019. By default it is TPE (J. Bergstra, R. Bardenet, Y. Bengio and B. Kegl, "Algorithms for Hyper-Parameter
Optimization", NIPS 2011) over all questions that every trial was asked together, and its constant liar: trials under
way count as bad ones, so that several in flight differ.

A space makes a network of answers to questions, and a sampler answers them; see `server_app.optuna_study` for what they
are to it. For every proposal a study is built anew from the history, and a sampler from the run's seed: so there is no
state beside the history, and a search that was restored goes on as it would have. Trials of the highest rung so far are
complete, those that were stopped below it are pruned, with their score at their rung; of several objectives a study
knows no pruned scores. Broken constraints are constraints.

Where we depart from a study of Optuna's own: the first proposals are draws of the space, which has priors that a
sampler does not know, and what a sampler suggests is asked for again where it is illegal or was tried, a few times,
before a draw of the space takes its place. Once half of a space was tried, draws find the rest: a sampler would mostly
suggest what is known.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from common.errors import ConfigError, SpecError
from server_app.controllers.base import Controller, Observation, Suggestion

if TYPE_CHECKING:
    import numpy as np
    from optuna.study import Study
    from optuna.trial import FrozenTrial

    from server_app.optuna_study import Parameters
    from server_app.trials import Identity

ORIGIN = "optuna"
_ASKED = 4
"""Suggestions that a sampler is asked for until one of them can be proposed."""


class Optuna(Controller):
    """Asks a sampler of Optuna, which learns from a study that is rebuilt for each proposal."""

    @dataclass(frozen=True)
    class Options:
        """Which sampler, and when it begins.

        Parameters
        ----------
        sampler : str
            Name of a class in `optuna.samplers`.
        sampler_options : dict, optional
            What that class takes beside its seed.
        startup : int
            So many first proposals are draws of the space.
        """

        sampler: str = "TPESampler"
        sampler_options: dict[str, Any] | None = None
        startup: int = 10

        def __post_init__(self) -> None:
            from server_app.optuna_study import sampler_of

            if self.startup < 0:
                raise ConfigError("controller.startup must be 0 or more", self.startup, fix="Set controller.startup=10")
            sampler_of(self.sampler, self.sampler_options or {}, 0)

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._parameters: dict[int, tuple[Identity, Parameters]] = {}
        self._asking: tuple[np.random.Generator, Study] | None = None
        self._left = 0
        self._half = self.space.size() / 2

    def suggest(self, rng: np.random.Generator) -> Suggestion:
        """Return what the sampler suggests, or something random while there is nothing to learn from."""
        unscored = all(seen.score is None for seen in self.known())
        if self.begun < self.options.startup or len(self._proposed) > self._half or unscored:
            return Suggestion(self.space.sample(rng), "sample")
        from server_app.optuna_study import answering, quiet

        with quiet():
            if self._asking is None or self._asking[0] is not rng:
                self._asking, self._left = (rng, self._study(rng)), _ASKED
            while self._left:
                self._left -= 1
                with suppress(SpecError):
                    return Suggestion(self.space.made(answering(self._asking[1])), ORIGIN)
        return Suggestion(self.space.sample(rng), "sample")

    def load_extra_state(self, state: dict[str, Any]) -> None:  # noqa: ARG002 - there is none
        """Forget the parameters of another history."""
        self._parameters, self._asking = {}, None

    def _study(self, rng: np.random.Generator) -> Study:
        """Return the history as a study, in the order of the trials' numbers, with a sampler that has just begun."""
        from server_app.optuna_study import sampler_of, study_of

        sampler = sampler_of(self.options.sampler, self.options.sampler_options or {}, int(rng.integers(2**32)))
        scored = [seen for seen in self.known() if seen.score is not None]
        return study_of(self._trials(), 1 + len(scored[0].further), sampler)

    def _trials(self) -> list[FrozenTrial]:
        ended = {seen.number: seen for seen in self.known()}
        top = max(seen.rung for seen in ended.values() if seen.score is not None)
        constrained = any(not seen.feasible for seen in ended.values() if seen.score is not None)
        return [
            self._told(number, ended.get(number, self.under_way.get(number)), top, constrained)
            for number in range(-len(self.prior), len(self._proposed))
        ]

    def _told(self, number: int, seen: Observation | None, top: int, constrained: bool) -> FrozenTrial:
        """Return a trial as the sampler is told of it."""
        from server_app.optuna_study import known, parameters_of

        tried = self._proposed[number] if number >= 0 else self.prior[number].identity
        identity, parameters = self._parameters.get(number, (None, ({}, {})))
        if identity is not tried:  # what was put off left its number to another
            identity = tried
            parameters = parameters_of(self.space.asked(identity))
            self._parameters[number] = identity, parameters
        if seen is None:
            return known("running", parameters)
        if seen.score is None:
            return known("fail", parameters)
        intermediate = {} if seen.further else {seen.rung: seen.score}
        if not seen.final:
            return known("running", parameters, None, intermediate)
        violation = None
        if constrained:
            violation = 0.0 if seen.feasible else seen.violation or 1.0
        if seen.rung < top:
            return known("pruned", parameters, None, intermediate, violation)
        return known("complete", parameters, (seen.score, *seen.further), intermediate, violation)
