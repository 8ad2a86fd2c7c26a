"""What every source of weights must hold: run for each choice that the registry finds."""

import numpy as np
import pytest

from common.architecture.layout import layout, state_size
from common.architecture.operations import Conv1d, Linear, MaxPool
from common.architecture.spec import ArchitectureSpec
from common.architecture.task import TaskShape
from server_app.registry import choices, load_choice
from server_app.trials import Trial

pytestmark = pytest.mark.parametrize("name", choices("weights"))

TASK = TaskShape((3, 16), 4)
SPECS = (
    ArchitectureSpec(),
    ArchitectureSpec((Linear(8),)),
    ArchitectureSpec((Conv1d(width=4, norm="batch"), MaxPool(2), Linear(8, skip=0))),
)


@pytest.fixture
def make(name):
    cls = load_choice("weights", name)
    return lambda seed=0: cls(TASK, seed)


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.describe())
def test_gives_the_packed_state(make, spec):
    weights = make().initial(Trial(0, spec))
    assert weights.dtype == np.float32
    assert weights.shape == (state_size(layout(spec, TASK)),)
    assert np.isfinite(weights).all()


def test_is_repeated_with_the_run(make):
    for number in range(3):
        trial = Trial(number, SPECS[2])
        np.testing.assert_array_equal(make().initial(trial), make().initial(trial))


def test_the_caller_owns_the_array(make):
    source, trial = make(), Trial(0, SPECS[1])
    first = source.initial(trial)
    kept = first.copy()
    first.fill(7)
    np.testing.assert_array_equal(source.initial(trial), kept)


def test_keep_takes_what_a_trial_learnt(make):
    source, trial = make(), Trial(0, SPECS[1])
    learnt = source.initial(trial)
    before = learnt.copy()
    source.keep(trial, learnt)
    assert (learnt == before).all()
