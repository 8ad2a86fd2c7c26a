"""Which trained model a run leaves: of the last stage that has one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from common.jobs import Weights
from server_app.outcome import Outcome
from server_app.stages.final import test_of
from server_app.trials import Trial


@dataclass(frozen=True)
class Kept:
    """A trained model.

    Parameters
    ----------
    stage : str
        Which stage trained it: ``search``, ``finalists`` or ``final``.
    trial : Trial
        Of that stage.
    weights : Weights
        Packed.
    run : int, optional
        With which of several seeds it was trained, from 0.
    """

    stage: str
    trial: Trial
    weights: Weights
    run: int | None = None

    @property
    def test(self) -> dict[str, float]:
        """Its own test; nothing where it was not tested."""
        test = test_of(self.trial) if self.stage == "final" else None
        return dict(test.metrics) if test else {}

    @property
    def threshold(self) -> float | None:
        """Of two classes, the probability of the second above which to answer it, as validation told; else None."""
        tables = [self.test, self.trial.metrics]
        return next((table["threshold"] for table in tables if "threshold" in table), None)

    @property
    def told(self) -> dict[str, Any]:
        """What result.json says of it."""
        return {
            "stage": self.stage,
            "rounds": self.trial.rounds,
            **({} if self.run is None else {"run": self.run}),
        }


def kept_of(outcome: Outcome) -> Kept | None:
    """Return the winner's model: of the final training, or while it has none of the finalists, or of the search."""
    for stage in (outcome.final, outcome.finalists):
        if stage is not None and (shown := stage.shown()) is not None:
            weights = stage.weights_of(shown.number)
            assert weights is not None
            return Kept(stage.name, shown, weights, stage.runs_of(shown.identity).index(shown))
    search = outcome.search
    for trial in search.ranking:
        if trial.ranks and (weights := search.weights.weights(trial.number)) is not None:
            return Kept("search", trial, weights)
    return None


def kept_front(outcome: Outcome) -> dict[str, Kept]:
    """Return what else of the front the final training has trained, by name of the trial."""
    final = outcome.final
    shown = {} if final is None else {role: final.shown(role) for role in final.exported}
    found = {}
    for role, run in shown.items():
        assert final is not None
        if run is not None and (weights := final.weights_of(run.number)) is not None:
            found[role] = Kept(final.name, run, weights, final.runs(role).index(run))
    return found
