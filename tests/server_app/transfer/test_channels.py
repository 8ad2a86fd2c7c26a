import numpy as np
import pytest

from server_app.transfer.channels import covers, keeps_groups, shares, spread, unrolled, window


def test_copies_lie_side_by_side_and_what_is_kept_is_spaced_evenly():
    assert spread(6, 3).tolist() == [0, 0, 1, 1, 2, 2]
    assert spread(5, 3).tolist() == [0, 0, 1, 1, 2]
    assert spread(3, 6).tolist() == [0, 2, 4]
    assert covers(spread(5, 3), 3)
    assert not covers(spread(3, 6), 6)


def test_the_shares_of_copies_add_up_to_one_in_each_row_and_differ():
    channels = np.array([0, 0, 1, -1, 0])
    parts = shares(channels, 4, np.random.default_rng(0))
    np.testing.assert_allclose(parts[:, [0, 1, 4]].sum(axis=1), 1)
    np.testing.assert_array_equal(parts[:, 2], 1)
    np.testing.assert_array_equal(parts[:, 3], 0)
    assert len(np.unique(parts[:, [0, 1, 4]])) == 12
    assert (parts[:, [0, 1, 4]] > 0).all()


def test_without_copies_nothing_is_drawn():
    rng, other = np.random.default_rng(0), np.random.default_rng(0)
    np.testing.assert_array_equal(shares(np.array([2, 0, -1]), 2, rng), [[1, 1, 0]] * 2)
    assert rng.random() == other.random()


@pytest.mark.parametrize(
    ("channels", "groups", "old", "old_groups", "expected"),
    [
        ([0, 0, 1, 1, 2, 2, 3, 3], 2, 4, 2, True),  # 0 and 1 twice each, then 2 and 3
        ([0, 0, 1, 1, 2, 2, 3, 3], 4, 4, 4, True),
        ([0, 0, 1, 1, 2, 2, 3, 3], 4, 4, 2, False),  # each a half of an old group
        ([0, 0, 1, 1, 2, 2, 3, 3], 1, 4, 2, False),
        ([0, 0, 1, 2, 2, 3], 2, 4, 2, False),  # 0 twice and 1 once
        ([0, 1, 2, -1], 1, 3, 1, False),
        ([1, 2, 0, 3], 2, 4, 2, False),  # 1 and 2 are of two groups
    ],
)
def test_a_group_is_kept_where_it_holds_all_of_an_old_one_equally_often(channels, groups, old, old_groups, expected):
    assert keeps_groups(np.array(channels), groups, old, old_groups) is expected


def test_flattened_channels_keep_their_places():
    # old: channel 0 has the units 0 to 5 (2 x 3), channel 1 has 6 to 11
    found = unrolled(np.array([1, 0, -1]), (2, 3), (2, 3))
    assert found.tolist() == [6, 7, 8, 9, 10, 11, 0, 1, 2, 3, 4, 5, *[-1] * 6]
    # of four columns in the place of two, each old one is twice there
    assert unrolled(np.array([0]), (4,), (2,)).tolist() == [0, 0, 1, 1]


@pytest.mark.parametrize(
    ("new", "old", "places", "old_places", "whole"),
    [
        ((5, 1), (3, 1), [1, 2, 3], [0, 1, 2], True),
        ((5, 2), (3, 4), [0, 2, 4], [0, 1, 2], True),  # -4, 0, 4 are among -4, -2, 0, 2, 4
        ((3, 2), (1, 1), [1], [0], True),
        ((3, 1), (5, 1), [0, 1, 2], [1, 2, 3], False),
        ((3, 2), (3, 1), [0, 1, 2], [0, 1, 2], False),  # -1 is not among -2, 0, 2: counted from the centre
    ],
)
def test_the_places_of_a_window_keep_their_distance_where_they_can(new, old, places, old_places, whole):
    found, old_found, all_of_them = window(*new, *old)
    assert (found.tolist(), old_found.tolist(), all_of_them) == (places, old_places, whole)
