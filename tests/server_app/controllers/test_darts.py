"""What a bilevel search found is proposed, after the start, with the default recipe first; and then it is over."""

from __future__ import annotations

import json

import numpy as np
import pytest

from common.architecture.kinds.layered import LayeredSpec
from common.architecture.kinds.layers import Linear
from common.errors import ConfigError, SpecError
from common.tasks import Classification, Task
from server_app.controllers.darts import Darts
from server_app.spaces.layered import LayeredSpace
from server_app.trials import Recipe
from tests.support.spaces import given, with_one_recipe, with_recipes


class Widths(LayeredSpace):
    """Chains of as many linear layers as there are digits, each as wide as its digit says."""

    def __init__(self, most=3):
        options = LayeredSpace.Options(
            4, 4, operations=["linear"], width=list(range(1, most + 1)), activation=["relu"], norm=["none"], skip=0.0,
            dropout=0.0,
        )  # fmt: skip
        super().__init__(Task((4,), Classification(2)), options)

    def spec(self, digits):
        return LayeredSpec(tuple(Linear(int(digit), norm="none") for digit in digits))


@pytest.fixture
def space():
    return Widths()


def darts(trials, start=(), most=20, **options):
    return Darts(trials, 7, most, Darts.Options(**options), start)


def specs_of(proposals):
    return [proposal.spec for proposal in proposals]


def test_the_start_comes_first_and_then_what_was_found_each_once(space):
    first, best, second = (space.spec(digits) for digits in ("3333", "1111", "2222"))
    controller = darts(with_one_recipe(space), given([first]))
    assert controller.max_trials == 3, "the start, and two that are found"
    controller.find([best, first])
    proposals = controller.propose(5)
    assert specs_of(proposals) == [first, best]
    assert [proposal.origin for proposal in proposals] == ["given", "discretized"]
    assert controller.done
    controller.find([best, second])
    assert specs_of(controller.propose(5)) == [second]


def test_before_anything_is_found_there_is_nothing_but_the_start(space):
    controller = darts(with_one_recipe(space))
    assert controller.done
    assert controller.propose(1) == []


def test_all_are_tried_with_the_default_recipe_first_and_then_all_with_the_same_others(space):
    found = [space.spec("1111"), space.spec("2222")]
    controller = darts(with_recipes(space), recipes=3)
    controller.find(found)
    proposals = controller.propose(20)
    assert specs_of(proposals) == found * 3
    by_round = [{proposal.recipe for proposal in proposals[2 * place : 2 * place + 2]} for place in range(3)]
    assert [len(recipes) for recipes in by_round] == [1, 1, 1]
    assert by_round[0] == {Recipe()}
    assert len(set.union(*by_round)) == 3


def test_there_are_no_more_recipes_than_are_offered(space):
    controller = darts(with_recipes(space), recipes=9)
    controller.find([space.spec("1111")])
    assert len(controller.propose(20)) == 4
    assert controller.max_trials == 2 * 4


def test_fewer_trials_leave_out_the_last(space):
    controller = darts(with_one_recipe(space), most=1)
    controller.find([space.spec("1111"), space.spec("2222")])
    assert specs_of(controller.propose(5)) == [space.spec("1111")]
    assert controller.done


def test_a_search_that_would_try_nothing_that_is_found_is_refused(space):
    trials, start = with_one_recipe(space), given([space.spec("3333"), space.spec("3332")])
    assert darts(trials, start, most=3).max_trials == 3
    with pytest.raises(ConfigError, match=r"after 2 that are tried first, got 2\. Set search\.trials=4 or more, or "):
        darts(trials, start, most=2, discretized=2)


def test_what_is_not_of_the_space_is_not_taken(space):
    with pytest.raises(SpecError):
        darts(with_one_recipe(space)).find([space.spec("8888")])


def test_a_resume_knows_how_many_trials_there_are_where_what_was_imported_is_gone(space):
    start = given([space.spec("3333"), space.spec("3332")])
    whole = darts(with_one_recipe(space), start)
    whole.find(space.samples(2, np.random.default_rng(0)))
    restored = darts(with_one_recipe(space))
    assert restored.max_trials == 2
    restored.load_state_dict(json.loads(json.dumps(whole.state_dict())))
    assert restored.max_trials == 4
    assert restored.propose(9) == whole.propose(9)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"rounds": 12, "warm_up": 10, "levels": 3}, r"one for each of controller.levels=3 after .*=10, got 12"),
        ({"order": "third"}, "must be one of first, second, mixed, got 'third'"),
        ({"mixing": "max"}, "must be one of softmax, gumbel"),
        ({"fraction": 1.0}, "between 0 and 1"),
        ({"part": 0.0}, "between 0 and 1"),
        ({"temperature": 0.0}, "above 0"),
        ({"discretized": 0}, "1 or more"),
        ({"max_skips": -1}, "0 or more"),
        ({"learning_rate": float("nan")}, "above 0"),
    ],
)
def test_options_that_make_no_sense_are_refused(options, told):
    with pytest.raises(ConfigError, match=told):
        Darts.Options(**options)


def test_collapse_can_be_left_out():
    assert Darts.Options(max_skips=None).max_skips is None
