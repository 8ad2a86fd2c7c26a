import pytest

from common.architecture.operations import Channels, Mix, Shuffle
from common.architecture.operations.base import Saved
from common.errors import SpecError

PLACE = Mix("normal.0.from0", 4, (1, 3))


def test_a_mix_has_no_state_and_keeps_what_its_shares_need():
    shapes = ((6, 5, 5), (6, 5, 5))
    assert PLACE.output_shape(*shapes) == (6, 5, 5)
    assert PLACE.tensors(*shapes) == ()
    assert PLACE.macs(*shapes) == 0
    assert PLACE.saves(*shapes) == Saved(inputs=True, fixed=2)
    assert (PLACE.working(*shapes), PLACE.calls(*shapes)) == (2 * 150, 2)
    assert Mix("p", 2, (1,)).working((6, 5)) == 30


@pytest.mark.parametrize("shapes", [((6, 5),), ((6, 5), (6, 4)), ((6, 5), (5, 5)), ((6, 5),) * 3])
def test_options_give_one_shape_and_are_as_many_as_are_said(shapes):
    with pytest.raises(SpecError, match=r"The 2 options of normal.0.from0 must give one shape"):
        PLACE.output_shape(*shapes)


def test_channels_are_some_of_those_that_are_there():
    assert Channels(2, 4).output_shape((6, 5, 5)) == (4, 5, 5)
    for first, count in ((3, 4), (0, 0), (6, 1)):
        with pytest.raises(SpecError, match="channels must be some of 6"):
            Channels(first, count).output_shape((6, 5))


def test_a_shuffle_takes_a_divisor_of_the_channels():
    assert Shuffle(3).output_shape((6, 5)) == (6, 5)
    with pytest.raises(SpecError, match="number of groups that divides 6 channels, got 4"):
        Shuffle(4).output_shape((6, 5))


@pytest.mark.parametrize("operation", [Channels(0, 1), Shuffle(1)])
def test_a_vector_has_no_channels(operation):
    with pytest.raises(SpecError, match=f"{operation.op} works on a sequence or an image"):
        operation.output_shape((6,))
