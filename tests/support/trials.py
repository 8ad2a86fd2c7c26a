"""Trials in any state, for tests of what ranks, promotes or learns."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from common.architecture.spec import ArchitectureSpec
from server_app.scores import NodeScore, Score
from server_app.trials import Proposal, Trial, TrialState


def scored(
    trial: Trial,
    value: float,
    rung: int = 1,
    feasible: bool = True,
    tie: float | None = None,
    by_node: Mapping[str, NodeScore] = MappingProxyType({}),
    further: tuple[float, ...] = (),
    violation: float = 0.0,
) -> Trial:
    """Give a trial the scores of `rung` rungs, all of the same value."""
    steps = range(1, rung + 1)
    whole = {"feasible": feasible, "tie": tie, "further": further, "violation": violation}
    trial.scores = [Score(step, trial.rounds, value, by_node=by_node, **whole) for step in steps]  # type: ignore[arg-type]
    return trial


def trial_of(
    proposal: Proposal, value: float | None = None, rung: int = 1, state: TrialState = TrialState.FINISHED
) -> Trial:
    """Return the trial that a proposal became."""
    trial = Trial.of(proposal)
    trial.state = state
    return trial if value is None else scored(trial, value, rung)


def trial(number: int, spec: ArchitectureSpec, value: float | None = None, rung: int = 1, **fields: object) -> Trial:
    """Return a trial that nobody proposed."""
    made = Trial(number, spec, **fields)  # type: ignore[arg-type]
    return made if value is None else scored(made, value, rung)
