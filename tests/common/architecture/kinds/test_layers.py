import dataclasses
import sys
from subprocess import run

import numpy as np
import pytest

from common.architecture import operations as ops
from common.architecture.graph import INPUT, GraphBuilder
from common.architecture.kinds.layers import LAYERS, AvgPool, Conv1d, Conv2d, Linear, LogEnergy, MaxPool
from common.errors import SpecError


def test_numbers_of_numpy_become_plain_ones():
    layer = Conv2d(np.int64(8), kernel=np.int32(5), dropout=np.float32(0.25))
    assert layer == Conv2d(8, kernel=5, dropout=0.25)
    assert {type(value) for value in (layer.width, layer.kernel)} == {int}
    assert type(layer.dropout) is float


def test_layers_are_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        Linear(8).width = 9


@pytest.mark.parametrize(
    ("layer", "operation", "shape"),
    [
        (Linear(7), ops.Linear(7), (5,)),
        (Conv1d(4, kernel=5), ops.Convolution(4, kernel=5, stride=1), (3, 9)),
        (Conv2d(4, stride=2), ops.Convolution(4, kernel=3, stride=2), (3, 9, 9)),
        (MaxPool(2), ops.MaxPool(2, 2), (3, 9)),
        (AvgPool(3, 1), ops.AvgPool(3, 1), (3, 9)),
        (LogEnergy(4), ops.LogEnergy(4), (3, 9)),
    ],
)
def test_most_layers_have_one_operation_at_their_core(layer, operation, shape):
    network = GraphBuilder(shape)
    network.add("flat", ops.Flatten(), layer.core(network, "core", INPUT))
    network.add("classifier", ops.Linear(2), 1)
    assert [node.operation for node in network.graph().nodes] == [operation, ops.Flatten(), ops.Linear(2)]


def test_a_pool_steps_by_its_kernel():
    assert MaxPool(3) == MaxPool(3, 3)


@pytest.mark.parametrize(
    ("layer", "shape", "wanted"),
    [
        (Conv1d(4), (5,), "a sequence"),
        (Conv1d(4), (1, 5, 5), "a sequence"),
        (Conv2d(4), (5,), "an image"),
        (Conv2d(4), (1, 5), "an image"),
        (MaxPool(2), (5,), "a sequence or an image"),
        (AvgPool(2), (5,), "a sequence or an image"),
        (Linear(2), (1, 5), "a vector"),
        (LogEnergy(2), (5,), "a sequence"),
        (LogEnergy(2), (1, 5, 5), "a sequence"),
    ],
)
def test_a_layer_refuses_other_inputs(layer, shape, wanted):
    with pytest.raises(SpecError, match=f"{layer.op} works on {wanted}, got"):
        layer.add_to(GraphBuilder(shape), "layer0", INPUT)


def test_a_front_end_is_brought_to_one_scale():
    network = GraphBuilder((3, 16))
    assert network.shape(LogEnergy().add_to(network, "layer0", INPUT)) == (3 * (2 + 8),)
    network.add("classifier", ops.Linear(2), 1)
    assert [(node.name, node.operation) for node in network.graph().nodes[:2]] == [
        ("layer0", ops.LogEnergy(8)),
        ("layer0_norm", ops.BatchNorm()),
    ]


def test_every_field_says_which_rule_checks_it():
    for cls in LAYERS.values():
        for item in dataclasses.fields(cls):
            assert set(item.metadata) == {"rule", "option", "later"}, (cls.op, item.name)


def test_layers_that_came_later_write_the_fields_of_old():
    """An id is a hash of them; see the pinned ones in `test_layered`."""
    assert {item.name for cls in LAYERS.values() for item in dataclasses.fields(cls) if item.metadata["later"]} == {
        "merge",
        "dilation",
        "squeeze_excite",
    }


def test_a_layer_is_imported_when_it_is_asked_for():
    code = (
        "import sys\n"
        "from common.architecture.kinds.layers import LAYERS\n"
        "import common.architecture.kinds.layers as package\n"
        "later = lambda: [name for name in ('attention', 'branches', 'recurrent', 'separable')"
        " if f'{package.__name__}.{name}' in sys.modules]\n"
        "assert 'gru' in list(LAYERS) and len(LAYERS) == len(list(LAYERS))\n"
        "print(later()); print(LAYERS['gru'].op, later()); print('other' in LAYERS)"
    )
    done = run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["[]", "gru ['recurrent']", "False"]
    assert all(cls.op == op for op, cls in LAYERS.items())
