import pytest

from common.architecture import operations as ops
from common.architecture.kinds.layers import LAYERS
from common.errors import SpecError
from tests.support.graphs import lowered, reading

GRU = LAYERS["gru"]


def test_by_default_it_is_plain():
    nodes = reading(lowered(GRU(8), (3, 9)))
    assert list(nodes) == ["layer0", "classifier_reduce", "classifier"]
    assert nodes["layer0"][0] == ops.GRU(8)
    assert GRU(8, skip=-1).describe() == "gru 8 +input"


def test_norm_and_activation_follow_where_they_are_asked_for():
    nodes = reading(lowered(GRU(8, norm="layer", activation="tanh", dropout=0.5), (3, 9)))
    assert [operation for operation, _ in nodes.values()][:4] == [
        ops.GRU(8),
        ops.LayerNorm(),
        ops.Activation("tanh"),
        ops.Dropout(0.5),
    ]


def test_it_wants_time():
    with pytest.raises(SpecError, match="gru works on a sequence, got"):
        lowered(GRU(8), (3, 9, 9))
