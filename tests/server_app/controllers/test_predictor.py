import statistics

import numpy as np
import pytest

from common.errors import ConfigError
from server_app.controllers.observations import Suggestion
from server_app.controllers.predictor import ACQUISITIONS, Predictor
from server_app.controllers.random import Random
from server_app.pareto import nondominated
from server_app.spaces import trial_space
from server_app.trials import Recipe, Trial, TrialState
from tests.support.spaces import with_one_recipe
from tests.support.tables import tabular_space
from tests.support.trials import scored, trial_of


def make(space, trials=40, seed=0, **options):
    return Predictor(space, seed, trials, Predictor.Options(**options))


def test_foresees_where_luck_does_not_lead(space, search, luck):
    """In 60 trials, of which evolution needs 300."""
    best = [max(trial.score for trial in search(make(space, 60, seed))) for seed in range(3)]
    assert statistics.median(best) >= 0.8
    assert luck(0.8, 60) < 0.02


def test_the_first_are_drawn_and_the_others_chosen(space, search):
    trials = search(make(space, 20, initial=8))
    assert [trial.origin for trial in trials[:8]] == ["sample"] * 8
    assert "mutation" in {trial.origin for trial in trials[8:]}


def test_what_is_given_counts_among_the_first(space, search):
    rng = np.random.default_rng(0)
    start = [Suggestion(space.sample(rng), "given") for _ in range(5)]
    trials = search(Predictor(space, 0, 12, Predictor.Options(initial=5), start))
    assert [trial.origin for trial in trials[:5]] == ["given"] * 5
    assert "mutation" in {trial.origin for trial in trials[5:]}


@pytest.mark.parametrize("acquisition", ACQUISITIONS)
def test_a_table_of_sums_is_understood_from_a_few_entries(acquisition):
    """81 keys, of which the best is the one with the highest digits; of 20 draws it is one in a quarter of all runs."""
    space = with_one_recipe(tabular_space())
    found = 0
    for seed in range(5):
        controller, keys = make(space, 20, seed, acquisition=acquisition), []
        while proposals := controller.propose(1):
            keys.append(proposals[0].spec.key)
            worth = space.space.entry(proposals[0].spec).mean
            controller.observe(trial_of(proposals[0], worth), final=True)
        found += "2222" in keys
    assert found == 5
    assert 0.25**5 < 0.001


def test_several_at_once_differ(space):
    controller = make(space, initial=5)
    for proposal in controller.propose(8):
        controller.observe(trial_of(proposal, proposal.number / 8), final=True)
    proposals = controller.propose(6)
    assert len({proposal.spec for proposal in proposals}) == 6


def test_an_idea_is_a_child_of_one_of_the_ten_best(space):
    controller = make(space, 40, initial=20)
    for proposal in controller.propose(20):
        controller.observe(trial_of(proposal, float(proposal.number)), final=True)
    assert sorted(controller.parents()) == list(range(10, 20))
    proposals = controller.propose(10)
    assert {proposal.parent for proposal in proposals} <= {*range(10, 20), None}
    assert any(proposal.parent is not None for proposal in proposals)


def test_a_front_is_pushed_further_than_luck_pushes_it(space):
    """By the mean over the front of the sum of both objectives: wide layers first, and narrow ones then."""

    def ends(spec):
        widths = [layer.width for layer in spec.layers]
        return float(sum(widths[: len(widths) // 2])), -float(sum(widths[len(widths) // 2 :]))

    def reached(cls, options):
        controller, points = cls(space, 0, 40, options), []
        while proposals := controller.propose(1):
            points.append(ends(proposals[0].spec))
            trial = scored(Trial.of(proposals[0]), points[-1][0], further=points[-1][1:])
            trial.state = TrialState.FINISHED
            controller.observe(trial, final=True)
        front = nondominated(points)
        return sum(map(sum, front)) / len(front)

    assert reached(Predictor, Predictor.Options()) > reached(Random, Random.Options())


def test_a_known_key_is_not_chosen_again(search):
    space = with_one_recipe(tabular_space())
    controller = make(space, 81, initial=2)
    keys = []
    while proposals := controller.propose(1):
        keys.append(proposals[0].spec.key)
        controller.observe(trial_of(proposals[0], 0.5), final=True)
    assert len(set(keys)) == len(keys) == 81


@pytest.mark.parametrize(
    ("options", "named"),
    [({"initial": 1}, "initial"), ({"pool": 0}, "pool"), ({"acquisition": "luck"}, "acquisition")],
)
def test_options_are_checked(options, named):
    with pytest.raises(ConfigError, match=named):
        Predictor.Options(**options)


def test_where_as_much_is_hoped_of_all_the_cheap_are_tried(space, monkeypatch):
    """All score alike, so that what is hoped of a spec says little, and what it costs decides.

    These networks are so small that what any step takes would hide what they cost.
    """
    monkeypatch.setattr(trial_space, "_STEP", 1)

    def mean_effort(per_cost, seed):
        controller, efforts = make(space, 30, seed, per_cost=per_cost), []
        while proposals := controller.propose(1):
            efforts.append(space.effort((proposals[0].spec, proposals[0].recipe)))
            controller.observe(trial_of(proposals[0], 0.5), final=True)
        return statistics.fmean(efforts[5:])

    for seed in range(3):
        assert mean_effort(True, seed) < 0.7 * mean_effort(False, seed)


def test_one_recipe_is_all_that_is_tried(space, search):
    assert {trial.recipe for trial in search(make(space, 12))} == {Recipe()}
