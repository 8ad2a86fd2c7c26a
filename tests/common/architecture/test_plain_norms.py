import pytest
import torch

from common.architecture.kinds.layered import LayeredSpec
from common.architecture.kinds.layers import Conv1d
from common.architecture.layout import layout
from common.architecture.plain_norms import with_plain_norms
from common.models.builder import build
from common.tasks import Classification, Task

TASK = Task((3, 20), Classification(2))


@pytest.mark.parametrize("norm", ["group", "batch", "layer"])
def test_it_computes_what_norms_do_before_they_have_learnt(norm):
    graph = LayeredSpec((Conv1d(8, norm=norm), Conv1d(4, norm=norm)), "avg").lower(TASK)
    plain = with_plain_norms(graph)
    learnt = {tensor.name for tensor in layout(graph) if tensor.trainable and "norm" in tensor.name}
    assert {tensor.name for tensor in layout(graph)} - {tensor.name for tensor in layout(plain)} == learnt != set()
    models = build(graph), build(plain)
    with torch.no_grad():
        for name, parameter in models[1].named_parameters():
            parameter.copy_(models[0].get_parameter(name))
    x = torch.linspace(-1, 1, 5 * 60).reshape(5, 3, 20).sin()
    torch.testing.assert_close(*(model(x) for model in models))
