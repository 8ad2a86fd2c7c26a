"""What every controller must hold: run for each choice that the registry finds.

The toy score of a spec is a function of the spec alone, and so is whether its trial fails; all trials
are ended by a fixed script, so that two drives differ only in what is tested. All of it runs with one recipe, and
with a choice of recipes.
"""

import copy
import json
import math
import random
from contextlib import suppress

import numpy as np
import pytest

from common.architecture.cost import Cost, cost_of
from common.architecture.kinds.layered import LayeredSpec
from common.architecture.kinds.layers import Linear
from common.errors import ConfigError, SpaceError, SpecError
from common.tasks import Classification, Task
from server_app.controllers.observations import Observation, Suggestion
from server_app.registry import choices, load_choice, option_names
from server_app.spaces import base
from server_app.spaces.layered import LayeredSpace
from server_app.spaces.listed import ListedSpace
from server_app.trials import Recipe, Trial, TrialState
from tests.support.spaces import given, with_one_recipe, with_recipes
from tests.support.tables import tabular_space
from tests.support.trials import scored, trial_of

pytestmark = [
    pytest.mark.parametrize("name", choices("controller")),
    pytest.mark.parametrize(
        "trials_of",
        [
            pytest.param(with_one_recipe, id="one recipe", marks=pytest.mark.thorough),
            pytest.param(with_recipes, id="recipes"),
        ],
    ),
]

TRIALS = 24

FINDS = {"darts"}
"""Controllers that propose what a stage has found."""


def worth(spec):
    """Return the toy score of a spec."""
    return (int(spec.key, 3) if spec.kind == "tabular" else sum(layer.width for layer in spec.layers)) / 10


class Drive:
    """A controller with up to `width` trials in flight; they end in a scrambled order, at rung 1 or 2."""

    def __init__(self, controller, width=1, fails=lambda number: number % 5 == 3, further=lambda _: ()):
        self.controller, self.width, self.fails, self.further = controller, width, fails, further
        self.open, self.log, self.step = [], [], 0

    def advance(self):
        """Fill up, then end one trial; returns False when the search is over."""
        may_be = set(self.controller.parents())
        proposals = self.controller.propose(self.width - len(self.open))
        parents = {proposal.parent for proposal in proposals} - {None}
        assert parents <= may_be, "parents() names all that a later proposal may have for a parent"
        assert may_be <= {seen.number for seen in self.controller.history}, "and nothing that was tried elsewhere"
        assert len(proposals) <= self.width - len(self.open)
        self.open += [Trial.of(proposal) for proposal in proposals]
        self.log += proposals
        if self.open:
            self.end(self.open.pop(self.step * 7 % len(self.open)))
        self.step += 1
        return bool(self.open) or not self.controller.done

    def end(self, trial):
        """Let a trial complete its rungs one after the other, and observe each; then it ends."""
        if self.fails(trial.number):
            trial.state, trial.failure = TrialState.FAILED, "toy"
        else:
            value = worth(trial.spec)
            for rung in range(1, 2 + trial.number % 2):
                scored(trial, value, rung, tie=-value * rung, further=self.further(trial.spec))
                trial.state = TrialState.WAITING
                self.controller.observe(trial, final=False)
            trial.state = TrialState.FINISHED if trial.rung == 2 else TrialState.STOPPED
        self.controller.observe(trial, final=True)

    def run(self, steps=10 * TRIALS):
        for _ in range(steps):
            if not self.advance():
                return self.log
        raise AssertionError("the search does not end")


@pytest.fixture
def space(digit_space):
    return digit_space(6, 4)


@pytest.fixture
def make(name, space, trials_of):
    """A controller of `name` over architectures with recipes; specs to start with have the default recipe.

    What chooses from a pool has a small one: it is dear, and what holds of a small one holds of a large one. What
    proposes that which a stage has found before is given draws, each to be tried with every recipe.
    """
    cls = load_choice("controller", name)
    finds = name in FINDS
    small = {"pool": 6, "discretized": 10 * TRIALS, "recipes": 4} if finds else {"pool": 6}
    options = cls.Options(
        **{option: value for option, value in small.items() if option in option_names("controller", name)}
    )

    def make(seed=0, space=space, trials=TRIALS, start=(), prior=()):
        suggestions = [one if isinstance(one, Suggestion) else given([one])[0] for one in start]
        controller = cls(trials_of(space), seed, trials, options, suggestions, prior)
        if finds:
            specs = 2 * trials // controller.space.recipes.size + 5  # some may be of the start, or be put off
            controller.find(drawn(space, specs, seed, may_be_none=bool(suggestions)))
        return controller

    return make


def drawn(space, count, seed, may_be_none):
    """Return so many specs, or all that are met, as a stage may have found them before the search."""
    rng = np.random.default_rng(seed)
    if space.legal() is not None:
        return space.samples(count, rng)
    found = {}
    for _ in range(3 * count):
        with suppress(SpaceError):
            found[space.sample(rng)] = None
    if not found and not may_be_none:
        space.sample(rng)  # says why
    return list(found)[:count]


@pytest.mark.parametrize("width", [1, 4, 50])
def test_proposals_are_legal_new_and_numbered(make, space, width):
    proposals = Drive(make(), width).run()
    assert [proposal.number for proposal in proposals] == list(range(TRIALS))
    assert len(identities(proposals)) == TRIALS
    assert all(space.contains(proposal.spec) for proposal in proposals)
    assert all(proposal.origin for proposal in proposals)


def identities(proposals):
    return {(proposal.spec, proposal.recipe) for proposal in proposals}


def test_every_recipe_is_one_of_those_that_are_offered(make, space):
    """Also what descends from a given one that is not."""
    start = given([space.spec("000000")], Recipe(epochs=7, learning_rate=0.5))
    controller = make(start=start)
    first, *others = Drive(controller, 3, fails=lambda _: False).run()
    assert first.recipe == Recipe(epochs=7, learning_rate=0.5)
    assert all(controller.space.recipes.offers(proposal.recipe) for proposal in others)
    assert len({proposal.recipe for proposal in others}) > 1 or controller.space.recipes.size == 1


@pytest.mark.parametrize("width", [1, 4])
def test_a_table_is_searched_as_any_other_space(make, width):
    space = tabular_space(max_parameters=70)
    drive = Drive(make(space=space), width)
    proposals = drive.run()
    assert len(identities(proposals)) == len(proposals) == TRIALS
    assert all(space.contains(proposal.spec) for proposal in proposals)
    restored = make(space=space)
    restored.load_state_dict(json.loads(json.dumps(drive.controller.state_dict())))
    assert restored.state_dict() == drive.controller.state_dict()


def test_parents_were_observed_before(make):
    drive = Drive(make(), width=4)
    while drive.advance():
        observed = {seen.number for seen in drive.controller.history}
        for proposal in drive.log[-4:]:
            assert proposal.parent is None or proposal.parent in observed


def test_proposes_no_more_than_asked(make):
    controller = make()
    assert controller.propose(0) == []
    assert len(controller.propose(3)) <= 3
    assert controller.in_flight <= 3


def test_max_trials_is_the_end(make):
    controller = make(trials=7)
    assert len(Drive(controller, width=3).run()) == 7
    assert controller.done
    assert controller.propose(5) == []
    assert controller.in_flight == 0


@pytest.mark.parametrize("width", [1, 4])
def test_a_space_is_exhausted_and_the_search_ends(make, digit_space, width):
    space = digit_space(2, 3)
    controller = make(space=space, trials=40)
    proposals = Drive(controller, width).run()
    assert len(identities(proposals)) == len(proposals) == controller.space.size()
    assert len(proposals) in (9, 9 * 4)
    assert controller.done
    restored = make(space=space, trials=40)
    restored.load_state_dict(json.loads(json.dumps(controller.state_dict())))
    assert restored.done


@pytest.mark.parametrize("max_layers", [1, 2], ids=["24", "6+6**2"])
def test_all_of_a_small_space_is_proposed_once_before_the_end(make, max_layers):
    """100 draws from 24 specs miss the last one in 1 of 70 searches; of chains the short ones are more likely."""
    space = linear_space(4 if max_layers == 1 else 1, max_layers)
    controller = make(space=space, trials=200)
    proposals = Drive(controller, width=3).run(steps=600)
    assert len(identities(proposals)) == len(proposals) == controller.space.size()
    assert controller.done
    assert controller.propose(1) == []


def linear_space(dropouts, max_layers):
    """``6 * dropouts`` layers, or chains of up to `max_layers` of them."""
    options = LayeredSpace.Options(
        min_layers=1,
        max_layers=max_layers,
        width=[2],
        activation=["relu", "gelu"],
        norm=["group", "batch", "none"],
        dropout=[0.0, 0.1, 0.2, 0.3, 0.4, 0.5][:dropouts],
        skip=0.0,
        max_parameters=None,
        max_macs=None,
    )
    return LayeredSpace(Task((4,), Classification(2)), options)


def listed_space(count, fitting):
    """A list of layers of width 2, 3, ..., of which the first `fitting` have few enough parameters."""
    task = Task((4,), Classification(2))
    specs = [LayeredSpec((Linear(width + 2),)) for width in range(count)]
    limit = cost_of(specs[fitting - 1].lower(task)).parameters
    return ListedSpace(task, ListedSpace.Options([spec.to_dict() for spec in specs], max_parameters=limit))


@pytest.mark.parametrize(("count", "fitting"), [(1, 1), (12, 5), (3000, 2)])
@pytest.mark.parametrize("width", [1, 4])
def test_of_a_list_all_that_fit_are_proposed_and_no_others(make, count, fitting, width):
    space = listed_space(count, fitting)
    controller = make(space=space)
    proposals = Drive(controller, width).run()
    assert len(identities(proposals)) == len(proposals) == fitting * controller.space.recipes.size
    assert {proposal.spec.layers[0].width for proposal in proposals} == set(range(2, fitting + 2))
    assert controller.done


def test_known_trials_that_repeat_and_fill_the_space_are_the_whole_search(make, trials_of):
    space = listed_space(12, 5)
    recipes = list(trials_of(space).recipes.enumerate())
    start = [
        one for index in (3, 0, 3, 4, 1, 0, 2) for recipe in recipes for one in given([space.specs[index]], recipe)
    ]
    controller = make(space=space, start=start)
    proposals = Drive(controller, width=2).run()
    expected = [(width, recipe, "given") for width in (5, 2, 6, 3, 4) for recipe in recipes]
    assert [(p.spec.layers[0].width, p.recipe, p.origin) for p in proposals] == expected
    assert controller.done


def test_a_space_that_cannot_be_listed_is_exhausted_when_nothing_new_is_drawn(make):
    """A range of dropout is infinite, and this one holds two numbers of four decimals."""
    options = LayeredSpace.Options(
        min_layers=1,
        max_layers=1,
        width=[2],
        activation=["relu"],
        norm=["none"],
        dropout={"low": 0.0, "high": 0.0001},
        skip=0.0,
    )
    space = LayeredSpace(Task((4,), Classification(2)), options)
    controller = make(space=space)
    proposals = Drive(controller).run()
    assert space.size() == math.inf
    assert len(identities(proposals)) == len(proposals) == 2 * controller.space.recipes.size
    assert {proposal.spec.layers[0].dropout for proposal in proposals} == {0.0, 0.0001}
    assert controller.done


@pytest.fixture
def few_draws(monkeypatch):
    """A sample is given up after 100 draws, and not 1000."""
    monkeypatch.setattr(base, "_ATTEMPTS", 100)


@pytest.mark.usefixtures("few_draws")
def test_rare_specs_of_a_large_space_are_drawn_again_where_draws_failed(make, digit_space):
    """One spec in 100 is legal, so 37 of 100 samples give up; 200 of them in a row do not."""
    space = digit_space(6, 10)
    space.excess = lambda spec: "" if space.digits(spec).endswith("00") else "not round"
    proposals = Drive(make(space=space, start=[space.spec("123400")], trials=10)).run()
    assert len(identities(proposals)) == 10


@pytest.mark.usefixtures("few_draws")
def test_a_space_where_nothing_was_ever_found_is_an_error_and_no_end(make, digit_space):
    space = digit_space(6, 10)
    space.excess = lambda spec: "too large"  # noqa: ARG005
    with pytest.raises(SpaceError, match="too large"):
        make(space=space).propose(1)


@pytest.mark.usefixtures("few_draws")
def test_a_space_where_only_known_specs_are_found_ends_after_them(make, digit_space):
    space = digit_space(6, 10)
    start = [space.spec("111111"), space.spec("222222")]
    space.excess = lambda spec: "" if spec in start else "too large"
    controller = make(space=space, start=start)
    first, second, *others = Drive(controller).run()
    assert [first.spec, second.spec] == start
    assert {proposal.spec for proposal in others} <= set(start)
    assert not others or controller.space.recipes.size > 1
    assert controller.done


def test_a_search_near_the_end_of_its_space_is_restored(make, trials_of):
    """What was listed is not part of the state, and what is drawn does not depend on whether it was listed before."""
    dropouts = 6 if trials_of is with_one_recipe else 2
    whole = Drive(make(space=linear_space(dropouts, 1), trials=200), 4, fails=lambda number: number % 5 == 3)
    points = []
    while whole.advance():
        state = json.dumps(whole.controller.state_dict())
        points.append((state, copy.deepcopy(whole.open), list(whole.log), whole.step))
    assert len(whole.log) == whole.controller.space.size() in (36, 12 * 4)
    for state, in_flight, log, step in points[-4:]:
        restored = Drive(make(space=linear_space(dropouts, 1), trials=200), 4)
        restored.controller.load_state_dict(json.loads(state))
        restored.open, restored.log, restored.step = copy.deepcopy(in_flight), list(log), step
        assert restored.run() == whole.log
        assert restored.controller.state_dict() == whole.controller.state_dict()


def test_known_specs_come_first_in_order_each_once(make, space):
    start = [space.spec("000000"), space.spec("333333"), space.spec("000000"), space.spec("012301")]
    proposals = Drive(make(start=start)).run()
    assert [space.digits(proposal.spec) for proposal in proposals[:3]] == ["000000", "333333", "012301"]
    assert [proposal.origin == "given" for proposal in proposals[:4]] == [True, True, True, False]
    assert len(identities(proposals)) == TRIALS


def test_what_comes_first_keeps_its_recipe_and_its_origin(make, space):
    """The same spec with another recipe is another trial; the recipe need not be among those that are searched."""
    spec, own = space.spec("000000"), Recipe(epochs=5)
    start = [Suggestion((spec, own), "portfolio"), *given([spec, spec])]
    proposals = make(start=start).propose(3)
    assert [(p.spec, p.recipe, p.origin) for p in proposals[:2]] == [
        (spec, own, "portfolio"),
        (spec, Recipe(), "given"),
    ]
    assert proposals[2].origin in ("sample", "discretized")


def test_a_recipe_that_does_not_suit_the_task_is_refused_at_once(make, space):
    with pytest.raises(ConfigError, match="vectors is among jitter"):
        make(start=given([space.spec("000000")], Recipe(augmentation=("flip",))))


def test_what_comes_first_is_part_of_the_state(make, space):
    """A run that goes on does not need what gave them."""
    start = [*given([space.spec("000000")]), Suggestion((space.spec("111111"), Recipe(epochs=5)), "portfolio")]
    controller, restored = make(start=start), make()
    first = controller.propose(1)
    restored.load_state_dict(json.loads(json.dumps(controller.state_dict())))
    assert first[0].origin == "given"
    assert restored.propose(5) == controller.propose(5)
    assert restored.state_dict() == controller.state_dict()


def test_an_illegal_known_spec_is_refused_at_once(make, space, digit_space):
    with pytest.raises(SpecError):
        make(start=[space.spec("000000"), digit_space(6, 5).spec("000004")])


def test_goes_on_when_every_trial_fails(make):
    assert len(Drive(make(), 3, fails=lambda _: True).run()) == TRIALS


def test_failed_trials_beget_nothing(make):
    drive = Drive(make(), width=2)
    drive.run()
    assert not [p for p in drive.log if p.parent is not None and drive.fails(p.parent)]


@pytest.mark.parametrize("width", [1, 4])
def test_the_seed_decides(make, width):
    assert Drive(make(seed=3), width).run() == Drive(make(seed=3), width).run()
    assert Drive(make(seed=3), width).run() != Drive(make(seed=4), width).run()


def test_no_global_random_state(make):
    expected = Drive(make()).run()
    np.random.seed(5)  # noqa: NPY002
    random.seed(5)
    before = np.random.get_state()[1].tolist(), random.getstate()  # noqa: NPY002
    assert Drive(make()).run() == expected
    assert (np.random.get_state()[1].tolist(), random.getstate()) == before  # noqa: NPY002


@pytest.mark.parametrize("width", [1, 4])
def test_restored_and_continued_equals_never_interrupted(make, space, width):
    start = [space.spec("012301"), space.spec("123012")]
    whole = Drive(make(start=start), width)
    points = []
    while whole.advance():
        state = json.dumps(whole.controller.state_dict(), allow_nan=False)
        points.append((state, copy.deepcopy(whole.open), list(whole.log), whole.step))
    after = [*(state for state, *_ in points[1:]), json.dumps(whole.controller.state_dict())]
    for place, (state, in_flight, log, step) in list(enumerate(points))[::4]:
        restored = Drive(make(start=start), width)
        restored.controller.load_state_dict(json.loads(state))
        assert json.dumps(restored.controller.state_dict()) == state
        assert restored.controller.in_flight == len(in_flight)
        restored.open, restored.log, restored.step = copy.deepcopy(in_flight), list(log), step
        if place % 8 == 0:  # some go on to the end, and of the others each comes to where the next one begins
            assert restored.run() == whole.log
        else:
            restored.advance()
            assert json.dumps(restored.controller.state_dict()) == after[place]


def test_several_objectives_are_restored_too(make):
    """The first wants wide layers, the second narrow ones at the beginning and a different width at each place."""

    def further(spec):
        first, *rest = (layer.width for layer in spec.layers)
        return (-float(first), float(len(set(rest))))

    whole = Drive(make(), 4, further=further)
    for _ in range(TRIALS // 2):
        whole.advance()
    state = json.dumps(whole.controller.state_dict(), allow_nan=False)
    restored = Drive(make(), 4, further=further)
    restored.controller.load_state_dict(json.loads(state))
    assert json.dumps(restored.controller.state_dict()) == state
    restored.open, restored.log, restored.step = copy.deepcopy(whole.open), list(whole.log), whole.step
    assert restored.run() == whole.run()
    assert len(identities(whole.log)) == TRIALS


def test_what_is_put_off_leaves_its_number_to_another_and_does_not_come_back_by_itself(make, space):
    """Every third proposal is taken back before its trial begins, those that were given included."""
    drive = Drive(make(start=[space.spec("000000"), space.spec("333333")]), width=2)
    taken_back = []
    for _ in range(30):
        (proposal,) = drive.controller.propose(1)
        taken_back.append((proposal.spec, proposal.recipe))
        drive.controller.put_off(proposal)
        before = len(drive.log)
        drive.advance()
        assert [one.number for one in drive.log[before:]] == list(range(before, len(drive.log)))
        assert len(drive.log) < TRIALS or drive.controller.done
        if drive.controller.done:
            break
    drive.run()
    assert len(drive.log) == TRIALS
    assert identities(drive.log).isdisjoint(taken_back)
    assert len(set(taken_back)) == len(taken_back)
    assert drive.controller.in_flight == 0


def test_who_puts_something_off_is_not_offered_what_costs_more_while_there_is_something_else(make, digit_space):
    class Priced(digit_space):
        def cost(self, spec):
            total = sum(layer.width for layer in spec.layers)
            return Cost(total, 0, total, 4 * total)

    space = Priced(6, 4)
    drawn = sorted(space.samples(50, np.random.default_rng(0)), key=lambda spec: space.cost(spec).macs)
    middle = drawn[len(drawn) // 3]  # what is cheaper makes a third of all, and ten ideas are passed over
    controller = make(space=space, start=[middle])
    (first,) = controller.propose(1)
    controller.put_off(first)
    found = controller.propose(8)
    assert len(found) == 8
    assert sum(controller.too_dear((one.spec, one.recipe)) for one in found) <= 1  # ten that are too dear: 1 in 60
    assert controller.too_dear((first.spec, first.recipe))
    controller.reconsider()
    assert not controller.too_dear((first.spec, first.recipe))


def test_what_is_put_off_comes_back_once_it_is_reconsidered_what_was_given_first(make, space):
    start = [space.spec("000000"), space.spec("333333")]
    drive = Drive(make(start=start), width=2)
    for _ in range(4):
        drive.controller.put_off(drive.controller.propose(1)[0])
    drive.advance()
    assert all(proposal.spec not in start for proposal in drive.log)
    drive.controller.reconsider()
    assert [proposal.spec for proposal in drive.controller.propose(2)] == start


def test_a_space_of_which_all_is_put_off_is_not_done_before_it_is_tried(make, space):
    few = space.spec("000000")
    controller = make(start=[few])
    controller.put_off(controller.propose(1)[0])
    controller._exhausted = True  # as where there is nothing else
    assert not controller.done
    controller.reconsider()
    (again,) = controller.propose(1)
    assert (again.number, again.spec) == (0, few)


def test_a_controller_that_put_something_off_is_restored(make, space):
    start = [space.spec("000000"), space.spec("333333"), space.spec("123123")]
    drive = Drive(make(start=start), width=2)
    for _ in range(4):
        drive.controller.put_off(drive.controller.propose(1)[0])
        drive.advance()
    restored = Drive(make(start=start), width=2)
    restored.controller.load_state_dict(json.loads(json.dumps(drive.controller.state_dict())))
    restored.open, restored.log, restored.step = copy.deepcopy(drive.open), list(drive.log), drive.step
    restored.controller.reconsider()
    drive.controller.reconsider()
    assert restored.run() == drive.run()


def test_the_last_proposal_alone_can_be_put_off(make):
    controller = make()
    first, second = controller.propose(2)
    with pytest.raises(ConfigError, match="last proposal alone"):
        controller.put_off(first)
    controller.put_off(second)
    with pytest.raises(ConfigError, match="last proposal alone"):
        controller.put_off(second)


def test_candidates_are_new_and_differ_and_those_that_are_adopted_are_numbered(make, space):
    """Of each 4 the last is adopted; the others are no proposals, and nothing is lost of the trials that there are."""
    drive = Drive(make(start=space.samples(2, np.random.default_rng(0))))
    while drive.controller.at_start:
        drive.advance()
    while not drive.controller.done:
        found = drive.controller.candidates(4)
        assert 1 <= len({one.tried for one in found}) == len(found) <= 4
        assert {one.tried for one in found}.isdisjoint(identities(drive.log))
        assert all(space.contains(spec) for spec, _ in (one.tried for one in found))
        drive.log.append(drive.controller.adopt(found[-1]))
        drive.end(Trial.of(drive.log[-1]))
    assert [proposal.number for proposal in drive.log] == list(range(TRIALS))
    assert drive.controller.candidates(4) == []


def test_candidates_are_the_same_whoever_asked_before_and_after_a_resume(make, space):
    drive = Drive(make())
    for _ in range(10):
        drive.advance()
    first = drive.controller.candidates(6)
    assert drive.controller.candidates(6) == first
    restored = make()
    restored.load_state_dict(json.loads(json.dumps(drive.controller.state_dict())))
    assert restored.candidates(6) == first
    assert [Suggestion.from_json(json.loads(json.dumps(one.to_json()))) for one in first] == first


def test_of_a_space_with_fewer_left_all_are_candidates_and_it_is_not_exhausted(make):
    controller = make(space=listed_space(3, 3), trials=9)
    assert len(controller.candidates(7)) >= 3
    assert not controller.done
    controller.adopt(controller.candidates(7)[0])
    assert not controller.done


def test_state_is_a_copy(make):
    drive = Drive(make())
    drive.advance()
    state = drive.controller.state_dict()
    text = json.dumps(state)
    drive.run()
    assert json.dumps(state) == text


def observed_elsewhere(specs, rung=2, further=lambda _: ()):
    return [Observation(7, spec, Recipe(), rung, worth(spec), further=further(spec)) for spec in specs]


def nearly_best(space):
    """Specs of which all but one digit are the best, the best of them last: 0.1, 0.2 or 0.3 below the best."""
    best = "3" * space.length
    return [space.spec(best[:place] + digit + best[place + 1 :]) for digit in "012" for place in range(space.length)]


@pytest.mark.parametrize("width", [1, 4])
@pytest.mark.parametrize("rung", [0, 2])
def test_what_was_tried_elsewhere_is_no_trial_and_may_be_tried_again(make, digit_space, width, rung):
    space = digit_space(2, 3)
    prior = observed_elsewhere(space._enumerate(), rung)
    drive = Drive(make(space=space, trials=40, prior=prior), width)
    proposals = drive.run()
    assert len(identities(proposals)) == len(proposals) == drive.controller.space.size()
    assert [proposal.number for proposal in proposals] == list(range(len(proposals)))
    assert all(space.contains(proposal.spec) for proposal in proposals)
    assert [seen.number for seen in drive.controller.prior] == list(range(-9, 0))
    assert sorted(seen.number for seen in drive.controller.history) == list(range(len(proposals)))


def test_who_learns_proposes_better_ones_sooner_where_it_knows_nearly_the_best(make, space):
    """A draw is worth 1.5 in the mean; all that is known is worth 2.1 at least, and a step leads 0.3 down at most."""
    prior = observed_elsewhere(nearly_best(space))
    alone = [Drive(make(seed, trials=8)).run() for seed in range(5)]
    knowing = [Drive(make(seed, trials=8, prior=prior)).run() for seed in range(5)]
    if knowing == alone:
        assert {proposal.origin for proposals in alone for proposal in proposals} in ({"sample"}, {"discretized"})
        return
    means = [np.mean([worth(one.spec) for run in runs for one in run]) for runs in (alone, knowing)]
    assert means[1] > means[0] + 0.1


@pytest.mark.parametrize("width", [1, 4])
def test_what_was_tried_elsewhere_is_part_of_the_state(make, space, width):
    """A run that goes on does not need what gave it."""

    def further(spec):
        return (-float(spec.layers[0].width),)

    prior = observed_elsewhere(nearly_best(space), further=further)
    whole = Drive(make(prior=prior), width, further=further)
    points = []
    while whole.advance():
        state = json.dumps(whole.controller.state_dict(), allow_nan=False)
        points.append((state, copy.deepcopy(whole.open), list(whole.log), whole.step))
    for state, in_flight, log, step in points[:: TRIALS // 4]:
        restored = Drive(make(), width, further=further)
        restored.controller.load_state_dict(json.loads(state))
        assert json.dumps(restored.controller.state_dict()) == state
        assert restored.controller.known() == [*whole.controller.prior, *restored.controller.history]
        restored.open, restored.log, restored.step = copy.deepcopy(in_flight), list(log), step
        assert restored.run() == whole.log


def test_what_was_tried_elsewhere_is_of_the_space_and_has_a_score(make, space, digit_space):
    with pytest.raises(SpecError):
        make(prior=observed_elsewhere([digit_space(6, 5).spec("000004")]))
    for score in (None, math.nan):
        with pytest.raises(ConfigError, match="finite score"):
            make(prior=[Observation(0, space.spec("000000"), Recipe(), 1, score)])


def test_a_trial_is_observed_for_good_once(make):
    controller = make()
    (proposal,) = controller.propose(1)
    controller.observe(trial_of(proposal, 0.5), final=True)
    for trial, final in ((trial_of(proposal, 0.5), True), (trial_of(proposal, 0.5, state=TrialState.WAITING), False)):
        with pytest.raises(ConfigError, match="once"):
            controller.observe(trial, final=final)
    assert len(controller.history) == 1


@pytest.mark.parametrize(
    ("value", "state", "final"),
    [
        (0.5, TrialState.RUNNING, True),
        (0.5, TrialState.WAITING, True),
        (math.nan, TrialState.FINISHED, True),
        (0.5, TrialState.FINISHED, False),
        (None, TrialState.WAITING, False),
    ],
)
def test_what_makes_no_sense_is_not_observed(make, value, state, final):
    controller = make()
    (proposal,) = controller.propose(1)
    with pytest.raises(ConfigError):
        controller.observe(trial_of(proposal, value, state=state), final=final)
    assert (controller.history, controller.under_way) == ([], {})


def test_each_rung_is_observed_and_the_trial_stays_in_flight(make):
    controller = make()
    (proposal,) = controller.propose(1)
    for rung in (1, 2):
        controller.observe(trial_of(proposal, rung / 10, rung, TrialState.WAITING), final=False)
        seen = controller.under_way[proposal.number]
        assert (seen.rung, seen.score, seen.final) == (rung, rung / 10, False)
        assert (controller.in_flight, controller.history) == (1, [])
    controller.observe(trial_of(proposal, 0.2, 2, TrialState.STOPPED), final=True)
    assert (controller.in_flight, controller.under_way) == (0, {})
    assert controller.history[0].final


def test_a_recipe_makes_another_trial_of_the_same_spec(make, space):
    """The same spec is new with another recipe; and what is repeated is repeated on purpose."""
    controller = make(trials=4)
    spec, quick = space.spec("000000"), Recipe(learning_rate=0.1)
    ideas = [
        Suggestion((spec, Recipe()), "sample"),
        Suggestion((spec, quick), "sample"),
        Suggestion((spec, Recipe()), "again", repeats=0),
        Suggestion((spec, quick), "again", repeats=1),
    ]
    controller.suggest = lambda _: ideas[len(controller._proposed)]
    proposals = controller.propose(4)
    assert [(p.spec, p.recipe, p.repeats) for p in proposals] == [
        (spec, Recipe(), None),
        (spec, quick, None),
        (spec, Recipe(), 0),
        (spec, quick, 1),
    ]


@pytest.mark.parametrize("repeats", [0, 1, -1])
def test_a_repetition_is_of_what_was_proposed(make, space, repeats):
    controller = make(start=[space.spec("111111")])
    controller.propose(1)
    controller.suggest = lambda _: Suggestion((space.spec("000000"), Recipe()), "again", repeats=repeats)
    with pytest.raises(SpecError, match="must repeat a trial as it was"):
        controller.propose(1)


def test_a_stranger_s_trial_is_not_observed(make, space):
    controller = make()
    (proposal,) = controller.propose(1)
    other = space.mutate(proposal.spec, np.random.default_rng(0))
    strangers = [Trial(7, proposal.spec), Trial(-1, proposal.spec), Trial(0, other)]
    for stranger in [*strangers, Trial(0, proposal.spec, Recipe(learning_rate=0.5))]:
        stranger.state = TrialState.FAILED
        with pytest.raises(ConfigError, match="own proposals"):
            controller.observe(stranger, final=True)


def test_trials_are_observed_in_any_order(make):
    controller = make()
    drive = Drive(controller, width=6)
    drive.open = [Trial.of(proposal) for proposal in controller.propose(6)]
    for trial in reversed(list(drive.open)):
        drive.end(trial)
    drive.open.clear()
    assert controller.in_flight == 0
    assert [proposal.number for proposal in drive.run()] == list(range(6, TRIALS))


def test_a_search_has_trials(make):
    with pytest.raises(ConfigError, match=r"search\.trials"):
        make(trials=0)
