"""A toy search on the layered space, whose best spec is known."""

import numpy as np
import pytest

from common.architecture.kinds.layered import LayeredSpec
from common.architecture.kinds.layers import Linear
from common.tasks import Classification, Task
from server_app.spaces.layered import LayeredSpace
from tests.support.spaces import with_one_recipe
from tests.support.trials import trial_of

TARGET = LayeredSpec(
    (
        Linear(64, activation="gelu", norm="group", dropout=0.1),
        Linear(128, activation="relu", norm="none", dropout=0.0),
        Linear(32, activation="relu", norm="group", dropout=0.25),
        Linear(128, activation="gelu", norm="none", dropout=0.1),
        Linear(16, activation="gelu", norm="group", dropout=0.0),
    )
)
FIELDS = ("width", "activation", "norm", "dropout")


def closeness(spec):
    """Part of the target's 20 fields that `spec` has at the same place; 1 for the target only."""
    same = sum(
        getattr(layer, field) == getattr(wanted, field)
        for layer, wanted in zip(spec.layers, TARGET.layers, strict=False)
        for field in FIELDS
    )
    return same / (len(TARGET.layers) * len(FIELDS))


OPTIONS = {
    "min_layers": 3,
    "max_layers": 5,
    "operations": ["linear"],
    "width": [16, 32, 64, 128],
    "activation": ["relu", "gelu"],
    "norm": ["group", "none"],
    "dropout": [0.0, 0.1, 0.25],
    "skip": 0.0,
}


@pytest.fixture(scope="session")
def space():
    """Chains of 3 to 5 linear layers: 4 widths, 2 activations, 2 norms and 3 dropouts each."""
    return with_one_recipe(LayeredSpace(Task((32,), Classification(10)), LayeredSpace.Options(**OPTIONS)))


@pytest.fixture
def search():
    """``search(controller)`` runs it to its end, one trial at a time; returns the trials."""

    def run(controller):
        trials = []
        while proposals := controller.propose(1):
            trial = trial_of(proposals[0], closeness(proposals[0].spec))
            controller.observe(trial, final=True)
            trials.append(trial)
        return trials

    return run


@pytest.fixture
def luck():
    """``luck(score, draws)``: at most how likely the best of so many random draws reaches the score.

    A draw of 5 layers has each of the target's 20 fields with probability 1 / (choices of the field), and
    a shallower one has fewer; so its matches are at most a sum of independent trials. Times the draws
    is the union bound.
    """

    def bound(score, draws):
        matches = np.ones(1)
        for choices in (4, 2, 2, 3) * len(TARGET.layers):
            matches = np.convolve(matches, [1 - 1 / choices, 1 / choices])
        return float(matches[round(score * 20) :].sum()) * draws

    return bound
