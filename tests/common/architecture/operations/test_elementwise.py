import pytest

from common.architecture.operations import ACTIVATIONS, GATES, Activation, Add, Concatenate, Dropout, Multiply
from common.architecture.operations.base import Saved
from common.errors import SpecError


@pytest.mark.parametrize("operation", [Activation("relu"), Dropout(0.5)])
def test_shapes_are_kept(operation):
    assert operation.output_shape((4, 5)) == (4, 5)
    assert operation.tensors((4, 5)) == ()
    assert operation.macs((4, 5)) == 0


@pytest.mark.parametrize("function", [*ACTIVATIONS, *GATES])
def test_an_activation_keeps_what_its_derivative_needs(function):
    """That of relu is told by y > 0, that of tanh is 1 - y^2, and that of a sigmoid y (1 - y)."""
    by_output = function in ("relu", "tanh", "sigmoid")
    assert Activation(function).saves((4, 5)) == Saved(inputs=not by_output, output=by_output)
    assert Activation(function).working((4, 5)) == 20


def test_dropout_keeps_its_mask_and_in_scoring_does_nothing():
    assert Dropout(0.5).saves((4, 5)) == Saved(own=(20,))
    assert Dropout(0.5).passes_on((4, 5), training=False)
    assert not Dropout(0.5).passes_on((4, 5), training=True)


def test_addition_keeps_nothing_and_has_two_sums_at_a_time():
    shapes = [(4, 5)] * 4
    assert Add().output_shape(*shapes) == (4, 5)
    assert Add().saves(*shapes) == Saved()
    assert [Add().working(*shapes[:count]) for count in (2, 3, 4)] == [20, 40, 40]
    assert [Add().passes_on(*shapes[:count], training=True) for count in (1, 2)] == [True, False]


def test_addition_wants_one_shape():
    with pytest.raises(SpecError, match="add needs inputs of one shape"):
        Add().output_shape((4, 5), (4, 1))


def test_concatenate():
    assert Concatenate().output_shape((4,), (3,), (4,)) == (11,)
    assert Concatenate().output_shape((4, 9), (3, 9)) == (7, 9)
    assert Concatenate().saves((4, 9), (3, 9)) == Saved()
    assert Concatenate().working((4, 9), (3, 9)) == 63
    assert Concatenate().macs((4,), (3,)) == 0
    for shapes in (((4, 9), (4, 8)), ((4,), (4, 1))):
        with pytest.raises(SpecError, match="concatenate needs inputs of the same extents"):
            Concatenate().output_shape(*shapes)


def test_gates_are_for_values_or_for_channels():
    for gates in ((4, 9), (4,)):
        assert Multiply().output_shape((4, 9), gates) == (4, 9)
        assert Multiply().saves((4, 9), gates) == Saved(inputs=True)
        assert Multiply().working((4, 9), gates) == 36
        assert Multiply().macs((4, 9), gates) == 0
    for gates in ((9,), (4, 1), (4, 9, 1)):
        with pytest.raises(SpecError, match=r"multiply needs a gate for each value or channel of \(4, 9\), got"):
            Multiply().output_shape((4, 9), gates)
