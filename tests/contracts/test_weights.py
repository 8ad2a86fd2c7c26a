"""What every store of weights must hold: run for each choice that the registry finds."""

import json

import numpy as np
import pytest

from common.architecture.kinds.layered import LayeredSpec
from common.architecture.kinds.layers import Conv1d, Linear, MaxPool
from common.architecture.layout import layout, state_size
from common.errors import SearchError
from common.tasks import Classification, Task
from server_app.aggregation.fedadam import FedAdam
from server_app.aggregation.fedavg import FedAvg
from server_app.blobs import Blobs
from server_app.registry import choices, load_choice
from server_app.trials import Recipe, Trial

OWN = [name for name in choices("weights") if not load_choice("weights", name).shares]
each = pytest.mark.parametrize("name", choices("weights"))
own = pytest.mark.parametrize("name", OWN)
"""Of choices whose trials share nothing: what a trial is lent is what itself came to."""

TASK = Task((3, 16), Classification(4))
SPECS = (
    LayeredSpec(),
    LayeredSpec((Linear(8),)),
    LayeredSpec((Conv1d(width=4, norm="batch"), MaxPool(2), Linear(8, skip=0))),
)


@pytest.fixture
def make(name):
    cls = load_choice("weights", name)
    return lambda seed=0, rule=FedAvg, blobs=None: cls(TASK, seed, rule, blobs or Blobs(None))


def train(store, trial, shift=0.5):
    """Let two nodes add `shift` and twice as much; returns what is lent then."""
    start = store.lend(trial)["weights"].copy()
    aggregation = store.open(trial)
    for factor, node in enumerate("ab", start=1):
        aggregation.add(node, start + np.float32(factor * shift), 10, {"loss": 1.0})
    store.fold(trial)
    store.close(1)
    return store.lend(trial)["weights"]


@each
@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.describe())
def test_lends_the_packed_state(make, spec):
    weights = make().lend(Trial(0, spec))["weights"]
    assert weights.dtype == np.float32
    assert weights.shape == (state_size(layout(spec.lower(TASK))),)
    assert np.isfinite(weights).all()


@each
def test_is_repeated_with_the_run(make):
    for number in range(3):
        trial = Trial(number, SPECS[2])
        np.testing.assert_array_equal(make().lend(trial)["weights"], make().lend(trial)["weights"])


@each
def test_another_store_begins_with_the_same_and_shares_none_of_it(make):
    store, trial = make(3), Trial(1, SPECS[1])
    train(store, trial)
    other = store.another()
    assert other.weights(1) is None
    np.testing.assert_array_equal(other.lend(trial)["weights"], make(3).lend(trial)["weights"])
    grown = store.lend(trial)["weights"].copy()
    train(other, trial, 2.0)
    np.testing.assert_array_equal(store.lend(trial)["weights"], grown)
    assert (other.lend(trial)["weights"] != grown).any()


@each
def test_what_is_folded_is_lent_next(make):
    store, trial = make(), Trial(0, SPECS[1])
    start = store.lend(trial)["weights"].copy()
    np.testing.assert_allclose(train(store, trial), start + 0.75, atol=1e-6)
    np.testing.assert_array_equal(store.weights(0), store.lend(trial)["weights"])


@each
def test_a_round_that_nobody_answered_changes_nothing(make):
    store, trial = make(), Trial(0, SPECS[1])
    before = train(store, trial).copy()
    store.open(trial)
    with pytest.raises(SearchError):
        store.fold(trial)
    np.testing.assert_array_equal(store.lend(trial)["weights"], before)


@own
def test_what_is_adopted_is_scored_as_it_was_where_it_was_trained(make, tmp_path):
    """Also where that was a mean over rounds, and after a rest or a resume."""
    blobs = Blobs(tmp_path)
    elsewhere, trained = make(blobs=blobs), Trial(3, SPECS[1], Recipe(average=2))
    train(elsewhere, trained)
    train(elsewhere, trained)
    weights = elsewhere.weights(3)
    store, trial = make(seed=1, blobs=blobs), Trial(0, SPECS[1], trained.recipe)
    store.adopt(trial, weights)
    np.testing.assert_array_equal(store.weights(0), weights)
    np.testing.assert_array_equal(store.lend(trial, "score")["weights"], weights)
    store.rest(trial)
    again = make(seed=1, blobs=Blobs(tmp_path))
    again.load_state_dict(json.loads(json.dumps(store.state_dict())))
    np.testing.assert_array_equal(again.weights(0), weights)


@own
@pytest.mark.parametrize("rests", [False, True])
def test_what_is_adopted_takes_the_place_of_all_that_was_trained(make, rests, tmp_path):
    """So a trial goes back to what it was, with no mean over what came after."""
    blobs, trial = Blobs(tmp_path), Trial(0, SPECS[1], Recipe(average=2))
    store = make(blobs=blobs)
    train(store, trial)
    train(store, trial)
    before = store.weights(0).copy()
    train(store, trial)
    if rests:
        store.rest(trial)
    store.adopt(trial, before)
    again = make(blobs=Blobs(tmp_path))
    again.load_state_dict(json.loads(json.dumps(store.state_dict())))
    for one in (store, again):
        np.testing.assert_array_equal(one.weights(0), before)
        np.testing.assert_array_equal(one.lend(trial, "score")["weights"], before)


@each
def test_what_rests_comes_back_as_it_was(make, tmp_path):
    store, trial = make(blobs=Blobs(tmp_path)), Trial(0, SPECS[1])
    before = train(store, trial).copy()
    store.rest(trial)
    np.testing.assert_array_equal(store.lend(trial)["weights"], before)


def averaged(count, number=0, spec=SPECS[2]):
    return Trial(number, spec, Recipe(average=count))


@own
@pytest.mark.parametrize("rule", [FedAvg, FedAdam])
@pytest.mark.parametrize("count", [0, 1, 2, 3, 9])
def test_a_score_is_of_the_mean_over_the_last_rounds_and_training_goes_on_from_the_last_one(make, rule, count):
    store, plain, trial = make(rule=rule), make(rule=rule), averaged(count)
    rounds = []
    np.testing.assert_array_equal(store.lend(trial, "score")["weights"], store.lend(trial)["weights"])
    for step in range(1, 6):
        last = train(store, trial, shift=0.1 * step**2).copy()
        np.testing.assert_array_equal(last, train(plain, averaged(0), shift=0.1 * step**2))  # it trains on as ever
        rounds = [*rounds, last.astype(np.float64)][-max(count, 1) :]
        mean = sum(rounds) / len(rounds)
        np.testing.assert_allclose(store.lend(trial, "score")["weights"], mean, rtol=1e-6, atol=1e-7)
        np.testing.assert_array_equal(store.weights(0), store.lend(trial, "score")["weights"])
        np.testing.assert_array_equal(store.lend(trial, "train")["weights"], last)


@own
@pytest.mark.parametrize("count", [0, 1, 3])
def test_what_does_not_change_is_the_same_mapping(make, count):
    store, trial = make(), averaged(count)
    assert store.lend(trial, "score") is store.lend(trial)
    train(store, trial)
    assert store.lend(trial, "score") is store.lend(trial)  # the mean of one round is that round
    train(store, trial)
    lent = [store.lend(trial, kind) for kind in ("train", "score", "train", "score")]
    assert lent[0] is lent[2]
    assert lent[1] is lent[3]
    assert (lent[0] is lent[1]) is (count < 2)


@own
def test_a_round_that_nobody_answered_is_no_round_of_a_mean(make):
    store, trial = make(), averaged(2)
    for step in (1, 2):
        train(store, trial, step)
    before = store.lend(trial, "score")
    store.open(trial)
    with pytest.raises(SearchError):
        store.fold(trial)
    assert store.lend(trial, "score") is before


@own
def test_a_mean_that_rests_comes_back_as_it_was(make, tmp_path):
    store, trial = make(blobs=Blobs(tmp_path)), averaged(3)
    for step in (1, 2, 4, 8):
        train(store, trial, step)
    before = store.lend(trial, "score")["weights"].copy()
    store.rest(trial)
    np.testing.assert_array_equal(store.weights(0), before)
    np.testing.assert_array_equal(store.lend(trial, "score")["weights"], before)


@each
def test_what_is_not_retained_is_forgotten(make):
    store = make()
    for number in range(3):
        train(store, Trial(number, SPECS[1]))
    store.retain({1})
    assert [store.weights(number) is None for number in range(3)] == [True, False, True]


@each
@pytest.mark.parametrize("count", [0, 3])
@pytest.mark.parametrize("rule", [FedAvg, FedAdam])
def test_restored_and_continued_equals_never_interrupted(make, rule, count, tmp_path):
    whole, trials = make(3, rule), [averaged(count, number, spec) for number, spec in enumerate(SPECS)]
    other, blobs = make(3, rule, Blobs(tmp_path)), Blobs(tmp_path)
    for step in range(6):
        for trial in trials:
            train(whole, trial, shift=0.1 * step)
            train(other, trial, shift=0.1 * step)
        for store in (whole, other):
            store.rest(trials[step % 3])
        state = json.loads(json.dumps(other.state_dict()))
        other = make(3, rule, blobs)
        other.load_state_dict(state)
        for trial in trials[: step % 2]:  # some are scored in between
            np.testing.assert_array_equal(other.lend(trial, "score")["weights"], whole.lend(trial, "score")["weights"])
    for trial in trials:
        np.testing.assert_array_equal(other.weights(trial.number), whole.weights(trial.number))


@own
@pytest.mark.parametrize("rests", [False, True])
def test_a_child_begins_as_if_never_interrupted(make, rests, tmp_path):
    """Whatever it takes over from its parent, which is retained; nothing where that was forgotten."""
    blobs = Blobs(tmp_path)
    store, parent, child = make(3, blobs=blobs), averaged(3), Trial(1, SPECS[0], parent=0)
    for step in (1, 2, 4):
        train(store, parent, step)
    if rests:
        store.rest(parent)
    store.retain({0})
    other = make(3, blobs=Blobs(tmp_path))
    other.load_state_dict(json.loads(json.dumps(store.state_dict())))
    np.testing.assert_array_equal(other.lend(child)["weights"], store.lend(child)["weights"])
    assert other.heritage(child) == store.heritage(child)
    assert store.heritage(child) is None, "it is told once"
    forgetful = make(3)
    train(forgetful, parent)
    forgetful.retain({1})
    np.testing.assert_array_equal(forgetful.lend(child)["weights"], make(3).lend(Trial(1, SPECS[0]))["weights"])
    assert forgetful.heritage(child) is None


@own
def test_a_child_that_has_begun_needs_its_parent_no_more(make, tmp_path):
    store, child = make(3, blobs=Blobs(tmp_path)), Trial(1, SPECS[1], parent=0)
    train(store, Trial(0, SPECS[2]))
    begun = store.lend(child)["weights"].copy()
    state = json.loads(json.dumps(store.state_dict()))
    store.retain({1})
    np.testing.assert_array_equal(store.lend(child)["weights"], begun)
    other = make(3, blobs=Blobs(tmp_path))
    other.load_state_dict(state)
    other.retain({1})
    np.testing.assert_array_equal(other.lend(child)["weights"], begun)
