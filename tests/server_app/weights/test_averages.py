"""The mean over a trial's last rounds: what it is over, and what of it is where."""

import json

import numpy as np
import pytest

from common.architecture.kinds.layered import LayeredSpec
from server_app.blobs import Blobs, keys_in
from server_app.trials import Recipe, Trial
from server_app.weights.averages import Averages


def trial_of(average, number=0):
    return Trial(number, LayeredSpec(), Recipe(average=average))


def arrays_of(*values):
    return {"weights": np.array(values, np.float32)}


START = arrays_of(100, 100)
ROUNDS = [arrays_of(1, 0), arrays_of(2, 10), arrays_of(6, 2), arrays_of(10, 3)]


def after(averages, trial, rounds):
    """Let a trial train these rounds."""
    for before in [START, *rounds[:-1]]:
        averages.fold(trial, before)
    return averages


@pytest.mark.parametrize(
    ("average", "count", "expected"),
    [(2, 1, (1, 0)), (2, 2, (1.5, 5)), (2, 4, (8, 2.5)), (3, 4, (6, 5)), (4, 4, (4.75, 3.75)), (9, 3, (3, 4))],
)
def test_it_is_over_so_many_rounds_or_over_all_that_there_were(average, count, expected):
    averages = after(Averages(Blobs(None)), trial_of(average), ROUNDS[:count])
    assert averages.mean(0, ROUNDS[count - 1])["weights"].tolist() == list(expected)


def test_each_array_has_its_own_mean_and_stays_float32():
    averages, trial = Averages(Blobs(None)), trial_of(2)
    rounds = [{"weights": np.full(3, value, np.float32), "alphas": np.full(2, -value, np.float32)} for value in (1, 2)]
    mean = after(averages, trial, rounds).mean(0, rounds[-1])
    assert {name: array.tolist() for name, array in mean.items()} == {"weights": [1.5] * 3, "alphas": [-1.5] * 2}
    assert {array.dtype for array in mean.values()} == {np.dtype(np.float32)}


def test_it_is_added_up_in_double_precision():
    # in single precision 2**24 + 1 is 2**24; here the sum is 2**24 + 2, of which the third is rounded once
    rounds = [arrays_of(2**24), arrays_of(1), arrays_of(1)]
    mean = after(Averages(Blobs(None)), trial_of(3), rounds).mean(0, rounds[-1])
    assert mean["weights"][0] == np.float32((2**24 + 2) / 3) != np.float32(2**24 / 3)


@pytest.mark.parametrize("average", [0, 1])
def test_where_nothing_is_averaged_nothing_is_kept(average):
    averages = after(Averages(Blobs(None)), trial_of(average), ROUNDS)
    assert averages.mean(0, ROUNDS[-1]) is ROUNDS[-1]
    assert averages.state_dict() == []


def test_what_rests_is_on_disk_and_so_is_what_is_saved(tmp_path):
    averages = after(Averages(Blobs(tmp_path)), trial_of(3), ROUNDS)
    mean = averages.mean(0, ROUNDS[-1])["weights"]
    assert averages.mean(0, ROUNDS[-1])["weights"] is mean
    averages.rest(0)
    assert not averages._means
    assert [kept.arrays for kept in averages._earlier[0]] == [None, None]
    state = json.loads(json.dumps(averages.state_dict()))
    assert keys_in(state) == {path.stem for path in tmp_path.iterdir()}
    again = Averages(Blobs(tmp_path))
    again.load_state_dict(state)
    for one in (averages, again):
        np.testing.assert_array_equal(one.mean(0, ROUNDS[-1])["weights"], mean)
    assert again.state_dict() == state


def test_what_is_stored_already_is_not_stored_again():
    blobs = Blobs(None)
    averages, key = Averages(blobs), blobs.put_state(ROUNDS[0])
    averages.fold(trial_of(3), START)
    averages.fold(trial_of(3), arrays_of(-1, -1), key)  # the key is believed: nothing is hashed
    assert averages.state_dict() == [[0, [key]]]


def test_what_is_not_retained_is_forgotten():
    averages = Averages(Blobs(None))
    for number in range(3):
        after(averages, trial_of(2, number), ROUNDS)
        averages.mean(number, ROUNDS[-1])
    averages.retain([1])
    assert [number for number, _ in averages.state_dict()] == [1]
    assert list(averages._means) == [1]
