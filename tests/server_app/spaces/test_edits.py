import pytest

from common.architecture.kinds.layered import LayeredSpec
from common.architecture.kinds.layers import Linear, MaxPool
from server_app.spaces.edits import insert_layer, remove_layer, replace_layer, splice


def chain(*skips):
    """Linear layers of widths 1, 2, ... with the given skips."""
    return LayeredSpec(tuple(Linear(index + 1, skip=skip) for index, skip in enumerate(skips)))


def skips(spec):
    return [getattr(layer, "skip", "none") for layer in spec.layers]


def widths(spec):
    return [getattr(layer, "width", 0) for layer in spec.layers]


@pytest.mark.parametrize(
    ("index", "expected"),
    [
        (0, [None, -1, 1, 1, 3]),
        (1, [-1, None, 0, 0, 3]),
        (2, [-1, 0, None, 0, 3]),
        (3, [-1, 0, 0, None, 2]),
        (4, [-1, 0, 0, 2, None]),
    ],
)
def test_skips_start_where_they_did_after_an_insertion(index, expected):
    spec = insert_layer(chain(-1, 0, 0, 2), index, Linear(99))
    assert skips(spec) == expected
    assert widths(spec) == [*range(1, index + 1), 99, *range(index + 1, 5)]


@pytest.mark.parametrize(
    ("index", "expected"),
    [(0, [None, None, 1]), (1, [-1, 0, 1]), (2, [-1, 0, None]), (3, [-1, 0, 0])],
)
def test_a_removed_layer_takes_the_skips_that_start_there_with_it(index, expected):
    spec = remove_layer(chain(-1, 0, 0, 2), index)
    assert skips(spec) == expected
    assert widths(spec) == [width for width in (1, 2, 3, 4) if width != index + 1]


def test_what_was_inserted_can_be_removed_again():
    spec = chain(-1, 0, 0, 2)
    for index in range(5):
        assert remove_layer(insert_layer(spec, index, MaxPool(2)), index) == spec


def test_replace():
    assert widths(replace_layer(chain(None, None), 1, Linear(9))) == [1, 9]


@pytest.mark.parametrize(
    ("end", "start", "expected"),
    [
        # b's suffix from layer 2 on: 1 is its input, 2 lies inside it, 0 is outside
        (0, 2, [-1, 0, None, -1]),
        (1, 2, [None, 0, 1, None, -1]),
        (3, 2, [None, None, None, 2, 3, None, -1]),
        (2, 6, [None, None]),
        (2, 0, [None, None, None, None, 3, 4, 2, -1]),
    ],
)
def test_a_splice_keeps_the_skips_that_still_make_sense(end, start, expected):
    a = LayeredSpec((Linear(50), Linear(51), Linear(52)), "avg")
    b = chain(None, None, 1, 2, 0, -1)
    child = splice(a, end, b, start)
    assert skips(child) == expected
    assert widths(child) == [50, 51, 52][:end] + [1, 2, 3, 4, 5, 6][start:]
    assert child.reduce == "avg"
