"""Classes of nodes: those that the same trial of a search is best for, of what they can hold and finish in time.

A search whose placement tells nodes apart may find something that small or slow nodes cannot use. The same run has
tried what they can: each node's best is the first of the ranking that its limits and its deadline allow, and nodes
with the same best are a class. There are as few classes as there are answers.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from common.architecture.cost import cost_of
from common.limits import Limits, tightest
from common.models.export import save_model, save_spec
from server_app.kept import Kept, kept_of
from server_app.suited import best_for

if TYPE_CHECKING:
    from pathlib import Path

    from server_app.outcome import Outcome
    from server_app.trials import Trial

CLASSES = "classes"


@dataclass(frozen=True)
class NodeClass:
    """Nodes that one trial is best for.

    Parameters
    ----------
    nodes : tuple of str
        Their names, sorted.
    limits : Limits
        The tightest of them.
    winner : Trial, optional
        The best that each of them can hold and finish in time; None where that is nothing that was scored.
    kept : Kept, optional
        Its weights, of the last stage that has some.
    """

    nodes: tuple[str, ...]
    limits: Limits
    winner: Trial | None
    kept: Kept | None


def classes_of(outcome: Outcome) -> list[NodeClass]:
    """Return the classes of the nodes of a run, that with the best winner first; none where none are told apart.

    The run's own winner comes first in the ranking: of the finalists it was chosen with more training.
    """
    search, chosen = outcome.search, outcome.winner
    if search.pace is None:
        return []
    ranking = [trial for trial in (chosen, *search.ranking) if trial is not None]
    best = {node: best_for(search, ranking, node) for node in sorted(outcome.nodes)}
    places = {trial.number: place for place, trial in reversed(list(enumerate(ranking)))}
    numbers = {None if trial is None else trial.number for trial in best.values()}
    found = []
    for number in sorted(numbers, key=lambda n: len(ranking) if n is None else places[n]):
        nodes = tuple(node for node, trial in best.items() if (trial.number if trial else None) == number)
        winner = best[nodes[0]]
        limits = tightest(outcome.nodes[node] for node in nodes)
        found.append(NodeClass(nodes, limits, winner, None if winner is None else _kept(outcome, winner)))
    return found


def class_entries(outcome: Outcome, classes: Sequence[NodeClass]) -> list[dict[str, Any]]:
    """Return what result.json tells of each class."""
    return [
        {
            "nodes": list(one.nodes),
            "limits": one.limits.to_dict(),
            "winner": None if one.winner is None else _entry(outcome, one.winner),
            "model": None if one.kept is None else one.kept.told,
        }
        for one in classes
    ]


def write_classes(folder: Path, outcome: Outcome, classes: Sequence[NodeClass], facts: Mapping[str, Any]) -> None:
    """Write the winner of each class into a folder of its own, from 1, where there are several.

    Its spec is there in any case, its weights as far as they are kept.

    Parameters
    ----------
    folder : Path
        Of the run.
    outcome, classes
        As `classes_of` takes and returns them.
    facts : mapping
        Goes into the metadata of each.
    """
    shutil.rmtree(folder / CLASSES, ignore_errors=True)  # of an end that was not the last
    for number, one in enumerate(classes if len(classes) > 1 else (), start=1):
        if (winner := one.winner) is None:
            continue
        home, metadata = folder / CLASSES / str(number), {**facts, "score": winner.score, "nodes": len(one.nodes)}
        if one.kept is None:
            save_spec(home, winner.spec, outcome.task, metadata)
        else:
            metadata |= {"test": one.kept.test, "trained": one.kept.told}
            save_model(home, winner.spec, outcome.task, one.kept.weights, metadata)


def _kept(outcome: Outcome, winner: Trial) -> Kept | None:
    """Return a class winner's weights: of the final training if it is the run's winner, too, else of the search."""
    kept = kept_of(outcome)
    if kept is not None and kept.trial.identity == winner.identity:
        return kept
    weights = outcome.search.weights.weights(winner.number)
    return None if weights is None else Kept("search", winner, weights)


def _entry(outcome: Outcome, trial: Trial) -> dict[str, Any]:
    cost = cost_of(trial.spec.lower(outcome.task))
    return {
        "trial": trial.number,
        "id": trial.spec.id,
        "architecture": trial.spec.describe(),
        "spec": trial.spec.to_dict(),
        "recipe": trial.recipe.to_json(),
        "rung": trial.rung,
        "score": trial.score,
        "values": dict(trial.last.values) if trial.last else {},
        "feasible": trial.last.feasible if trial.last else None,
        "parameters": cost.parameters,
        "macs": cost.macs,
    }
