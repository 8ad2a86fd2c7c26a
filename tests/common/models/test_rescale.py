import io

import torch

from common.models.rescale import Rescale


def test_each_output_has_its_own_units():
    rescale = Rescale([10.0, -1.0], [2.0, 0.5])
    assert rescale(torch.tensor([[1.0, 2.0], [0.0, -2.0]])).tolist() == [[12.0, 0.0], [10.0, -2.0]]


def test_the_units_go_where_the_model_goes():
    rescale = Rescale([10.0], [2.0])
    stream = io.BytesIO()
    torch.save(rescale.state_dict(), stream)
    other = Rescale([0.0], [1.0])
    other.load_state_dict(torch.load(io.BytesIO(stream.getvalue())))
    assert other.double()(torch.ones(1, 1, dtype=torch.float64)).tolist() == [[12.0]]
