import sys
from subprocess import run

import pytest

from common.architecture.cost import Cost, cost_of
from common.architecture.kinds.layered import LayeredSpec
from common.architecture.kinds.layers import Conv2d, Linear, MaxPool
from common.errors import SpecError
from common.tasks import Classification, Task


def test_cost_of_a_hand_made_network():
    spec = LayeredSpec((Conv2d(4, norm="batch"), MaxPool(2), Linear(6, skip=-1)), "avg")
    conv, norm, linear, group, skip, classifier = 4 * 3 * 9 + 4, 2 * 4, 6 * 4 + 6, 2 * 6, 6 * 3, 5 * 6 + 5
    parameters = conv + norm + linear + group + skip + classifier
    buffers = 2 * 4
    macs = 8 * 8 * 4 * 3 * 9 + 4 * 6 + 3 * 6 + 6 * 5
    cost = cost_of(spec.lower(Task((3, 8, 8), Classification(5))))
    assert cost == Cost(parameters, buffers, macs, 4 * (parameters + buffers))


def test_cost_needs_neither_torch_nor_flwr():
    code = (
        "import sys, common.architecture.kinds.layered, common.architecture.initial, common.architecture.cost;"
        "print([name for name in ('torch', 'flwr', 'hydra', 'omegaconf') if name in sys.modules])"
    )
    done = run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_spec_that_does_not_fit_has_no_cost():
    with pytest.raises(SpecError, match="Layer 0"):
        cost_of(LayeredSpec((Conv2d(4),)).lower(Task((5,), Classification(2))))
