"""What `predictor` and `progressive` share."""

import json

import numpy as np
import pytest

from server_app.controllers.guided import Pool
from server_app.controllers.observations import Suggestion
from server_app.controllers.predictor import Predictor
from server_app.trials import Recipe, Trial, TrialState
from tests.support.spaces import with_one_recipe
from tests.support.tables import tabular_space
from tests.support.trials import scored, trial_of


@pytest.fixture
def table():
    """81 keys; a higher digit is worth more, the more so the further it is to the left."""
    return with_one_recipe(tabular_space())


def make(space, trials=60, start=(), **options):
    return Predictor(
        space, 0, trials, Predictor.Options(**options), [Suggestion((one, Recipe()), "given") for one in start]
    )


def started(table, *keys, **options):
    """A controller that was given these keys, with the trials of its proposals."""
    controller = make(table, start=[table.space.specs[key] for key in keys], **options)
    return controller, [Trial.of(proposal) for proposal in controller.propose(len(keys))]


def end(controller, trial, score, rung=1, **fields):
    scored(trial, score, rung, **fields).state = TrialState.FINISHED
    controller.observe(trial, final=True)


def foreseen(controller, table, *keys):
    beliefs = controller.beliefs(np.random.default_rng(0))
    return beliefs.predict([(table.space.specs[key], Recipe()) for key in keys])


def test_nothing_is_believed_before_two_trials_scored(table):
    controller, (one, other, _) = started(table, "0000", "1111", "2222")
    assert controller.beliefs(np.random.default_rng(0)) is None
    end(controller, one, 0.1)
    assert controller.beliefs(np.random.default_rng(0)) is None
    end(controller, other, 0.2)
    (low, high), _ = foreseen(controller, table, "0001", "1112")
    assert low < high


def test_a_rung_is_learnt_from_before_a_trial_ends(table):
    controller, trials = started(table, "0000", "1111", "2222")
    for trial, score in zip(trials, (0.1, 0.2, 0.3), strict=True):
        scored(trial, score).state = TrialState.WAITING
        controller.observe(trial, final=False)
    assert not controller.history
    means, _ = foreseen(controller, table, "0001", "1110", "2221")
    assert means[0] < means[1] < means[2]


def test_a_low_rung_counts_by_what_those_gained_that_went_on(table):
    """Two gained 0.5 from rung to rung; the third, stopped with 0.6, is believed better than what reached 0.8."""
    controller, trials = started(table, "0000", "0011", "2222")
    for trial, (low, high) in zip(trials, ((0.2, 0.7), (0.3, 0.8), (0.6, None)), strict=True):
        scored(trial, low).state = TrialState.WAITING
        controller.observe(trial, final=False)
        end(controller, trial, low if high is None else high, 1 if high is None else 2)
    means, _ = foreseen(controller, table, "0000", "0011", "2222")
    assert means[2] > means[1] > means[0]


def test_a_failed_trial_is_as_good_as_the_worst_and_one_that_was_not_heard_says_nothing(table):
    controller, trials = started(table, "0000", "1111", "2222")
    end(controller, trials[0], 0.1)
    end(controller, trials[1], 0.2)
    (before,), _ = foreseen(controller, table, "2222")
    trials[2].state, trials[2].unheard = TrialState.FAILED, True
    controller.observe(trials[2], final=True)
    (unheard,), _ = foreseen(controller, table, "2222")
    failed, others = started(table, "0000", "1111", "2222")
    end(failed, others[0], 0.1)
    end(failed, others[1], 0.2)
    others[2].state = TrialState.FAILED
    failed.observe(others[2], final=True)
    (after,), _ = foreseen(failed, table, "2222")
    assert after < before == pytest.approx(unheard)


def test_what_is_under_way_takes_doubt_away_and_moves_no_mean(table):
    controller, trials = started(table, "0000", "1111", "2222")
    end(controller, trials[0], 0.1)
    end(controller, trials[1], 0.2)
    (mean,), (less,) = foreseen(controller, table, "2222")
    alone, others = started(table, "0000", "1111")
    end(alone, others[0], 0.1)
    end(alone, others[1], 0.2)
    (same,), (doubt,) = foreseen(alone, table, "2222")
    assert mean == pytest.approx(same)
    assert less < 0.9 * doubt


def test_of_many_trials_the_best_and_the_newest_are_seen(space):
    controller = make(space, 400)
    for proposal in controller.propose(250):
        controller.observe(trial_of(proposal, 1.0 if proposal.number < 20 else proposal.number / 1000), final=True)
    seen = {one.number for one in controller._seen_by_model()}
    best = {*range(20), *range(170, 250)}
    assert seen == best | set(range(120, 170))


def test_scores_of_all_rungs_are_part_of_the_state(table):
    controller, trials = started(table, "0000", "1111", "2222")
    for trial, scores in zip(trials, ((0.1, 0.6), (0.2, 0.7), (0.4,)), strict=True):
        for rung, score in enumerate(scores, 1):
            scored(trial, score, rung).state = TrialState.WAITING
            controller.observe(trial, final=False)
        end(controller, trial, scores[-1], len(scores))
    restored = make(table)
    restored.load_state_dict(json.loads(json.dumps(controller.state_dict())))
    found, expected = (foreseen(one, table, "0000", "2221", "1201") for one in (restored, controller))
    assert np.array_equal(found, expected)


def test_a_pool_holds_what_is_new_and_wanted_each_once(table):
    first, second = ((table.space.specs[key], Recipe()) for key in ("0000", "0001"))
    pool = Pool(table, {first}, lambda tried: tried[0].key.startswith("00"))
    rng = np.random.default_rng(0)
    pool.draw(500, rng)
    assert len(pool) == 8
    assert {one.tried[0].key for one in pool.ideas} == {f"00{a}{b}" for a in "012" for b in "012"} - {"0000"}
    pool = Pool(table, {first})
    pool.mutate([Suggestion(first, "mutation", 7), Suggestion(second, "mutation", 8)], 200, rng)
    assert len(pool) == len(set(pool.identities))
    assert first not in pool.identities
    assert {one.parent for one in pool.ideas} == {7, 8}
    assert [one.tried for one in pool.first(np.arange(len(pool)), 2)] == pool.identities[:-3:-1]


def test_a_pool_of_no_ideas_stays_empty(table):
    pool = Pool(table, set())
    pool.mutate([], 10, np.random.default_rng(0))
    assert not pool
