"""What the journal says of a trial, from its proposal to its end: the fields of each event.

Nothing in them depends on a clock, so the journals of two runs that did the same differ in their times alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from common.architecture.cost import Cost
    from common.jobs import Split
    from server_app.phases import TrainPhase
    from server_app.scores import Score
    from server_app.trials import Trial

NAMED = 20
"""Most nodes that a line of the journal names; with thousands of them it would hold little else."""


def proposed(trial: Trial, cost: Cost) -> dict[str, Any]:
    """Return what is said of a trial that begins."""
    return {
        "spec_id": trial.spec.id,
        "spec": trial.spec.to_dict(),
        "recipe": trial.recipe.to_json(),
        "origin": trial.origin,
        "parent": trial.parent,
        "repeats": trial.repeats,
        "parameters": cost.parameters,
        "macs": cost.macs,
    }


def trained(trial: Trial, phase: TrainPhase) -> dict[str, Any]:
    """Return what is said of a round that has ended, which is the trial's last one."""
    nodes = [node for node in phase.nodes if node not in phase.left_out]
    return {
        "round": trial.rounds,
        "num_nodes": len(nodes),
        "nodes": nodes[:NAMED],
        "left_out": sorted(phase.left_out)[:NAMED],
        "loss": phase.loss,
        **_spent(trial),
    }


def scored(trial: Trial, score: Score, split: Split) -> dict[str, Any]:
    """Return what is said of a score on a split."""
    return {
        "split": split,
        "rung": score.rung,
        "rounds": score.rounds,
        "score": score.value,
        "values": score.values,
        "feasible": score.feasible,
        "metrics": score.metrics,
        **_spent(trial),
    }


def ended(trial: Trial) -> dict[str, Any]:
    """Return what is said of a trial that has ended, with the reason where it has one."""
    values = dict(trial.last.values) if trial.last else {}
    reason = {"reason": trial.failure} if trial.failure else {}
    return {"rung": trial.rung, "score": trial.score, "values": values, **reason}


def _spent(trial: Trial) -> dict[str, int]:
    """Return what a trial has cost so far."""
    ledger = trial.ledger
    return {"bytes_down": ledger.bytes_down, "bytes_up": ledger.bytes_up, "mac_examples": ledger.mac_examples}
