"""Every trial trains for the full number of rounds."""

from __future__ import annotations

from typing import Any

from server_app.fidelity.base import Ending, Fidelity
from server_app.trials import Trial, TrialState


class Full(Fidelity):
    """One rung at `max_rounds`: nobody is stopped, nobody waits."""

    def start(self, trial: Trial) -> int:  # noqa: ARG002
        """Return `max_rounds`."""
        return self.max_rounds

    def report(self, trial: Trial) -> list[Ending]:
        """Finish the trial, unless it failed."""
        return [] if trial.state is TrialState.FAILED else [Ending(trial.number, "finish")]

    def state_dict(self) -> dict[str, Any]:
        """Return nothing: no decision depends on an earlier one."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take back nothing."""
