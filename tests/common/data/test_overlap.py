from typing import Any

import numpy as np
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from common.data.overlap import overlap_links, recording_order


def windows(recordings: list[int], seed: int = 0, length: int = 8, step: int = 4) -> NDArray[Any]:
    """Cut windows from noise; `recordings` gives the number of windows of each recording."""
    rng = np.random.default_rng(seed)
    cut = []
    for count in recordings:
        signal = rng.standard_normal((2, length + step * (count - 1)), dtype=np.float32)
        cut += [signal[:, start : start + length] for start in range(0, step * count, step)]
    return np.stack(cut)


@given(st.lists(st.integers(1, 6), min_size=1, max_size=5), st.integers(0, 99))
@settings(max_examples=50)
def test_shuffled_windows_come_back_recording_by_recording(recordings: list[int], seed: int) -> None:
    shuffled = np.random.default_rng(seed).permutation(sum(recordings))
    x = windows(recordings)[shuffled]
    assume(any(window > follower for window, follower in overlap_links(x).items()))
    order = shuffled[recording_order(x)]
    assert sorted(order.tolist()) == list(range(sum(recordings)))
    start = 0
    for count in recordings:
        # all but the first window of a recording come right after the one before them
        places = np.flatnonzero(np.isin(order, np.arange(start, start + count)))
        assert order[places[0] : places[0] + count].tolist() == list(range(start, start + count))
        start += count


def test_windows_in_order_stay_as_they_are() -> None:
    assert recording_order(windows([3, 1, 5])).tolist() == list(range(9))


def test_recordings_that_alternate_in_time_order_stay_as_they_are() -> None:
    x = windows([3, 3])[[0, 3, 1, 4, 2, 5]]
    assert recording_order(x).tolist() == list(range(6))


def test_windows_that_overlap_by_more_stay_in_order() -> None:
    assert recording_order(windows([9], step=2)).tolist() == list(range(9))


def test_windows_without_overlap_have_no_links() -> None:
    x = windows([1, 1, 1])
    assert overlap_links(x) == {}
    assert recording_order(x).tolist() == [0, 1, 2]


def test_a_signal_at_rest_links_nothing() -> None:
    assert overlap_links(np.zeros((4, 2, 8), dtype=np.float32)) == {}


def test_a_window_does_not_follow_itself() -> None:
    half = np.ones((1, 2, 4), dtype=np.float32)
    assert overlap_links(np.concatenate([half, half], axis=-1)) == {}


def test_a_ring_is_walked_once() -> None:
    first, second = windows([1])[:, :, :4], windows([1])[:, :, 4:]
    x = np.concatenate([np.concatenate([first, second], axis=-1), np.concatenate([second, first], axis=-1)])
    assert overlap_links(x) == {0: 1, 1: 0}
    assert recording_order(x).tolist() == [0, 1]


def test_windows_of_one_step_cannot_overlap() -> None:
    assert recording_order(np.zeros((3, 2, 1), dtype=np.float32)).tolist() == [0, 1, 2]
