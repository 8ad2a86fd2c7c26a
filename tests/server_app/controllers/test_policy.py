import math
from collections import Counter

import numpy as np
import pytest

from common.architecture.kinds.layered import LayeredSpec
from common.architecture.kinds.layers import Linear
from common.errors import SpecError
from common.seeding import generator
from common.tasks import Classification, Task
from server_app.controllers.policy import Episodes, Policy, Question, Step, relative_entropy_gradient, softmax
from server_app.spaces.domains import Choices, Interval, Sources
from server_app.spaces.layered import LayeredSpace
from server_app.spaces.layered_places import Families
from server_app.spaces.priors import Expected
from server_app.trials import Recipe
from tests.support.spaces import with_one_recipe, with_recipes

COLOURS, SIZES = Choices(("red", "green", "blue")), Choices((1, 2))


@pytest.fixture
def two():
    """A policy's two questions, the second asked after the first, with parameters that are not 0."""
    first, second = Question(COLOURS), Question(SIZES)
    second.rows([("colour", colour) for colour in COLOURS.values])
    rng = generator(0, "two")
    first.weights[:] = rng.normal(size=first.weights.shape)
    second.weights[:] = rng.normal(size=second.weights.shape)
    return first, second


def episode(two, colour, size):
    first, second = two
    return (
        Step(first, first.place_of(colour), ()),
        Step(second, second.place_of(size), (("colour", colour),)),
    )


@pytest.mark.parametrize(
    "domain",
    [
        COLOURS,
        Sources.before(3, 0.3),
        Expected((8, 16, 32), 16, 0.6),
        Families(("conv", "pool", "max"), (("conv",), ("pool", "max"))),
    ],
    ids=lambda domain: type(domain).__name__,
)
def test_a_policy_begins_as_the_space_draws(domain):
    ask, rng = Policy().asked, generator(1)
    draws = 4000
    counts = Counter(ask(rng)("question", domain) for _ in range(draws))
    for value, share in zip(domain.values, domain.probabilities(), strict=True):
        assert abs(counts[value] - draws * share) < 5 * math.sqrt(draws * share * (1 - share))


def test_an_answer_depends_on_those_before_it(two):
    """By the whole weight of one that came alone, and half of that of one among four."""
    _, size = two
    bias, green = size.weights[0], size.weights[2]
    others = [("shape", "round"), ("depth", 3), ("place", 7)]
    assert size.probabilities([("colour", "green")]) == pytest.approx(softmax(bias + green))
    assert size.probabilities([("colour", "green"), *others]) == pytest.approx(softmax(bias + green / 2))
    assert size.probabilities([]) == pytest.approx(softmax(bias))


def test_the_probability_of_an_episode_is_the_product_of_those_of_its_answers(two):
    first, second = two
    given = [episode(two, colour, size) for colour in COLOURS.values for size in SIZES.values]
    found = np.exp(Episodes(given).log_probabilities())
    expected = [
        first.probabilities([])[i] * second.probabilities([("colour", colour)])[j]
        for i, colour in enumerate(COLOURS.values)
        for j in range(2)
    ]
    assert found == pytest.approx(expected)
    assert found.sum() == pytest.approx(1)


def by_differences(question, value, step=1e-6):
    """Return the gradient of ``value()`` by the weights of a question, by central differences."""
    found = np.zeros_like(question.weights)
    for place in np.ndindex(*found.shape):
        before = question.weights[place]
        question.weights[place] = before + step
        above = value()
        question.weights[place] = before - step
        found[place] = (above - value()) / (2 * step)
        question.weights[place] = before
    return found


def test_a_step_is_the_gradient_of_the_mean_of_weighted_log_probabilities(two):
    episodes = Episodes([episode(two, "red", 1), episode(two, "blue", 2), episode(two, "red", 2)])
    weights, rate = np.array([1.0, -0.5, 0.25]), 0.1
    wanted = [by_differences(one, lambda: float(np.mean(weights * episodes.log_probabilities()))) for one in two]
    before = [one.weights.copy() for one in two]
    episodes.climb(weights, entropy=0, rate=rate)
    for one, old, gradient in zip(two, before, wanted, strict=True):
        assert (one.weights - old) / rate == pytest.approx(gradient, abs=1e-8)
    assert two[1].weights[2] == pytest.approx(before[1][2]), "nothing was learnt of what comes after green"


def test_the_entropy_bonus_is_the_gradient_of_the_entropies_relative_to_the_prior(two):
    first, second = two
    first.prior = np.log([0.5, 0.3, 0.2])
    episodes = Episodes([episode(two, "red", 1), episode(two, "green", 1)])

    def entropy():
        drawn = [
            (first, first.probabilities([])),
            (first, first.probabilities([])),
            (second, second.probabilities([("colour", "red")])),
            (second, second.probabilities([("colour", "green")])),
        ]
        return -sum(float((p * (np.log(p) - one.prior)).sum()) for one, p in drawn) / 2

    wanted = [by_differences(one, entropy) for one in two]
    before = [one.weights.copy() for one in two]
    episodes.climb(np.zeros(2), entropy=0.3, rate=1.0)
    for one, old, gradient in zip(two, before, wanted, strict=True):
        assert one.weights - old == pytest.approx(0.3 * gradient, abs=1e-8)


@pytest.mark.parametrize(
    ("domain", "shares"), [(COLOURS, [1 / 3] * 3), (Expected(("red", "green", "blue"), "red", 0.4), [0.6, 0.2, 0.2])]
)
def test_entropy_alone_leads_back_to_where_the_policy_began(domain, shares):
    question = Question(domain)
    question.weights[0] = (2.0, -1.0, 0.5)
    episodes = Episodes([(Step(question, 0, ()),)])
    for _ in range(200):
        episodes.climb(np.zeros(1), entropy=1.0, rate=0.5)
    assert question.probabilities([]) == pytest.approx(shares, abs=1e-3)


def test_a_probability_of_0_has_an_entropy():
    """p log p is 0 there, and its gradient too."""
    found = relative_entropy_gradient(np.array([1.0, 0.0]), np.log([0.5, 0.5]))
    assert found == pytest.approx([0.0, 0.0])


SPACE = LayeredSpace(
    Task((8,), Classification(3)),
    LayeredSpace.Options(
        max_layers=3, width=[4, 8], activation=["relu", "gelu"], norm=["none"], dropout={"low": 0.0, "high": 0.4}
    ),
)


def test_the_steps_of_what_was_tried_are_its_answers_but_those_without_a_choice():
    layers = Linear(8, activation="gelu", norm="none", dropout=0.25), Linear(4, norm="none", skip=-1)
    spec = LayeredSpec(layers)
    steps = Policy().steps(with_one_recipe(SPACE), (spec, Recipe()))
    named = {name: value for step in steps for name, value in step.before}
    assert [step.question.values[step.place] for step in steps][:2] == [2, 8]
    assert steps[-1].before[0] == ("layers", 2)
    assert named["layers.0.dropout"] == Interval(0.2, pytest.approx(0.3))
    assert "layers.0.norm" not in named
    assert [len(step.before) for step in steps] == list(range(len(steps)))


def test_a_policy_makes_what_is_legal_and_knows_its_answers_again():
    policy, space, rng = Policy(), with_recipes(SPACE), generator(3)
    for _ in range(50):
        tried = space.made(policy.asked(rng))
        answers = space.answers(tried)
        space.check(tried)
        for step in policy.steps(space, tried):
            for name, value in step.before:
                assert answers[name] in value if isinstance(value, Interval) else answers[name] == value


def test_what_a_space_does_not_offer_has_no_steps():
    with pytest.raises(SpecError):
        Policy().steps(with_one_recipe(SPACE), (LayeredSpec((Linear(5),)), Recipe()))


def test_a_range_is_answered_in_quarters():
    question = Question(Interval(1.0, 3.0))
    assert [question.place_of(value) for value in (1.0, 1.49, 1.5, 2.9, 3.0)] == [0, 0, 1, 3, 3]
    policy, rng = Policy(), generator(4)
    drawn = [policy.asked(rng)("rate", Interval(1.0, 3.0)) for _ in range(400)]
    counts = Counter(question.place_of(value) for value in drawn)
    assert all(abs(counts[part] - 100) < 5 * math.sqrt(400 * 3 / 16) for part in range(4))
