import pytest

from common.architecture.operations import Activation, Add, Concatenate, Dropout, Multiply
from common.errors import SpecError


@pytest.mark.parametrize(("operation", "made"), [(Activation("relu"), (20,)), (Dropout(0.5), (20, 20, 20))])
def test_shapes_are_kept(operation, made):
    assert operation.output_shape((4, 5)) == (4, 5)
    assert operation.made((4, 5)) == made
    assert operation.tensors((4, 5)) == ()
    assert operation.macs((4, 5)) == 0


def test_addition_makes_one_sum_for_each_input_but_the_first():
    assert Add().output_shape((4, 5), (4, 5), (4, 5)) == (4, 5)
    assert Add().made((4, 5), (4, 5), (4, 5)) == (20, 20)


def test_addition_wants_one_shape():
    with pytest.raises(SpecError, match="add needs inputs of one shape"):
        Add().output_shape((4, 5), (4, 1))


def test_concatenate():
    assert Concatenate().output_shape((4,), (3,), (4,)) == (11,)
    assert Concatenate().output_shape((4, 9), (3, 9)) == (7, 9)
    assert Concatenate().made((4, 9), (3, 9)) == (63,)
    assert Concatenate().macs((4,), (3,)) == 0
    for shapes in (((4, 9), (4, 8)), ((4,), (4, 1))):
        with pytest.raises(SpecError, match="concatenate needs inputs of the same extents"):
            Concatenate().output_shape(*shapes)


def test_gates_are_for_values_or_for_channels():
    for gates in ((4, 9), (4,)):
        assert Multiply().output_shape((4, 9), gates) == (4, 9)
        assert Multiply().made((4, 9), gates) == ((36,) if gates == (4, 9) else (36, 36))
        assert Multiply().scored((4, 9), gates) == (36,)
        assert Multiply().macs((4, 9), gates) == 0
    for gates in ((9,), (4, 1), (4, 9, 1)):
        with pytest.raises(SpecError, match=r"multiply needs a gate for each value or channel of \(4, 9\), got"):
            Multiply().output_shape((4, 9), gates)
