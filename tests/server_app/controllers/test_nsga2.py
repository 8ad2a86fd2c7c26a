import pytest

from common.errors import ConfigError
from server_app.controllers.nsga2 import Nsga2
from server_app.pareto import nondominated
from server_app.trials import Trial, TrialState
from tests.support.trials import scored


def make(space, trials=60, seed=0, **options):
    return Nsga2(space, seed, trials, Nsga2.Options(**options))


def observe(controller, proposal, *point, rung=1, feasible=True, violation=0.0):
    trial = Trial.of(proposal)
    scored(trial, point[0], rung, feasible, further=point[1:], violation=violation).state = TrialState.FINISHED
    controller.observe(trial, final=True)


def first(controller, *points, **fields):
    """Observe as many first proposals as there are points."""
    for proposal, point in zip(controller.propose(len(points)), points, strict=True):
        observe(controller, proposal, *point, **fields)


def ends(spec):
    """How wide the first half of the layers is, and how narrow the second: no spec has the most of a mix of both."""
    widths = [layer.width for layer in spec.layers]
    return float(sum(widths[: len(widths) // 2])), -float(sum(widths[len(widths) // 2 :]))


def test_the_population_are_the_best_of_all_front_by_front(space):
    """The first front has three, of the second front there is room for its two ends."""
    controller = make(space, population_size=5)
    first(controller, (0.0, 4.0), (2.0, 2.0), (4.0, 0.0), (0.0, 3.0), (1.0, 1.0), (3.0, 0.0), (0.0, 0.0))
    assert sorted(controller.parents()) == [0, 1, 2, 3, 5]


def test_who_breaks_a_constraint_is_a_parent_only_where_too_few_break_none(space):
    controller = make(space, population_size=3)
    proposals = controller.propose(4)
    observe(controller, proposals[0], 0.1, 0.1)
    observe(controller, proposals[1], 9.0, 9.0, feasible=False, violation=0.5)
    observe(controller, proposals[2], 5.0, 5.0, feasible=False, violation=0.25)
    observe(controller, proposals[3], 0.2, 0.0)
    assert controller.parents()[2] == 2
    assert sorted(controller.parents()[:2]) == [0, 3]


def test_scores_of_a_higher_rung_come_first(space):
    controller = make(space, population_size=2)
    proposals = controller.propose(3)
    observe(controller, proposals[0], 0.9, 0.9)
    observe(controller, proposals[1], 0.1, 0.1, rung=2)
    observe(controller, proposals[2], 0.2, 0.0, rung=2)
    assert sorted(controller.parents()) == [1, 2]


def test_parents_win_tournaments_of_two(space):
    """Of two that are drawn without replacement among three the worst never wins, and the best does in two of three."""
    wins = [0, 0, 0]
    for seed in range(150):
        controller = make(space, 4, seed, population_size=3, crossover_probability=0.0)
        first(controller, (3.0,), (2.0,), (1.0,))
        wins[controller.propose(1)[0].parent] += 1
    assert wins[2] == 0
    assert abs(wins[0] - 100) < 4 * 5.8  # standard deviation sqrt(150 x 2/3 x 1/3)


def test_children_are_crossed_over_or_mutated_after_a_random_population(space):
    controller = make(space, 40, population_size=10, mutation_probability=0.0)
    origins = []
    while proposals := controller.propose(1):
        origins.append(proposals[0].origin)
        observe(controller, proposals[0], *ends(proposals[0].spec))
    assert origins[:10] == ["sample"] * 10
    assert set(origins[10:]) == {"crossover", "mutation"}
    assert origins.count("crossover") > origins.count("mutation")


def test_a_front_is_pushed_further_than_luck_pushes_it(space):
    """By the mean over the front of the sum of both objectives; of 60 trials, in three seeds."""

    def reached(population_size):
        total = 0.0
        for seed in range(3):
            controller, points = make(space, 60, seed, population_size=population_size), []
            while proposals := controller.propose(1):
                points.append(ends(proposals[0].spec))
                observe(controller, proposals[0], *points[-1])
            front = nondominated(points)
            total += sum(map(sum, front)) / len(front)
        return total

    assert reached(12) > reached(60), "with as large a population all are drawn"


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"population_size": 1}, "population_size"),
        ({"crossover_probability": -0.1}, "crossover_probability"),
        ({"mutation_probability": 1.5}, "mutation_probability"),
    ],
)
def test_options_are_checked(options, named):
    with pytest.raises(ConfigError, match=named):
        Nsga2.Options(**options)
