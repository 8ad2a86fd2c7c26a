"""How tensors are written from old ones, on numbers that are small enough to be told."""

import numpy as np
import pytest

from common.architecture import operations as ops
from common.architecture.operations import Convolution, Linear, Operation
from server_app.transfer.tensors import AXES, Twin, write_identity, write_zeros

CLASSES = [value for value in (getattr(ops, name) for name in ops.__all__) if isinstance(value, type)]


def test_every_operation_with_tensors_says_what_their_axes_count():
    weighted = {cls.op for cls in CLASSES if cls is not Operation and cls.tensors is not Operation.tensors}
    assert set(AXES) == weighted


def twin(new, old, tensors, old_tensors, channels, outputs):
    read, given = max(channels) + 1, max(outputs) + 1
    return Twin(new, old, tensors, old_tensors, np.array(channels), np.array(outputs), read, given)


def test_a_wider_map_shares_out_what_it_reads_and_repeats_what_it_gives():
    old = {"weight": np.array([[2.0, 6.0]]), "bias": np.array([1.0])}
    new = {"weight": np.zeros((2, 3)), "bias": np.zeros(2)}
    assert twin(Linear(2), Linear(1), new, old, [0, 0, 1], [0, 0]).write(np.random.default_rng(0))
    np.testing.assert_allclose(new["weight"][:, :2].sum(axis=1), 2)  # x0 comes twice: the two weights add up to 2
    np.testing.assert_array_equal(new["weight"][:, 2], 6)
    np.testing.assert_array_equal(new["bias"], 1)


def test_a_greater_kernel_has_the_old_one_in_its_midst():
    old, new = {"weight": np.arange(1.0, 10).reshape(1, 1, 3, 3)}, {"weight": np.ones((1, 1, 5, 5))}
    bare = {"stride": 1, "bias": False}
    assert twin(Convolution(1, 5, **bare), Convolution(1, 3, **bare), new, old, [0], [0]).write(
        np.random.default_rng(0)
    )
    np.testing.assert_array_equal(new["weight"][0, 0], np.pad(old["weight"][0, 0], 1))


@pytest.mark.parametrize(("bias", "old_bias", "exact"), [(True, False, True), (False, True, False)])
def test_a_bias_that_is_new_begins_at_zero_and_one_that_is_gone_is_missed(bias, old_bias, exact):
    def tensors(width, has):
        return {"weight": np.ones((width, 1)), **({"bias": np.ones(width)} if has else {})}

    new = tensors(2, bias)
    same = twin(Linear(2, bias), Linear(2, old_bias), new, tensors(2, old_bias), [0], [0, 1])
    assert same.write(np.random.default_rng(0)) is exact
    assert not bias or not new["bias"].any()


def test_the_identity_gives_what_it_reads():
    tensors = {"weight": np.ones((3, 2, 3)), "bias": np.ones(3)}
    write_identity(tensors, np.array([0, 0, 1]))
    x = np.random.default_rng(0).normal(size=(2, 7))
    padded = np.pad(x, ((0, 0), (1, 1)))
    windows = np.stack([padded[:, start : start + 7] for start in range(3)], axis=-1)
    given = np.einsum("oik,itk->ot", tensors["weight"], windows) + tensors["bias"][:, None]
    np.testing.assert_array_equal(given, x[[0, 0, 1]])


def test_zeros_leave_running_statistics_alone():
    tensors = {name: np.ones(2) for name in ("weight", "bias", "running_mean", "running_var")}
    write_zeros(tensors)
    assert {name: float(tensor.sum()) for name, tensor in tensors.items()} == {
        "weight": 0,
        "bias": 0,
        "running_mean": 2,
        "running_var": 2,
    }
