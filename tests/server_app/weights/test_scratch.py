import numpy as np

from common.architecture.initial import initial_weights
from common.architecture.kinds.layered import LayeredSpec
from common.architecture.kinds.layers import Linear
from common.seeding import generator
from common.tasks import Classification, Task
from server_app.aggregation.fedavg import FedAvg
from server_app.blobs import Blobs
from server_app.trials import Trial
from server_app.weights.scratch import Scratch

TASK = Task((6,), Classification(3))
SPEC = LayeredSpec((Linear(8),))


def lent(seed, number):
    return Scratch(TASK, seed, FedAvg, Blobs(None)).lend(Trial(number, SPEC))["weights"]


def test_the_seed_and_the_number_make_the_weights():
    np.testing.assert_array_equal(lent(3, 5), initial_weights(SPEC.lower(TASK), generator(3, "initial", 5)))


def test_every_trial_and_every_run_has_its_own():
    assert len({lent(seed, number).tobytes() for seed in range(3) for number in range(3)}) == 9
