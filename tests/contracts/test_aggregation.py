"""What every aggregation must hold: run for each choice that the registry finds."""

import json
import random

import numpy as np
import pytest
from flwr.app import ArrayRecord

from common.errors import ConfigError, ProtocolError, SearchError
from common.seeding import generator
from server_app.blobs import Blobs
from server_app.registry import choices, load_choice

pytestmark = pytest.mark.parametrize("name", choices("aggregation"))

SIZE = 40
# Rules by which a round of equal updates ends with that update; the others step towards it.
KEEP_EQUAL_UPDATES = {"fedavg", "fedavgm", "fedmedian", "fedtrimmedavg", "krum", "multikrum", "bulyan"}


@pytest.fixture
def aggregation(name):
    return load_choice("aggregation", name)()


def weights():
    return generator(0, "weights").normal(size=SIZE).astype(np.float32)


def replies(count, round_=1):
    """Updates near the weights, as from a round of training."""
    made = []
    for index in range(count):
        rng = generator(1, "reply", round_, index)
        update = weights() + rng.normal(0.1, 0.05, SIZE).astype(np.float32)
        made.append((f"node-{index}", update, int(rng.integers(1, 200)), {"loss": float(rng.uniform(0.1, 2.0))}))
    return made


def run(aggregation, start, added):
    aggregation.begin(start)
    for reply in added:
        aggregation.add(*reply)
    return aggregation.combined()


def test_the_result_is_a_finite_packed_state(aggregation):
    result = run(aggregation, weights(), replies(9))
    assert result.dtype == np.float32
    assert result.shape == (SIZE,)
    assert np.isfinite(result).all()
    assert not np.array_equal(result, weights())


def cancelling_replies(round_):
    """Large updates that cancel and small ones that are left: even a float64 sum of these depends on its order."""
    rng = generator(3, "cancel", round_)
    large = (rng.normal(size=(4, SIZE)) * 1e5).astype(np.float32)
    small = (rng.normal(size=(4, SIZE)) * 1e-6).astype(np.float32)
    updates = np.concatenate([large, small, -large])
    counts = [3, 5, 7, 11, 2, 4, 6, 8, 3, 5, 7, 11]
    return [(f"node-{index}", updates[index], count, {"loss": 0.7}) for index, count in enumerate(counts)]


def test_what_nobody_trains_stays_within_what_the_nodes_sent(aggregation):
    """Variances that fall for two rounds: a rule with momentum would carry them on, below 0."""
    falling, start = [1.0, 0.1, 0.01], weights()
    start[-3:] = falling[0]
    for round_, mean in enumerate(falling[1:], start=1):
        added = replies(9, round_)
        for index, (_, update, _, _) in enumerate(added):
            update[-3:] = mean * (1 + 0.01 * index)
        aggregation.begin(start, untrained=3)
        for reply in added:
            aggregation.add(*reply)
        start = aggregation.combined()
        ends = np.array([update[-3:] for _, update, _, _ in added])
        assert np.all((ends.min(axis=0) <= start[-3:]) & (start[-3:] <= ends.max(axis=0)))


def test_the_order_of_replies_does_not_matter(name):
    results = []
    for order in (range(12), range(11, -1, -1), generator(2, "order").permutation(12)):
        aggregation = load_choice("aggregation", name)()
        result = np.zeros(SIZE, np.float32)
        for round_ in (1, 2):
            added = cancelling_replies(round_)
            result = run(aggregation, result, [added[index] for index in order])
        results.append(result.tobytes())
    assert len(set(results)) == 1


def test_goes_on_for_many_rounds(aggregation):
    result = weights()
    seen = [result.tobytes()]
    for round_ in range(1, 6):
        result = run(aggregation, result, replies(9, round_))
        assert np.isfinite(result).all()
        seen.append(result.tobytes())
    assert len(set(seen)) == 6


def test_instances_share_nothing(name):
    alone, one, other = (load_choice("aggregation", name)() for _ in range(3))
    expected = [run(alone, weights(), replies(9, round_)) for round_ in (1, 2, 3)]
    for round_, wanted in enumerate(expected, start=1):
        one.begin(weights())
        other.begin(-weights())
        for (node, update, count, metrics), (_, foreign, _, _) in zip(
            replies(9, round_), replies(9, round_ + 10), strict=True
        ):
            one.add(node, update, count, metrics)
            other.add(node, -3 * foreign, 7, metrics)
        other.combined()
        assert np.array_equal(one.combined(), wanted)


def test_is_not_steered_by_global_randomness_nor_steers_it(name):
    results = []
    for seed in (1, 2):
        random.seed(seed)
        before = random.getstate()
        results.append(run(load_choice("aggregation", name)(), weights(), replies(9)))
        assert random.getstate() == before
    assert np.array_equal(*results)


def test_keeps_equal_updates_or_steps_towards_them(name, aggregation):
    target = weights() + np.float32(0.5)
    result = run(aggregation, weights(), [(node, target, count, loss) for node, _, count, loss in replies(9)])
    if name in KEEP_EQUAL_UPDATES:
        assert np.array_equal(result, target)
    else:
        assert np.all((result - weights()) * (target - weights()) > 0)


def test_updates_equal_to_the_weights_change_nothing(aggregation):
    result = run(aggregation, weights(), [(node, weights(), count, loss) for node, _, count, loss in replies(9)])
    assert np.array_equal(result, weights())


def test_counts_replies_and_examples(aggregation):
    aggregation.begin(weights())
    assert (aggregation.count, aggregation.examples) == (0, 0)
    for reply in replies(9):
        aggregation.add(*reply)
    assert aggregation.count == 9
    assert aggregation.examples == sum(reply[2] for reply in replies(9))
    aggregation.begin(weights())
    assert (aggregation.count, aggregation.examples) == (0, 0)


def test_what_the_caller_does_to_its_arrays_later_does_not_matter(name):
    expected = run(load_choice("aggregation", name)(), weights(), replies(9))
    aggregation = load_choice("aggregation", name)()
    start = weights()
    aggregation.begin(start)
    start.fill(np.nan)
    for node, update, count, metrics in replies(9):
        aggregation.add(node, update, count, metrics)
        update.fill(np.nan)
    assert np.array_equal(aggregation.combined(), expected)


def test_leaves_the_callers_arrays_alone(aggregation):
    start, added = weights(), replies(9)
    start.setflags(write=False)
    for _, update, _, _ in added:
        update.setflags(write=False)
    before = [array.copy() for array in (start, *(update for _, update, _, _ in added))]
    run(aggregation, start, added)
    for array, was in zip((start, *(update for _, update, _, _ in added)), before, strict=True):
        np.testing.assert_array_equal(array, was)


def broken(kind):
    node, update, count, metrics = replies(1)[0]
    changed = {
        "longer": lambda: (node, np.append(update, np.float32(0)), count, metrics),
        "shorter": lambda: (node, update[:-1], count, metrics),
        "matrix": lambda: (node, update.reshape(2, -1), count, metrics),
        "scalar": lambda: (node, np.float32(1), count, metrics),
        "float64": lambda: (node, update.astype(np.float64), count, metrics),
        "list": lambda: (node, update.tolist(), count, metrics),
        "nan": lambda: (node, np.where(np.arange(SIZE) == 7, np.float32(np.nan), update), count, metrics),
        "infinity": lambda: (node, np.where(np.arange(SIZE) == 7, np.float32(-np.inf), update), count, metrics),
        "no examples": lambda: (node, update, 0, metrics),
        "negative examples": lambda: (node, update, -3, metrics),
        "fraction": lambda: (node, update, 1.5, metrics),
        "truth": lambda: (node, update, True, metrics),
        "again": lambda: ("node-1", update, count, metrics),
    }
    return changed[kind]()


REASONS = {
    "longer": r"shape \(40,\), got \(41,\)",
    "shorter": r"shape \(40,\), got \(39,\)",
    "matrix": r"shape \(40,\), got \(2, 20\)",
    "scalar": "float32 array",
    "float64": "float32 array, got 'float64'",
    "list": "float32 array",
    "nan": "finite, got 'nan at index 7'",
    "infinity": "finite, got '-inf at index 7'",
    "no examples": "at least 1 example, got 0",
    "negative examples": "at least 1 example, got -3",
    "fraction": r"at least 1 example, got 1\.5",
    "truth": "at least 1 example, got True",
    "again": "replies once in a round, got 'node-1'",
}


@pytest.mark.parametrize("kind", REASONS)
def test_refuses_a_broken_reply_with_its_reason_and_goes_on(name, kind):
    expected = run(load_choice("aggregation", name)(), weights(), replies(9))
    aggregation = load_choice("aggregation", name)()
    aggregation.begin(weights())
    first, second, *others = replies(9)
    aggregation.add(*second)
    with pytest.raises(ProtocolError, match=REASONS[kind]):
        aggregation.add(*broken(kind))
    assert (aggregation.count, aggregation.examples) == (1, second[2])
    for reply in (first, *others):
        aggregation.add(*reply)
    assert np.array_equal(aggregation.combined(), expected)


def test_the_minimum_of_replies_is_enough(aggregation):
    assert 1 <= aggregation.minimum <= 9
    result = run(aggregation, weights(), replies(aggregation.minimum))
    assert np.isfinite(result).all()


def test_fewer_replies_than_the_minimum_are_an_error_that_names_it(aggregation):
    few = aggregation.minimum - 1
    aggregation.begin(weights())
    for reply in replies(few):
        aggregation.add(*reply)
    with pytest.raises(SearchError, match=rf"updates of {aggregation.minimum} nodes? in a round, got {few}\."):
        aggregation.combined()
    aggregation.add(*replies(few + 1)[-1])
    assert np.isfinite(aggregation.combined()).all()


def test_a_round_without_a_result_leaves_no_trace(name):
    expected = run(load_choice("aggregation", name)(), weights(), replies(9))
    aggregation = load_choice("aggregation", name)()
    aggregation.begin(-weights())
    aggregation.add("somebody", 5 * weights(), 1000, {"loss": 3.0})
    assert np.array_equal(run(aggregation, weights(), replies(9)), expected)


def test_a_round_ends_once(aggregation):
    with pytest.raises(ConfigError, match="begun before"):
        aggregation.add(*replies(1)[0])
    run(aggregation, weights(), replies(9))
    with pytest.raises(ConfigError, match="begun before"):
        aggregation.combined()
    with pytest.raises(ConfigError, match="begun before"):
        aggregation.add(*replies(1)[0])


def test_one_weight_is_enough(aggregation):
    start = np.array([0.25], np.float32)
    result = run(aggregation, start, [(node, update[:1], count, loss) for node, update, count, loss in replies(9)])
    assert result.shape == (1,)


@pytest.mark.parametrize("bad", [np.zeros(0, np.float32), np.zeros((2, 2), np.float32), np.zeros(3)])
def test_refuses_weights_that_are_no_packed_state(aggregation, bad):
    with pytest.raises(ProtocolError, match="weights of a round must"):
        aggregation.begin(bad)


def test_the_size_of_a_trial_does_not_change(aggregation):
    run(aggregation, weights(), replies(9))
    with pytest.raises(ProtocolError, match=r"shape \(40,\), got \(39,\)"):
        aggregation.begin(weights()[:-1])


# ---------------------------------------------------------------- saved and gone on with


def resumed(name, aggregation, folder):
    """Return another instance with the state of this one, as a run that was killed would read it."""
    text = json.dumps(Blobs(folder).put_state(aggregation.state_dict()))
    other = load_choice("aggregation", name)()
    other.load_state_dict(Blobs(folder).get_state(json.loads(text)))
    return other


@pytest.mark.parametrize("rounds", [0, 1, 2, 5])
def test_resumed_equals_never_interrupted(name, aggregation, rounds, tmp_path):
    result = weights()
    for round_ in range(rounds):
        result = run(aggregation, result, replies(9, round_))
    other, other_result = resumed(name, aggregation, tmp_path), result
    for round_ in range(rounds, rounds + 4):
        result = run(aggregation, result, replies(9, round_))
        other_result = run(other, other_result, replies(9, round_))
        assert other_result.tobytes() == result.tobytes()
        other = resumed(name, other, tmp_path)


def test_an_open_round_is_no_part_of_the_state(name, aggregation, tmp_path):
    result = run(aggregation, weights(), replies(9))
    between = json.dumps(Blobs(tmp_path).put_state(aggregation.state_dict()))
    aggregation.begin(result)
    for reply in replies(9, 2)[:5]:
        aggregation.add(*reply)
    assert json.dumps(Blobs(tmp_path).put_state(aggregation.state_dict())) == between
    other = resumed(name, aggregation, tmp_path)
    with pytest.raises(ConfigError, match="begun before"):
        other.add(*replies(1)[0])
    for reply in replies(9, 2)[5:]:
        aggregation.add(*reply)
    assert run(other, result, replies(9, 2)).tobytes() == aggregation.combined().tobytes()


def test_a_state_does_not_change_with_the_rounds_that_follow(name, aggregation, tmp_path):
    result = run(aggregation, weights(), replies(9))
    state = aggregation.state_dict()
    before = Blobs(tmp_path).put_state(state)
    other = load_choice("aggregation", name)()
    other.load_state_dict(state)
    for each in (aggregation, other):
        run(each, result, replies(9, 2))
    assert Blobs(tmp_path).put_state(state) == before


def test_a_resumed_trial_keeps_its_size(name, aggregation, tmp_path):
    run(aggregation, weights(), replies(9))
    with pytest.raises(ProtocolError, match=r"shape \(40,\), got \(39,\)"):
        resumed(name, aggregation, tmp_path).begin(weights()[:-1])


def test_all_that_a_rule_remembers_is_saved(name, aggregation, tmp_path):
    """Whatever of an instance, and of the strategy in it, differs after some rounds is the same in a resumed one."""
    result = weights()
    for round_ in range(3):
        result = run(aggregation, result, replies(9, round_))
    assert remembered(resumed(name, aggregation, tmp_path)) == remembered(aggregation)
    assert (remembered(aggregation) == remembered(load_choice("aggregation", name)())) is (name == "fedavg")


def remembered(aggregation):
    """Return all attributes but those of the round that is over, as bytes and texts."""
    own = {key: value for key, value in vars(aggregation).items() if key not in PER_ROUND}
    return {key: vars_of(value) for key, value in own.items()}


# Set by `begin`, and of no meaning until the next; the size of a trial has a test of its own.
PER_ROUND = {"_open", "_size", "_nodes", "_examples", "_at_first"}


def vars_of(value):
    if isinstance(value, np.ndarray):
        return (value.dtype.str, value.shape, value.tobytes())
    if isinstance(value, ArrayRecord):
        return vars_of({key: array.numpy() for key, array in value.items()})
    if isinstance(value, dict):
        return {key: vars_of(item) for key, item in value.items()}
    if isinstance(value, list):
        return [vars_of(item) for item in value]
    return vars_of(vars(value)) if hasattr(value, "aggregate_train") else value
