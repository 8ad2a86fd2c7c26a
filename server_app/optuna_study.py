"""Trials as Optuna has them: what a sampler reads of a study, and what it suggests.

T. Akiba et al., "Optuna: A Next-generation Hyperparameter Optimization Framework", KDD 2019. A question of a space is a
parameter of Optuna. Of a question with other answers after other answers there is a parameter for each set of them, as
Optuna wants one distribution for a name. What is answered travels as its place among the answers: numbers, which have
an order, as whole numbers in that order, all else as categories, which have none.

This is the only module that imports Optuna, which is an extra; who needs it imports it where it is needed.
"""

from __future__ import annotations

import copy
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from numbers import Real
from typing import TYPE_CHECKING, Any

from common.errors import ConfigError
from server_app.spaces.domains import Choices, Domain

try:
    import optuna
    from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
    from optuna.samplers import BaseGASampler, BaseSampler
    from optuna.storages import InMemoryStorage
    from optuna.study import Study, StudyDirection
    from optuna.trial import FrozenTrial, TrialState
except ModuleNotFoundError as error:
    raise ConfigError(
        f"Optuna must be installed, and the package {error.name} is not", fix='pip install "flwr-nas[optuna]"'
    ) from None

if TYPE_CHECKING:
    from server_app.spaces.base import Ask

optuna.logging.set_verbosity(optuna.logging.ERROR)  # it tells of every study, and of every draw at random

Parameters = tuple[dict[str, Any], dict[str, BaseDistribution]]
"""By name of a parameter its value, and its distribution."""

_APART = {
    "CmaEsSampler": "keeps what it has learnt as pickled objects",
    "GridSampler": "wants the parameters of a space that has them all at once",
    "PartialFixedSampler": "needs another sampler",
    "QMCSampler": "goes by a count that it keeps in its study",
}
"""Samplers that cannot work on a study which is rebuilt from trials alone."""
_NAME = "search"


def sampler_of(name: str, options: Mapping[str, Any], seed: int) -> BaseSampler:
    """Build a sampler.

    Parameters
    ----------
    name : str
        Of its class in `optuna.samplers`.
    options : mapping
        What the class takes beside the seed.
    seed : int
        Of all that it draws, below 2^32.

    Raises
    ------
    ConfigError
        There is no such sampler, it has no such option or not with this value, or it needs more than trials.
    """
    names = sorted(
        {one for one in optuna.samplers.__all__ if one.endswith("Sampler")} - {"BaseSampler", "BaseGASampler"}
    )
    if name in _APART or name not in names:
        rule = f"controller.sampler must be one of {', '.join(one for one in names if one not in _APART)}"
        why = f"; {name} {_APART[name]}" if name in _APART else ""
        raise ConfigError(rule + why, name, fix="Set controller.sampler=TPESampler")
    try:
        with quiet():
            sampler: BaseSampler = getattr(optuna.samplers, name)(seed=seed, **options)
    except (TypeError, ValueError, ImportError) as error:
        raise ConfigError(
            f"controller.sampler_options must be what {name} takes ({error})",
            dict(options),
            fix=f"See optuna.samplers.{name} in Optuna's reference",
        ) from None
    return sampler


def parameters_of(asked: Mapping[str, tuple[Domain, Any]]) -> Parameters:
    """Return what was answered as parameters; what can be answered in one way only is none."""
    open_ones = {_label(name, domain): (domain, answer) for name, (domain, answer) in asked.items() if domain.size > 1}
    return (
        {label: _suggested(domain, answer) for label, (domain, answer) in open_ones.items()},
        {label: _distribution(domain) for label, (domain, _) in open_ones.items()},
    )


def known(
    state: str,
    parameters: Parameters,
    values: Sequence[float] | None = None,
    intermediate: Mapping[int, float] | None = None,
    violation: float | None = None,
) -> FrozenTrial:
    """Return a trial that a sampler may learn from.

    Parameters
    ----------
    state : {"complete", "pruned", "running", "fail"}
        Of the trial, as Optuna names them.
    parameters : Parameters
        Of `parameters_of`.
    values : sequence of float, optional
        One an objective, more being better; of what is complete.
    intermediate : mapping of int to float, optional
        By rung, of the first objective.
    violation : float, optional
        By how much constraints are broken, 0 where they are kept; None where nobody breaks any.
    """
    trial = _Known(
        number=-1,
        trial_id=-1,
        state=TrialState[state.upper()],
        value=None,
        values=values,
        datetime_start=None,
        datetime_complete=None,
        params=parameters[0],
        distributions=parameters[1],
        user_attrs={},
        system_attrs={},
        intermediate_values=dict(intermediate or {}),
    )
    if violation is not None:
        trial.set_constraint("violation", violation)
    return trial


class _Known(FrozenTrial):
    """A trial that nobody changes any more.

    A storage copies what it is given; a thousand trials with all their distributions would take it half a second.
    """

    def __deepcopy__(self, memo: dict[int, Any]) -> FrozenTrial:
        return copy.copy(self)


def study_of(trials: Sequence[FrozenTrial], objectives: int, sampler: BaseSampler) -> Study:
    """Return a study in memory with these trials, numbered as they come.

    A genetic sampler tells generations apart by what it wrote on trials when it suggested them. Here the k-th of P that
    are complete is of generation ``k // P``, counted from 0, as where one trial came after the other.
    """
    storage = InMemoryStorage()
    study = storage.create_new_study([StudyDirection.MAXIMIZE] * objectives, _NAME)
    complete = 0
    for trial in trials:
        if isinstance(sampler, BaseGASampler) and trial.state is TrialState.COMPLETE:
            assert sampler.population_size is not None
            generation = {f"{type(sampler).__name__}:generation": complete // sampler.population_size}
            trial = copy.copy(trial)  # noqa: PLW2901
            trial.system_attrs = {**trial.system_attrs, **generation}
            complete += 1
        storage.create_new_trial(study, template_trial=trial)
    return optuna.load_study(study_name=_NAME, storage=storage, sampler=sampler)


def answering(study: Study) -> Ask:
    """Return what answers the questions on one more trial of a study as its sampler suggests.

    The trial is left as one that is under way, whatever becomes of it: a sampler that looks at those keeps away from
    what was illegal, or tried before.

    Raises
    ------
    ConfigError
        In an answer: the sampler cannot work with what it is asked.
    """
    trial = study.ask()

    def ask(name: str, domain: Domain) -> Any:
        if domain.size == 1 and isinstance(domain, Choices):
            return domain.values[0]
        label = _label(name, domain)
        try:
            return _answer(domain, _suggest(trial, label, _distribution(domain)))
        except (TypeError, ValueError, RuntimeError, ImportError) as error:
            raise ConfigError(
                f"The sampler must be able to search this space ({error})",
                type(study.sampler).__name__,
                fix="Set controller.sampler=TPESampler",
            ) from error

    return ask


@contextmanager
def quiet() -> Iterator[None]:
    """Keep to ourselves what Optuna warns of: which of its features are new or old is no matter of a search."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _label(name: str, domain: Domain) -> str:
    return f"{name} of {domain.values}" if isinstance(domain, Choices) else f"{name} of {domain}"


@lru_cache(maxsize=4096)
def _distribution(domain: Domain) -> BaseDistribution:
    if not isinstance(domain, Choices):
        return FloatDistribution(domain.low, domain.high)
    count = len(domain.values)
    return IntDistribution(0, count - 1) if _is_ordered(domain) else CategoricalDistribution(range(count))


@lru_cache(maxsize=4096)
def _in_order(domain: Choices) -> tuple[Any, ...]:
    return tuple(sorted(domain.values)) if _is_ordered(domain) else domain.values


def _is_ordered(domain: Choices) -> bool:
    return all(isinstance(value, Real) and not isinstance(value, bool) for value in domain.values)


def _suggested(domain: Domain, answer: Any) -> Any:
    return _in_order(domain).index(answer) if isinstance(domain, Choices) else answer


def _answer(domain: Domain, suggested: Any) -> Any:
    return _in_order(domain)[suggested] if isinstance(domain, Choices) else suggested


def _suggest(trial: optuna.Trial, name: str, distribution: BaseDistribution) -> Any:
    if isinstance(distribution, FloatDistribution):
        return trial.suggest_float(name, distribution.low, distribution.high)
    if isinstance(distribution, IntDistribution):
        return trial.suggest_int(name, distribution.low, distribution.high)
    assert isinstance(distribution, CategoricalDistribution)
    return trial.suggest_categorical(name, distribution.choices)
