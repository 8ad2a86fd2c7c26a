"""Trials in any state, for tests of what ranks, promotes or learns."""

from __future__ import annotations

from common.architecture.spec import ArchitectureSpec
from server_app.scores import Score
from server_app.trials import Proposal, Trial, TrialState


def scored(trial: Trial, value: float, rung: int = 1, feasible: bool = True) -> Trial:
    """Give a trial the scores of `rung` rungs, all of the same value."""
    trial.scores = [Score(step, trial.rounds, value, feasible=feasible) for step in range(1, rung + 1)]
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
