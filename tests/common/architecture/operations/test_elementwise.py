import pytest

from common.architecture.operations import Activation, Add, Concatenate, Dropout
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
