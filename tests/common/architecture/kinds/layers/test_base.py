import pytest

from common.architecture import operations as ops
from common.architecture.kinds.layers import Conv2d, Linear
from tests.support.graphs import lowered


@pytest.mark.parametrize(
    ("norm", "operation"),
    [("group", ops.GroupNorm(8)), ("layer", ops.LayerNorm()), ("batch", ops.BatchNorm()), ("none", None)],
)
def test_a_norm_follows_the_operation(norm, operation):
    nodes = {node.name: node.operation for node in lowered(Conv2d(8, norm=norm), (3, 9, 9)).nodes}
    assert nodes.get("layer0_norm") == operation


def test_how_a_skip_is_merged_says_nothing_without_one():
    assert Linear(8, merge="concat") == Linear(8)
    assert Linear(8, merge="concat").is_idle("merge")
    layer = Linear(8, skip=-1, merge="concat")
    assert not layer.is_idle("merge")
    assert layer != Linear(8, skip=-1)
    assert layer.describe() == "linear 8 &input"
