"""The best architecture of a finished run that keeps given limits: among its trials, and by what they tell of others.

No node is asked. What a search scored is known, and the best of that within the limits is found at once. Of the rest of
the space a random forest says what it would have scored (L. Breiman, "Random Forests", 2001), fitted on the trials of
the highest rung that has enough of them; of predictors that need no training of networks, forests are among the better
ones where there are few trials (C. White et al., "How Powerful are Performance Predictors in Neural Architecture
Search?", NeurIPS 2021). How good it is here is told by trials that trees have not seen.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, repeat
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import spearmanr
from sklearn.ensemble import RandomForestRegressor

from common.architecture.cost import cost_of
from common.architecture.spec import ArchitectureSpec
from common.errors import SpecError, StorageError
from common.limits import NO_LIMITS, Limits, needs_of
from common.seeding import child_seed, generator
from common.settings import TrainingSettings
from common.tasks import Task, task_from_record
from server_app.build import build_space
from server_app.objectives.base import Objectives
from server_app.pareto import Point
from server_app.ranking import Entry, leaders
from server_app.registry import load_choice
from server_app.run_folder import HISTORY, RESULT, read_finished
from server_app.spaces.base import SearchSpace
from server_app.state import config_of
from server_app.wiring import objectives_of

LEAST = 10
"""Scores that a forest is fitted on, at least."""
_TREES = 300
_DRAWN = 1000
"""Specs that are drawn from the space, and as many mutations of the best trials that keep the limits."""
_PARENTS = 10


@dataclass(frozen=True)
class Scored:
    """A trial of a run that has a score.

    Parameters
    ----------
    number, rung : int
        Of the trial, and how far it came.
    spec : ArchitectureSpec
        Its architecture.
    score : float
        By which it was ranked; more is better.
    feasible : bool
        Whether it kept the constraints of the objective.
    further : tuple of float
        What else it was compared by, with several objectives; more is better.
    """

    number: int
    rung: int
    spec: ArchitectureSpec
    score: float
    feasible: bool
    further: Point = ()


@dataclass(frozen=True)
class Predicted:
    """What a forest thinks best of what was not tried.

    Parameters
    ----------
    spec : ArchitectureSpec
        The architecture.
    score, error : float
        Predicted, and the root mean square of the errors on trials that trees did not see.
    rho : float, optional
        Spearman's, of predictions and scores of these trials; None where all scores are equal.
    trials, rung, candidates : int
        On how many trials the forest was fitted, of which rung, and among how many specs this one is the best.
    """

    spec: ArchitectureSpec
    score: float
    error: float
    rho: float | None
    trials: int
    rung: int
    candidates: int


@dataclass(frozen=True)
class Finished:
    """A finished run, as far as it matters here.

    Parameters
    ----------
    space : SearchSpace
        That it searched.
    task : Task
        For what.
    seed : int
        Its seed.
    scored : list of Scored
        Its trials, best first.
    shares : bool
        Whether scores are of weights that all trials share.
    objectives : Objectives
        What it went by.
    limits : Limits
        What held for all that it proposed, as its nodes had it.
    """

    space: SearchSpace
    task: Task
    seed: int
    scored: list[Scored]
    shares: bool
    objectives: Objectives
    limits: Limits


def read_run(folder: Path) -> Finished:
    """Read the folder of a run.

    Raises
    ------
    StorageError
        A file is missing, or is none of ours.
    """
    result, history = (read_finished(folder, name) for name in (RESULT, HISTORY))
    config = config_of(folder)
    try:
        task = task_from_record(result["task"])
        objectives = objectives_of(config, task)
        scored = [_scored(row, objectives) for row in history if row["score"] is not None and row["state"] != "failed"]
        limits = Limits.from_dict(result.get("limits", {}))
    except (KeyError, TypeError, SpecError) as error:
        raise StorageError(f"The files of a run must be whole ({error!r})", str(folder), fix="Copy it again") from None
    weights: Any = load_choice("weights", config.weights["name"])
    placement: Any = load_choice("placement", config.placement["name"])
    if placement.tells_apart:  # no proposal had to suit all nodes
        limits = NO_LIMITS
    return Finished(build_space(config, task), task, config.seed, scored, weights.shares, objectives, limits)


def best_scored(run: Finished, limits: Limits) -> Scored | None:
    """Return the best trial that keeps the limits; None where there is none.

    Of several objectives it is the knee of the front of those that keep them.
    """
    kept = [trial for trial in run.scored if _keeps(run, limits, trial.spec)]
    if not kept or not kept[0].feasible or not run.objectives.several:
        return next(iter(kept), None)
    peers = {trial.number: trial for trial in kept if trial.feasible and trial.rung == kept[0].rung}
    knee = leaders([Entry(number, (trial.score, *trial.further)) for number, trial in peers.items()])[0]
    return peers[knee.number]


def best_predicted(run: Finished, limits: Limits) -> Predicted | None:
    """Return what a forest thinks best of the space within the limits, beside what was tried.

    It is something that the search could have proposed: it keeps the limits of its nodes and its constraints, too.
    Of several objectives it is the first one alone that is predicted.

    Returns
    -------
    Predicted or None
        None where no rung has `LEAST` scores, or nothing else that keeps the limits was found.
    """
    rung, trials = _rung(run)
    if len(trials) < LEAST:
        return None
    seed = child_seed(run.seed, "pick")
    forest = RandomForestRegressor(_TREES, oob_score=True, random_state=seed % 2**32)
    scores = np.array([trial.score for trial in trials])
    forest.fit(_rows(run, [trial.spec for trial in trials]), scores)
    unseen = np.nan_to_num(forest.oob_prediction_, nan=float(scores.mean()))
    tried = {trial.spec for trial in run.scored}
    candidates = [spec for spec in dict.fromkeys(_candidates(run, limits, seed)) if spec not in tried]
    if not candidates:
        return None
    predicted = forest.predict(_rows(run, candidates))
    best = int(np.argmax(predicted))
    return Predicted(
        candidates[best],
        float(predicted[best]),
        float(np.sqrt(np.mean((unseen - scores) ** 2))),
        float(spearmanr(unseen, scores).statistic) if min(np.ptp(unseen), np.ptp(scores)) > 0 else None,
        len(trials),
        rung,
        len(candidates),
    )


def _rung(run: Finished) -> tuple[int, list[Scored]]:
    """Return the highest rung that has enough scores, or the one that has most, with its trials."""
    rungs = sorted({trial.rung for trial in run.scored}, reverse=True)
    found = {rung: [trial for trial in run.scored if trial.rung == rung] for rung in rungs}
    enough = (rung for rung in rungs if len(found[rung]) >= LEAST)
    rung = next(enough, max(rungs, key=lambda one: len(found[one]), default=0))
    return rung, found.get(rung, [])


def _rows(run: Finished, specs: Sequence[ArchitectureSpec]) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Return what a forest knows of specs: how the space writes them, and what they cost."""
    costs = [cost_of(spec.lower(run.task)) for spec in specs]
    return np.array(
        [
            [*run.space.encode(spec), np.log1p(cost.macs), np.log1p(cost.parameters)]
            for spec, cost in zip(specs, costs, strict=True)
        ]
    )


def _candidates(run: Finished, limits: Limits, seed: int) -> Iterator[ArchitectureSpec]:
    """Yield specs of the space that keep the limits: of draws, and of mutations of the best trials that do."""
    rng, space = generator(seed, "candidates"), run.space

    def kept(specs: Iterator[ArchitectureSpec], most: int) -> Iterator[ArchitectureSpec]:
        return (spec for spec in islice(specs, most) if _keeps(run, limits, spec) and _allowed(run, spec))

    yield from kept((spec for spec, reason in space.draws(rng) if reason is None), _DRAWN)
    specs = (trial.spec for trial in run.scored)
    within = (spec for spec in specs if _keeps(run, limits, spec) and space.contains(spec))
    for parent in (parents := list(islice(within, _PARENTS))):
        yield from kept((space.mutate(parent, rng) for _ in repeat(None)), _DRAWN // len(parents))


def _keeps(run: Finished, limits: Limits, spec: ArchitectureSpec) -> bool:
    return not limits.exceeded(needs_of(spec, run.task, TrainingSettings()))


def _allowed(run: Finished, spec: ArchitectureSpec) -> bool:
    """Tell whether the search could have proposed a spec: neither its nodes nor its constraints forbid it."""
    cost = run.objectives.cost(cost_of(spec.lower(run.task)), spec, TrainingSettings())
    return _keeps(run, run.limits, spec) and not run.objectives.violations(cost)


def _scored(row: dict[str, Any], objectives: Objectives) -> Scored:
    """Return a trial of the history that has a score."""
    further = objectives.dimensions()[1:]
    return Scored(
        row["number"],
        row["rung"],
        ArchitectureSpec.from_dict(row["spec"]),
        row["score"],
        row["feasible"],
        tuple(term.scaled(row["values"][term.name]) for term in further),
    )
