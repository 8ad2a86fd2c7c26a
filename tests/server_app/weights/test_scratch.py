import numpy as np

from common.architecture.initial import initial_weights
from common.architecture.operations import Linear
from common.architecture.spec import ArchitectureSpec
from common.architecture.task import TaskShape
from common.seeding import generator
from server_app.trials import Trial
from server_app.weights.scratch import Scratch

TASK = TaskShape((6,), 3)
SPEC = ArchitectureSpec((Linear(8),))


def test_the_seed_and_the_number_make_the_weights():
    expected = initial_weights(SPEC, TASK, generator(3, "initial", 5))
    np.testing.assert_array_equal(Scratch(TASK, 3).initial(Trial(5, SPEC)), expected)


def test_every_trial_and_every_run_has_its_own():
    drawn = {Scratch(TASK, seed).initial(Trial(number, SPEC)).tobytes() for seed in range(3) for number in range(3)}
    assert len(drawn) == 9
