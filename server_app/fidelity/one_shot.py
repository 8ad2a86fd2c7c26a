"""No trial trains: it is scored with what the weights are that all share.

One-shot search, as of G. Bender et al., "Understanding and Simplifying One-Shot Architecture Search", ICML 2018: the
shared weights are trained first, and then a trial costs one score.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from server_app.fidelity.base import Ending, Fidelity
from server_app.trials import Trial, TrialState


class OneShot(Fidelity):
    """One rung, before the first round."""

    trains: ClassVar[bool] = False

    @dataclass(frozen=True)
    class Options:
        """No options."""

    @property
    def max_rounds(self) -> int:
        """None: 0."""
        return 0

    def start(self, trial: Trial) -> int:  # noqa: ARG002
        """Return 0."""
        return 0

    def report(self, trial: Trial) -> list[Ending]:
        """Finish the trial, unless it failed."""
        return [] if trial.state is TrialState.FAILED else [Ending(trial.number, "finish")]

    def state_dict(self) -> dict[str, Any]:
        """Return nothing: no decision depends on an earlier one."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take back nothing."""
