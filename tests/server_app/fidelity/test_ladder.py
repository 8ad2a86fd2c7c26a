import pytest

from server_app.fidelity.ladder import geometric


@pytest.mark.parametrize(
    ("limits", "expected"),
    [
        ((1, 9, 3), [1, 3, 9]),
        ((1, 10, 3), [1, 3, 9, 10]),  # capped, not dropped
        ((2, 10, 2), [2, 4, 8, 10]),
        ((5, 5, 2), [5]),
        ((4, 5, 3), [4, 5]),
    ],
)
def test_geometric_rungs(limits, expected):
    assert geometric(*limits) == expected
