import json
import math
import statistics

import numpy as np
import pytest

from common.architecture.kinds.layered import LayeredSpec
from common.architecture.kinds.layers import Linear
from common.errors import ConfigError
from common.seeding import generator
from common.tasks import Classification, Task
from server_app.controllers.observations import Observation
from server_app.controllers.policy import Episodes
from server_app.controllers.reinforce import Learner, Reinforce, importance, moved, rewards
from server_app.spaces.listed import ListedSpace
from server_app.spaces.table import Entry, Table
from server_app.spaces.tabular import TabularSpace
from server_app.trials import Recipe, Trial, TrialState
from tests.support.spaces import given, with_one_recipe
from tests.support.trials import scored, trial_of

WIDTHS = [LayeredSpec((Linear(width),)) for width in (2, 4, 6, 8)]


def make(space, trials=100, seed=0, start=(), **options):
    return Reinforce(space, seed, trials, Reinforce.Options(**options), start)


def observe(controller, proposal, score, **fields):
    trial = scored(Trial.of(proposal), score, **fields)
    trial.state = TrialState.FINISHED
    controller.observe(trial, final=True)


def seen(number, score, rung=1, **fields):
    return Observation(number, WIDTHS[0], Recipe(), rung, score, **fields)


@pytest.fixture
def four():
    """A space of four specs, told apart by one question."""
    options = ListedSpace.Options([spec.to_dict() for spec in WIDTHS])
    return with_one_recipe(ListedSpace(Task((4,), Classification(2)), options))


# ------------------------------------------------------------ rewards, baseline and weights


def test_rewards_are_ranks_in_the_order_of_observation():
    assert rewards([seen(0, 0.2), seen(3, 0.9), seen(1, 0.5)]) == ((0, -1.0), (3, 1.0), (1, 0.0))
    assert rewards([seen(0, 92.0), seen(1, 92.1)]) == rewards([seen(0, 0.0), seen(1, 100.0)])


def test_failed_trials_share_the_least_reward():
    """The four places of 0.7, 0.5, 0.3 and failure lie 2/3 apart."""
    found = dict(rewards([seen(0, None), seen(1, 0.5), seen(2, None), seen(3, 0.7), seen(4, 0.3)]))
    assert found == pytest.approx({0: -1.0, 2: -1.0, 3: 1.0, 1: 1 / 3, 4: -1 / 3}, abs=1e-4)
    assert rewards([seen(0, 0.1), seen(1, None)]) == ((0, 1.0), (1, -1.0))


def test_rewards_follow_the_search_s_order():
    """Who came further is better, who breaks a constraint worse, and of two objectives the front comes first."""
    assert rewards([seen(0, 0.9), seen(1, 0.1, rung=2)]) == ((0, -1.0), (1, 1.0))
    assert rewards([seen(0, 0.9, feasible=False), seen(1, 0.1)]) == ((0, -1.0), (1, 1.0))
    assert rewards([seen(0, 0.9, further=(0.0,)), seen(1, 1.0, further=(1.0,))]) == ((0, -1.0), (1, 1.0))


@pytest.mark.parametrize("scores", [[0.5], [None], [None, None, None]])
def test_what_cannot_be_compared_teaches_nothing(scores):
    assert rewards([seen(number, score) for number, score in enumerate(scores)]) == tuple(
        (number, 0.0) for number in range(len(scores))
    )


def test_the_baseline_is_an_exponential_moving_average():
    """From 0, with a mean of 0.5 and then of -0.25, of which a fifth is taken in."""
    first = moved(0.0, [1.0, 0.0], 0.8)
    assert first == pytest.approx(0.2 * 0.5)
    assert moved(first, [-0.25], 0.8) == pytest.approx(0.8 * 0.1 - 0.2 * 0.25)


def test_importance_weights_are_ratios_up_to_a_bound():
    assert importance(np.log([0.5, 1.0, 1.9, 8.0]), 2.0) == pytest.approx([0.5, 1.0, 1.9, 2.0])
    assert importance(np.array([-math.inf]), 2.0) == pytest.approx([0.0])


# ------------------------------------------------------------ updates


def shares(learner, space):
    """Return how likely the policy draws each spec of `four`."""
    episodes = [learner.policy.steps(space, (spec, Recipe())) for spec in WIDTHS]
    return np.exp(Episodes(episodes).log_probabilities())


def by_number(specs):
    return {number: (spec, Recipe()) for number, spec in enumerate(specs)}


def test_one_update_by_hand(four):
    """Of the first lesson's two trials, with probability 1/4 each and weight 1, the rewards are 1 and -1.

    The baseline becomes (1 - 0.5) 0 = 0. The mean of the two gradients of the logits, (1 - 1/4, -1/4, -1/4, -1/4) and
    -(-1/4, 1 - 1/4, -1/4, -1/4), is (1/2, -1/2, 0, 0); at the prior the gradient of the entropy is 0.
    """
    learner = Learner(four, Reinforce.Options(batch=2, memory=2, steps=1, learning_rate=0.8, decay=0.5))
    tried = by_number(WIDTHS)
    learner.take(((0, 1.0), (1, -1.0)), tried)
    raised = np.exp([0.4, -0.4, 0.0, 0.0])
    assert shares(learner, four) == pytest.approx(raised / raised.sum())
    assert (learner.baseline, learner.taken) == (0.0, 1)


def test_later_lessons_weigh_by_how_likely_trials_were_at_first(four):
    """The second lesson is new trial 2, with 1, and trial 0 again, now likelier by a factor that the bound lets pass.

    The baseline becomes 1/2 (0 + 1), so advantages are -1 - 1/2 and 1 - 1/2.
    """
    options = Reinforce.Options(batch=1, memory=2, steps=1, learning_rate=1.0, entropy=0, decay=0.5)
    learner, tried = Learner(four, options), by_number(WIDTHS)
    learner.take(((0, 0.5),), tried)  # the baseline is 1/4, so the advantage 1/4
    first = np.exp(np.array([1 - 1 / 4, -1 / 4, -1 / 4, -1 / 4]) / 4)
    first /= first.sum()
    assert shares(learner, four) == pytest.approx(first)
    learner.take(((0, -1.0), (2, 1.0)), tried)
    baseline = 0.5 * 0.25 + 0.5 * 1.0
    ratio = first[0] / 0.25
    assert 1 < ratio < 2
    gradient = ratio * (-1 - baseline) * (np.eye(4)[0] - first) + (1 - baseline) * (np.eye(4)[2] - first)
    second = first * np.exp(gradient / 2)
    assert learner.baseline == pytest.approx(baseline)
    assert shares(learner, four) == pytest.approx(second / second.sum())


def test_the_better_answer_becomes_likelier(four):
    """Rewards are by width."""
    learner = Learner(four, Reinforce.Options(batch=4, memory=4))
    tried = by_number(WIDTHS * 20)
    likely = []
    for turn in range(20):
        learner.take(tuple((4 * turn + i, (2 * i - 3) / 3) for i in range(4)), tried)
        likely.append(shares(learner, four))
    assert likely[0][3] > 0.25
    assert all(np.diff(found).min() > 0 for found in likely), "in the order of their rewards"
    assert likely[-1][3] > 0.75


def test_more_entropy_keeps_the_policy_wider(four):
    widths = []
    for entropy in (0.05, 0.5):
        learner = Learner(four, Reinforce.Options(batch=4, memory=4, entropy=entropy))
        for turn in range(20):
            learner.take(tuple((4 * turn + i, (2 * i - 3) / 3) for i in range(4)), by_number(WIDTHS * 20))
        drawn = shares(learner, four)
        widths.append(-(drawn * np.log(drawn)).sum())
    assert widths[0] < widths[1] < math.log(4)


# ------------------------------------------------------------ as a controller


def test_learns_where_luck_does_not_lead(space, search, luck):
    best = [max(trial.score for trial in search(make(space, 100, seed))) for seed in range(3)]
    assert statistics.median(best) >= 0.8
    assert luck(0.8, 100) < 0.02


def test_it_draws_as_the_space_does_until_the_first_update(space, search):
    trials = search(make(space, 20, batch=6, memory=12))
    assert [trial.origin for trial in trials] == ["sample"] * 6 + ["policy"] * 14
    rng = generator(0, "propose", 0)
    assert trials[0].spec == space.sample(rng)[0]


def test_several_trials_in_flight_share_an_update(space):
    """Of eight that were proposed together three end: that is one lesson of two, and one trial waits."""
    controller = make(space, batch=2, memory=4)
    early = controller.propose(8)
    for proposal, score in zip(early[:3], (0.1, 0.3, 0.2), strict=True):
        observe(controller, proposal, score)
    assert controller.extra_state() == {"lessons": [[[0, -1.0], [1, 1.0]]]}
    observe(controller, early[5], 0.0)
    assert controller.extra_state()["lessons"][1] == [
        [0, -0.3333],
        [1, 1.0],
        [2, 0.3333],
        [5, -1.0],
    ]


def test_a_trial_counts_when_it_ends_and_nodes_were_heard(space):
    controller = make(space, batch=2, memory=4)
    first, second, third = controller.propose(3)
    controller.observe(trial_of(first, 0.5, state=TrialState.WAITING), final=False)
    silent = trial_of(second, state=TrialState.FAILED)
    silent.unheard = True
    controller.observe(silent, final=True)
    observe(controller, first, 0.5)
    assert controller.extra_state() == {"lessons": []}
    controller.observe(trial_of(third, state=TrialState.FAILED), final=True)
    assert controller.extra_state() == {"lessons": [[[0, 1.0], [2, -1.0]]]}


def test_what_a_search_starts_with_is_learnt_from(four):
    controller = make(four, start=given(WIDTHS[:2]), batch=2, memory=2, steps=40)
    for proposal, score in zip(controller.propose(2), (0.1, 0.9), strict=True):
        observe(controller, proposal, score)
    assert shares(controller._taught(), four).argmax() == 1


def test_what_the_space_no_longer_offers_teaches_nothing(four):
    """Nodes that were told of later cannot hold the first two, and there is nothing to learn from."""
    controller = make(four, start=given(WIDTHS[:2]), batch=2, memory=2)
    for proposal, score in zip(controller.propose(2), (0.1, 0.9), strict=True):
        observe(controller, proposal, score)
    four.space.excess = lambda spec: "too narrow" if spec in WIDTHS[:2] else ""
    (proposal,) = controller.propose(1)
    assert proposal.spec in WIDTHS[2:]
    four.space.excess = lambda spec: ""  # noqa: ARG005
    assert shares(controller._taught(), four) == pytest.approx([1 / 4] * 4)


def test_what_the_policy_can_hardly_make_is_drawn_by_the_space():
    """Of 3^12 keys a table holds six, so 100 draws of digits find one with a probability of 0.1 %."""
    keys = [digit * 12 for digit in "012"] + [digit * 6 + "0" * 6 for digit in "12"] + ["012" * 4]
    space = TabularSpace(Table({key: Entry(0.5, ((0.5,),)) for key in keys}))
    controller = make(with_one_recipe(space), batch=2, memory=2, steps=1)
    for proposal in controller.propose(2):
        observe(controller, proposal, 0.5)
    assert [proposal.origin for proposal in controller.propose(4)] == ["sample"] * 4


def test_the_policy_follows_from_the_state_whenever_it_was_asked(space, search):
    """One controller was asked all the time, and one that takes over its state has all lessons to take at once."""
    controller = make(space, 30)
    search(controller)
    restored = make(space, 30)
    restored.load_state_dict(json.loads(json.dumps(controller.state_dict())))
    one, other = controller._taught(), restored._taught()
    assert (one.baseline, one.taken) == (other.baseline, other.taken) == (one.baseline, 7)
    assert one.baseline != 0
    tried = [(trial.spec, Recipe()) for trial in controller.history]
    likely = [
        Episodes([each.policy.steps(space, t) for t in tried]).log_probabilities().tolist() for each in (one, other)
    ]
    assert likely[0] == likely[1], "to the last bit"


@pytest.mark.parametrize(
    ("options", "rule"),
    [
        ({"batch": 0}, "batch must be 1 or more"),
        ({"batch": 9, "memory": 8}, "memory must be 9 or more, the size of a batch"),
        ({"steps": 0}, "steps must be 1 or more"),
        ({"entropy": -0.1}, "entropy must be 0 or more"),
        ({"bound": 0.5}, "bound must be 1 or more"),
        ({"bound": math.nan}, "bound must be 1 or more"),
        ({"learning_rate": 0.0}, "learning_rate must be above 0"),
        ({"decay": 1.0}, r"decay must lie in \[0, 1\)"),
    ],
)
def test_options_have_limits(options, rule):
    with pytest.raises(ConfigError, match=f"controller.{rule}"):
        Reinforce.Options(**options)
