import copy

import pytest
import torch

from common.models.dropout import Dropout


def test_it_keeps_the_right_share_and_the_expectation():
    n, p = 200_000, 0.3
    dropout = Dropout(p)
    out = dropout(torch.ones(n))
    kept = out != 0
    deviation = (p * (1 - p) / n) ** 0.5
    assert abs(kept.float().mean().item() - (1 - p)) < 4 * deviation
    assert out[kept].unique().tolist() == pytest.approx([1 / (1 - p)], rel=1e-4)  # p is kept to 1/65536


@pytest.mark.parametrize("shape", [(1,), (3, 5), (2, 3, 7), (2, 3, 4, 5)])
def test_the_gradient_is_the_mask(shape: tuple[int, ...]):
    x = torch.full(shape, 2.0, requires_grad=True)
    out = Dropout(0.5)(x)
    out.sum().backward()
    assert out.shape == shape
    assert torch.equal(out, x.detach() * x.grad)


def test_evaluation_passes_everything():
    x = torch.randn(4, 5, generator=torch.Generator().manual_seed(0))
    assert Dropout(0.9).eval()(x) is x


def test_masks_differ_from_call_to_call_and_come_back_with_the_seed():
    x = torch.ones(64, 64)
    dropout = Dropout(0.5)
    dropout.seed(7)
    first, second = dropout(x), dropout(x)
    assert not torch.equal(first, second)
    dropout.seed(7)
    assert torch.equal(dropout(x), first)
    dropout.seed(8)
    assert not torch.equal(dropout(x), first)


def test_torch_global_state_is_neither_used_nor_changed():
    x = torch.ones(64, 64)
    before = torch.get_rng_state()
    first = Dropout(0.5)(x)
    assert torch.equal(torch.get_rng_state(), before)
    torch.rand(3)
    assert torch.equal(Dropout(0.5)(x), first)
    torch.set_rng_state(before)


@pytest.mark.parametrize("p", [0.0, 0.9999])
def test_the_ends(p: float):
    out = Dropout(p)(torch.ones(1000))
    assert torch.isfinite(out).all()
    assert (out == 1).all() == (p == 0)


def test_a_copy_goes_on_alike():
    x = torch.ones(8, 8)
    dropout = Dropout(0.5)
    dropout(x)
    assert torch.equal(copy.deepcopy(dropout)(x), dropout(x))
