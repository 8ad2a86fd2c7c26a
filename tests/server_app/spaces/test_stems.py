import pytest

from common.errors import SpaceError
from common.tasks import Classification, Task
from server_app.spaces.stems import require_space, stem_strides


@pytest.mark.parametrize(
    ("shape", "strides"),
    [
        ((9, 64), 0),
        ((9, 65), 1),
        ((9, 129), 2),  # 65, 33
        ((3, 5000), 7),  # 40; 79 after six
        ((1, 16, 16), 0),
        ((1, 28, 28), 1),
        ((3, 20, 99), 3),  # 13; 25 after two
    ],
)
def test_64_steps_or_16_pixels_of_a_side_are_left_at_most(shape, strides):
    assert stem_strides(Task(shape, Classification(2))) == strides


def test_vectors_have_no_space():
    require_space("cell", Task((1, 2), Classification(2)))
    with pytest.raises(SpaceError, match=r"cell space is for sequences and images.*\(13,\)\. Choose space=layered"):
        require_space("cell", Task((13,), Classification(3)))
