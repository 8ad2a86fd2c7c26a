"""Trials have parts of one network."""

from __future__ import annotations

import json

import numpy as np
import pytest

from common.architecture.kinds.layered import LayeredSpec
from common.architecture.kinds.layers import Linear
from common.architecture.layout import layout, views_of
from common.errors import ConfigError
from common.tasks import Classification, Task
from server_app.aggregation.fedavg import FedAvg
from server_app.blobs import Blobs
from server_app.supernet.paths import LARGEST
from server_app.trials import Trial
from server_app.weights.supernet import Supernet

TASK = Task((6,), Classification(3))
NARROW, WIDE = (LayeredSpec((Linear(width, norm="batch"),)) for width in (2, 4))


def store(blobs=None, **options):
    return Supernet(TASK, 0, FedAvg, blobs or Blobs(None), Supernet.Options(**options))


def train(weights, trial, value, examples=10):
    """Let a node make all of a trial's part one value; it is not merged yet."""
    rule = weights.open(trial)
    rule.add("a", np.full_like(weights.lend(trial)["weights"], value), examples, {"loss": 1.0})
    weights.fold(trial)


def hidden(weights, trial):
    return views_of(weights.lend(trial)["weights"], layout(trial.spec.lower(TASK)))["layer0.weight"]


def test_trials_of_one_turn_start_from_the_same_and_are_merged_by_their_examples():
    weights, narrow, wide = store(), Trial(0, NARROW), Trial(1, WIDE)
    before = hidden(weights, wide).copy()
    np.testing.assert_array_equal(hidden(weights, narrow), before[:2])
    train(weights, narrow, 1.0, examples=30)
    np.testing.assert_array_equal(hidden(weights, wide), before)
    train(weights, wide, 5.0, examples=10)
    weights.close(1)
    np.testing.assert_array_equal(hidden(weights, wide), [[2.0] * 6] * 2 + [[5.0] * 6] * 2)  # (30 + 50) / 40
    np.testing.assert_array_equal(hidden(weights, narrow), [[2.0] * 6] * 2)


def test_a_trial_of_a_later_turn_starts_from_what_the_earlier_ones_came_to():
    weights = store()
    untrained = hidden(weights, Trial(2, WIDE))[2:].copy()
    train(weights, Trial(0, NARROW), 7.0)
    weights.close(1)
    np.testing.assert_array_equal(hidden(weights, Trial(1, WIDE))[:2], [[7.0] * 6] * 2)
    np.testing.assert_array_equal(hidden(weights, Trial(1, WIDE))[2:], untrained)


def test_what_is_lent_stays_while_others_are_merged():
    """All nodes of a round start from the same, whenever they are free."""
    weights, first, other = store(), Trial(0, NARROW), Trial(1, NARROW)
    lent = weights.lend(first)
    train(weights, other, 3.0)
    weights.close(1)
    assert weights.lend(first) is lent
    weights.rest(first)
    np.testing.assert_array_equal(hidden(weights, first), [[3.0] * 6] * 2)


def test_a_score_of_an_ended_trial_is_of_what_the_network_is_now():
    weights, trial = store(), Trial(0, NARROW)
    train(weights, trial, 1.0)
    train(weights, Trial(1, WIDE), 3.0)
    assert set(weights.weights(0)) == {2.0}


def test_the_largest_counts_for_more_at_first():
    """By 4 in the first round of two, by 2.5 half way along the cosine: (1 * 1 + 4 * 6) / 5 and (1 + 2.5 * 6) / 3.5."""
    for rounds, expected in ((0, 5.0), (1, 16 / 3.5)):
        weights = store(rounds=2, largest=4)
        train(weights, Trial(0, NARROW, rounds=rounds), 1.0)
        train(weights, Trial(1, WIDE, origin=LARGEST, rounds=rounds), 6.0)
        weights.close(1)
        np.testing.assert_allclose(hidden(weights, Trial(2, NARROW)), expected, rtol=1e-6)


def test_its_state_has_what_was_trained_and_not_merged_yet(tmp_path):
    weights, trial = store(Blobs(tmp_path)), Trial(0, NARROW)
    train(weights, trial, 4.0)
    other = store(Blobs(tmp_path))
    other.load_state_dict(json.loads(json.dumps(weights.state_dict())))
    np.testing.assert_array_equal(other.weights(0), weights.weights(0))
    assert set(other.weights(0)) == {4.0}


def test_the_network_is_packed_again_only_where_it_has_changed():
    """The state of the warm-up and that of the search both have it."""
    packed = []

    class Counted(Blobs):
        def put(self, array):
            packed.append(array.size)
            return super().put(array)

    weights = store(Counted(None))
    train(weights, Trial(0, NARROW), 1.0)
    states = [weights.state_dict() for _ in range(2)]
    assert states[0] == states[1]
    assert len(packed) == 1
    train(weights, Trial(1, NARROW), 2.0)
    assert weights.state_dict()["shared"] != states[0]["shared"]
    hidden(weights, Trial(2, WIDE))  # it grows
    weights.rest(Trial(2, WIDE))
    assert weights.state_dict()["shared"] != states[0]["shared"]
    assert len(packed) == 3
    assert packed[0] == packed[1] < packed[2]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"rounds": -1}, "weights.rounds must be 0 or more, got -1"),
        ({"paths": 1}, "weights.paths must be 2 or more"),
        ({"largest": 0.5}, "weights.largest must be 1 or more"),
        ({"sampling": "all"}, "weights.sampling must be one of uniform, sandwich, fair, pareto"),
        ({"distillation": True, "sampling": "fair"}, "weights.distillation needs the largest path in each round"),
        ({"part": 1.0}, "weights.part must be between 0 and 1"),
    ],
)
def test_odd_options_are_refused(options, message):
    with pytest.raises(ConfigError, match=message):
        Supernet.Options(**options)


def test_what_is_adopted_is_merged_as_that_of_one_trial():
    weights, trial = store(), Trial(0, NARROW)
    wide = weights.lend(Trial(1, WIDE))["weights"].copy()
    weights.adopt(trial, np.full_like(weights.lend(trial)["weights"], 9))
    assert set(weights.lend(trial, "score")["weights"]) == {9}
    assert set(weights.weights(0)) == {9}
    weights.rest(Trial(1, WIDE))
    np.testing.assert_array_equal(hidden(weights, Trial(1, WIDE))[:2], [[9.0] * 6] * 2)
    assert (weights.lend(Trial(1, WIDE))["weights"] != wide).any()
