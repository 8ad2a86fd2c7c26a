"""What result.json tells of each model of the final training, and of the finalists."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any

from common.architecture.cost import Cost, cost_of
from common.config import Config
from common.groups import PORTFOLIO
from common.precision import number_bytes
from server_app.front import feasible, of_front
from server_app.gains import Gain, clearest_gain_over, gain_over
from server_app.given import best_of_portfolio
from server_app.one_class import one_class
from server_app.outcome import Outcome
from server_app.run_folder import FRONT
from server_app.score_interval import interval_of
from server_app.scores import Score
from server_app.stages.bilevel import Bilevel
from server_app.stages.final import Final, test_of
from server_app.stages.personal import Personal
from server_app.trials import Trial

_CONSTANT = "constant"
_COMPARED = {"winner": ("baseline", "linear", _CONSTANT), "baseline": (_CONSTANT,)}
"""Over which others the gain of a model is told."""


def entry_of(config: Config, outcome: Outcome, role: str) -> dict[str, Any] | None:
    """Return what is told of a candidate of the final training; None where there is none, or it has not begun."""
    found, origin = _found(config, outcome, role)
    final = outcome.final
    runs = final.runs(role) if final else []
    trial = found if role == "winner" else runs[0] if runs else None
    if trial is None:
        return None
    cost = cost_of(trial.spec.lower(outcome.task))
    last = (found or trial).last
    tests = [test_of(run) for run in runs]
    return {
        "trial": found.number if found else None,
        "origin": origin,
        "id": trial.spec.id,
        "architecture": trial.spec.describe(),
        "spec": trial.spec.to_dict(),
        "recipe": trial.recipe.to_json(),
        "feasible": last.feasible if last else None,
        "broken": _broken(outcome, found or trial, cost),
        "score": found.score if found else None,
        "validation": dict(found.metrics) if found else {},
        "test": mean_of([test.metrics for test in tests if test]),
        "tests": [dict(test.metrics) if test else {} for test in tests],
        "by_node": _by_node(final, tests) if final else {},
        **_interval(config, outcome, [test for test in tests if test]),
        "gain_over": _gains(final, role, tests) if final else {},
        "one_class": _one_class(final, tests) if final else 0,
        "parameters": cost.parameters,
        "macs": cost.macs,
        "message_bytes": (cost.parameters + cost.buffers) * number_bytes(config.federation.precision),
        "bytes_sent": round(fmean(_bytes_sent(final, run) for run in runs)) if final and runs else 0,
        "failure": next((run.failure for run in (runs or [trial]) if run.failure), ""),
    }


def finalist_entries(outcome: Outcome) -> list[dict[str, Any]]:
    """Return what is told of each finalist, in the order of the search's ranking; nothing where there were none.

    Scores and means are of validation, more is better; there are none before all have ended.
    """
    stage = outcome.finalists
    if stage is None:
        return []
    choice, found = stage.choice, []
    for place, (spec, recipe) in enumerate(stage.contenders):
        cost = stage.cost(spec)
        trial = next(trial for trial in outcome.search.ranking if trial.identity == (spec, recipe))
        found.append(
            {
                "id": spec.id,
                "architecture": spec.describe(),
                "recipe": recipe.to_json(),
                "trial": trial.number,
                "macs": cost.macs,
                "parameters": cost.parameters,
                "scores": list(choice.scores[place]) if choice else [],
                "mean": choice.means[place] if choice else None,
                "chosen": choice is not None and choice.chosen == place,
                "why": choice.why if choice is not None and choice.chosen == place else "",
            }
        )
    return found


def front_entries(config: Config, outcome: Outcome) -> list[dict[str, Any]]:
    """Return what is told of each of the front of a search with several objectives, the knee first.

    ``values`` are of the search, by objective; ``tests`` and their mean, ``test``, are of those that the final training
    trained, whose models lie in ``folder``. Where no trial keeps all constraints there is no front.
    """
    front, final = outcome.search.front, outcome.final
    trained = {} if final is None else dict(zip(_of_front(config, outcome), ("winner", *final.exported), strict=False))
    found = []
    for place, trial in enumerate(front if feasible(front) else []):
        cost, role = cost_of(trial.spec.lower(outcome.task)), trained.get(trial.number)
        runs = [] if final is None or role is None else final.runs(role)
        tests = [test_of(run) for run in runs]
        found.append(
            {
                "trial": trial.number,
                "knee": place == 0,
                "origin": trial.origin,
                "id": trial.spec.id,
                "architecture": trial.spec.describe(),
                "spec": trial.spec.to_dict(),
                "recipe": trial.recipe.to_json(),
                "rung": trial.rung,
                "values": dict(trial.scores[-1].values),
                "parameters": cost.parameters,
                "macs": cost.macs,
                "test": mean_of([test.metrics for test in tests if test]),
                "tests": [dict(test.metrics) if test else {} for test in tests],
                "folder": None if not runs else "best" if role == "winner" else f"{FRONT}/{role}",
                "failure": next((run.failure for run in runs if run.failure), ""),
            }
        )
    return found


def _of_front(config: Config, outcome: Outcome) -> list[int]:
    return [trial.number for trial in of_front(outcome.search, config.final)]


def bilevel_entry(stage: Bilevel) -> dict[str, Any]:
    """Return what is told of a bilevel search: its networks, how likely options were in the end, what it came to."""
    levels = []
    for trial in stage.trials:
        cost = stage.space.cost(trial.spec)
        levels.append(
            {
                "trial": stage.name_of(trial),
                "id": trial.spec.id,
                "parameters": cost.parameters,
                "macs": cost.macs,
                "options": sum(len(choice.options) for choice in stage.spec_of(trial.number).choices),
                "rounds": trial.rounds,
                "bytes_down": trial.ledger.bytes_down,
                "bytes_up": trial.ledger.bytes_up,
            }
        )
    return {
        "rounds": stage.trained,
        "of": stage.all_rounds,
        "collapsed": stage.collapsed,
        "levels": levels,
        "probabilities": stage.last().to_dict() if stage.history else {},
        "found": [spec.id for spec in stage.found],
    }


def personal_entry(stage: Personal) -> dict[str, Any]:
    """Return what is told of the nodes' own models: what each keeps, what all come to, and what they gain."""
    settings = stage.settings
    return {
        "method": settings.method,
        "epochs": settings.epochs,
        "learning_rate": settings.learning_rate,
        "rounds": stage.rounds,
        **stage.summary(),
        **{split: stage.table(split) for split in ("validation", "test")},
        "by_node": {
            name: {**verdict.to_json(), "note": stage.notes.get(name, "")} for name, verdict in stage.verdicts.items()
        },
        "left_out": dict(stage.left_out),
        "failure": stage.failure,
    }


def mean_of(tests: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Return the mean over tests of each metric that all of them have."""
    if len(tests) == 1:
        return dict(tests[0])
    return {name: fmean(test[name] for test in tests) for name in (tests[0] if tests else ()) if _in_all(name, tests)}


def _in_all(name: str, tests: Sequence[Mapping[str, float]]) -> bool:
    return all(name in test for test in tests)


def _broken(outcome: Outcome, trial: Trial, cost: Cost) -> list[str]:
    """Return in words which hard constraints the last score of a trial breaks."""
    if trial.last is None or trial.last.feasible:
        return []
    objectives = outcome.search.objectives
    return objectives.broken(trial.metrics, objectives.cost(cost, trial.spec, trial.recipe))


def _found(config: Config, outcome: Outcome, role: str) -> tuple[Trial | None, str]:
    """Return the trial of the search that a candidate is, if it is one, and where the candidate comes from."""
    if role == "winner":
        winner = outcome.winner
        return winner, winner.origin if winner else ""
    if role == "baseline" and config.final.baseline == PORTFOLIO:
        return best_of_portfolio(outcome.search.ranking), PORTFOLIO
    return None, "given" if role == "baseline" else "reference"


def _by_node(final: Final, tests: Sequence[Score | None]) -> dict[str, list[float]]:
    """Return by node, or person of the test, the primary metric as the mean over tests, and the examples behind it.

    Who was missing in a test, or had no such metric in it, is left out: means over other tests do not compare.
    """
    metric, _ = final.objectives.head.primary
    nodes = [test.by_node for test in tests if test is not None]
    names = set.intersection(*({name for name, own in one.items() if metric in own.metrics} for one in nodes or [{}]))
    return {
        name: [fmean(one[name].metrics[metric] for one in nodes), nodes[0][name].examples] for name in sorted(names)
    }


def _gains(final: Final, role: str, tests: Sequence[Score | None]) -> dict[str, Any]:
    gains: dict[str, Gain | None] = {}
    for other in _COMPARED.get(role, ()):
        theirs = [test_of(run) for run in final.runs(other)]
        compare = gain_over if other == "baseline" else clearest_gain_over
        gains[other] = compare(tests, theirs, *final.objectives.head.primary) if theirs else None
    return {other: gain.to_json() for other, gain in gains.items() if gain is not None}


def _interval(config: Config, outcome: Outcome, tests: Sequence[Score]) -> dict[str, Any]:
    found = interval_of(tests, outcome.task.head, config.final.bootstrap, config.seed)
    return {} if found is None else {"interval": found.to_json()}


def _one_class(final: Final, tests: Sequence[Score | None]) -> int:
    """Return how many tests show a classifier that answers one class only."""
    constant = [test for run in final.runs(_CONSTANT) if (test := test_of(run))]
    if not constant or "accuracy" not in constant[0].metrics:
        return 0
    most = constant[0].metrics["accuracy"]
    return sum(
        one_class(_nodes(test), test.metrics["accuracy"], most)
        for test in tests
        if test is not None and "accuracy" in test.metrics
    )


def _nodes(test: Score) -> list[Mapping[str, float]]:
    return [node.metrics for node in test.by_node.values()] or [test.metrics]


def _bytes_sent(final: Final, run: Trial) -> int:
    """Return the bytes of a run's training and test, those of before it was taken over included."""
    ledgers = [run.ledger]
    if run.number in final.adopted and final.earlier is not None:
        ledgers.append(final.earlier.trials[final.adopted[run.number]].ledger)
    return sum(ledger.bytes_down + ledger.bytes_up for ledger in ledgers)
