"""What of earlier trials concerns a search: those of its space, worth what they are by its objective, the best last.

A trial of elsewhere counts at the highest rung of this search whose rounds it had trained, by the last score that was
taken before it had trained more than any trial here does. Where it had trained less than the first rung, where nobody
says how long, or where its weights were shared and those of this search are not (or the other way round), it counts at
rung 0: below every trial of this search that has a score. Within a rung scores are compared as they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from common.errors import ConfigError, ProtocolError, SpecError
from server_app.controllers.observations import Observation, best_first
from server_app.imports.run import read_run
from server_app.imports.table import SUFFIX, read_table
from server_app.trials import Identity, Recipe

if TYPE_CHECKING:
    from common.groups import SearchConfig
    from common.tasks import Task
    from server_app.fidelity.base import Fidelity
    from server_app.imports.known import Known, Source, Taken
    from server_app.objectives.base import Objectives
    from server_app.spaces.trial_space import TrialSpace


@dataclass(frozen=True)
class Prior:
    """What is known before the first trial.

    Parameters
    ----------
    observations : sequence of Observation
        Of each identity the best, the best of all last.
    first : tuple of Identity
        What is tried first: the best ones, best first.
    sources : tuple of dict
        What the journal tells of each run and file.
    """

    observations: Sequence[Observation] = ()
    first: tuple[Identity, ...] = ()
    sources: tuple[dict[str, Any], ...] = ()


@dataclass(frozen=True)
class Terms:
    """What a search asks of what it imports.

    Parameters
    ----------
    space : TrialSpace
        What may be tried; settings of a recipe that are not offered take the default.
    objectives : Objectives
        By which scores count.
    fidelity : Fidelity
        Its rungs.
    shares : bool
        Whether trials share weights.
    """

    space: TrialSpace
    objectives: Objectives
    fidelity: Fidelity
    shares: bool


def prior_of(config: SearchConfig, terms: Terms) -> Prior:
    """Read what ``search.imports`` names, and keep what concerns the search.

    Parameters
    ----------
    config : SearchConfig
        Which runs and files, and how many of the best are tried first.
    terms : Terms
        Of the search.

    Raises
    ------
    ConfigError
        Nothing of a run or a file belongs to the space, it is for another task, or has no score by this objective.
    StorageError
        It cannot be read.
    """
    seen: list[Observation] = []
    sources: list[dict[str, Any]] = []
    for name in config.imports:
        source = read_table(name) if Path(name).suffix.lower() == SUFFIX else read_run(name)
        _check_task(source, terms.space.space.task)
        _check_scores(source, terms.objectives)
        found, told = _observed(source, terms, len(seen))
        seen += found
        sources.append(told)
    best: dict[Identity, Observation] = {}
    for one in best_first(seen):
        best.setdefault(one.identity, one)
    return Prior(list(best.values())[::-1], tuple(best)[: config.imports_first], tuple(sources))


def _check_task(source: Source, task: Task) -> None:
    """Raise `ConfigError` for a run that was for other inputs or another head; how inputs are scaled may differ."""
    if source.task is not None and (theirs := _told(source.task)) != (ours := _told(task)):
        raise ConfigError(
            f"A run that is imported is for the task of this search, {ours}, and {source.name} is for {theirs}",
            fix=f"Leave {source.name} out of search.imports",
        )


def _check_scores(source: Source, objectives: Objectives) -> None:
    """Raise `ConfigError` for a score, more being better, that the objective cannot have, such as a percentage."""
    term, *others = objectives.terms()
    least, most = objectives.head.range_of(term.name)
    for taken in (taken for known in source.known for taken in known.scores):
        if not others and taken.score is not None and not least <= term.oriented(taken.score) <= most:
            raise ConfigError(
                f"A score of {source.name} must be of {term.name}, which lies in [{least:g}, {most:g}]"
                f"{'' if term.oriented(1.0) > 0 else ', with a minus before it, for more is better'}",
                taken.score,
                fix="Write it as such, or leave the row out",
            )


def _told(task: Task) -> str:
    facts = task.head.facts().items()
    words = [f"{name} {value}" for name, value in facts if value] or [f"outputs {task.head.output_width}"]
    words += [] if task.schema is None else [f"schema {task.schema.digest[:12]}"]
    return f"{task.head.kind} of examples of shape {task.input_shape} ({', '.join(words)})"


def _observed(source: Source, terms: Terms, before: int) -> tuple[list[Observation], dict[str, Any]]:
    """Return what a source tells of this space, numbered below 0, and what the journal says of it."""
    if not source.known:
        raise ConfigError(
            "What is imported has trials with scores, and this has none",
            source.name,
            fix="Leave it out of search.imports",
        )
    found: list[Observation] = []
    outside, scoreless = list[str](), list[str]()
    for known in source.known:
        try:
            identity = _identity(known, terms)
            found.append(_observation(-1 - before - len(found), identity, known, source.shares, terms))
        except (SpecError, ConfigError) as error:
            outside.append(error.rule)
        except ProtocolError as error:
            scoreless.append(error.rule)
    if not found:
        why = "belongs to the space that is searched now" if outside else "has a score by the objective of this search"
        raise ConfigError(
            f"None of {len(source.known):,} trials of {source.name} {why} ({[*outside, *scoreless][0]})",
            fix="Search what they were of, or leave it out of search.imports",
        )
    return found, {
        "source": source.name,
        "of": len(source.known),
        "imported": len(found),
        "outside": len(outside),
        "scoreless": len(scoreless),
        "rung": max(one.rung for one in found),
        "why": next(iter([*outside, *scoreless]), ""),
    }


def _identity(known: Known, terms: Terms) -> Identity:
    recipes = terms.space.recipes
    recipe = recipes.within(Recipe.from_json({**recipes.default.to_json(), **known.settings}))
    terms.space.check((known.spec, recipe))
    return known.spec, recipe


def _observation(number: int, identity: Identity, known: Known, shared: bool, terms: Terms) -> Observation:
    """Return what a trial of elsewhere is worth here; raises `ProtocolError` where nobody reported what counts."""
    objectives, (spec, recipe) = terms.objectives, identity
    taken = _taken(known, terms.fidelity)
    metrics, cost = taken.metrics, objectives.cost(terms.space.cost(spec), spec, recipe)
    if taken.score is not None and objectives.several:
        raise ProtocolError("A score alone is no value of several objectives")
    violation = objectives.violation(metrics, cost)
    return Observation(
        number,
        spec,
        recipe,
        _rung(taken, terms.fidelity) if shared == terms.shares else 0,
        objectives.ranking_value(metrics, cost) if taken.score is None else taken.score,
        feasible=violation == 0,
        tie=objectives.tie(metrics),
        further=objectives.further(metrics, cost),
        violation=violation,
    )


def _taken(known: Known, fidelity: Fidelity) -> Taken:
    """Return the last score that was taken after no more rounds than trials have here, or else the first one."""
    within = [taken for taken in known.scores if taken.rounds is None or taken.rounds <= fidelity.max_rounds]
    return within[-1] if within else known.scores[0]


def _rung(taken: Taken, fidelity: Fidelity) -> int:
    return 0 if taken.rounds is None else sum(rounds <= taken.rounds for rounds in fidelity.rungs)
