"""What the final training compares the winner with, and what the constant model comes to in a federation."""

from __future__ import annotations

import json

import numpy as np
import pytest

from common.architecture.kinds.constant import ConstantSpec
from common.architecture.kinds.layered import LayeredSpec
from common.architecture.kinds.layers import Linear
from common.tasks import Classification, Task
from server_app.candidates import ROLES, candidates_of, constant, finalists_of, linear, taken_over
from server_app.scores import Score
from server_app.trials import Recipe, Trial

TASK = Task((4,), Classification(3))
WIDE, NARROW = (LayeredSpec((Linear(width=width, norm="none"),)) for width in (8, 3))
COUNTS = {"a": (160, 0, 20), "b": (0, 40, 60), "c": (0, 20, 60), "d": (0, 20, 60)}
"""Examples of each class: 0 is the most frequent of the largest node, and 2 that of all together."""


def trial(number, spec, origin, score):
    return Trial(number, spec, Recipe(), origin, scores=[] if score is None else [Score(1, 1, score)])


def test_there_are_four_and_the_winner_comes_first(configure):
    config = configure()
    found = candidates_of(config, TASK, (WIDE, Recipe()), [trial(5, WIDE, "mutation", 0.9)], 9)
    assert tuple(found) == ROLES
    assert found["winner"] == (WIDE, Recipe())
    assert found["baseline"] == (LayeredSpec(()), Recipe.from_json(config.training))


def test_where_nothing_of_the_portfolio_has_a_score_there_is_no_baseline(configure):
    config = configure(final={"baseline": "portfolio"}, search={"start": "portfolio"})
    ranking = [trial(5, WIDE, "mutation", 0.9), trial(0, NARROW, "portfolio", None)]
    assert tuple(candidates_of(config, TASK, (WIDE, Recipe()), ranking, 9)) == ("winner", "linear", "constant")


RANKING = [trial(number, LayeredSpec((Linear(width=width),)), origin, score) for number, width, origin, score in (
    (7, 7, "mutation", 0.9),
    (8, 8, "mutation", 0.8),
    (9, 7, "sample", 0.7),
    (6, 6, "sample", 0.6),
    (1, 1, "portfolio", 0.5),
    (2, 2, "portfolio", 0.4),
    (5, 5, "sample", None),
)]  # fmt: skip


@pytest.mark.parametrize(
    ("finalists", "baseline", "widths"),
    [
        (1, "portfolio", [7]),
        (2, "portfolio", [7, 1]),
        (3, "portfolio", [7, 8, 1]),
        (4, "portfolio", [7, 8, 6, 1]),
        (5, "portfolio", [7, 8, 6, 1, 2]),
        (9, "portfolio", [7, 8, 6, 1, 2]),
        (3, NARROW.to_dict(), [7, 8, 6]),
    ],
)
def test_the_best_of_the_portfolio_is_a_finalist_where_it_is_the_baseline(configure, finalists, baseline, widths):
    final = configure(final={"finalists": finalists, "baseline": baseline}).final
    assert [spec.layers[0].width for spec, _ in finalists_of(RANKING, final)] == widths
    assert (
        finalists_of([one for one in RANKING if one.origin != "portfolio"], final)
        == [one.identity for one in RANKING if one.number in (7, 8, 6)][:finalists]
    )


@pytest.mark.parametrize(
    ("finalists", "numbers"), [(1, [7]), (2, [7, 1]), (3, [7, 1, 2]), (4, [7, 8, 1, 2]), (6, [7, 8, 6, 1, 2])]
)
def test_a_linear_model_that_was_tried_is_one_however_it_ranks(configure, finalists, numbers):
    """But for the best of all, and that of the portfolio, which come before it."""
    final = configure(final={"finalists": finalists, "baseline": "portfolio"}).final
    ranking = [*RANKING[:-2], trial(2, LayeredSpec(()), "portfolio", 0.4), trial(3, LayeredSpec(()), "sample", 0.3)]
    by_number = {one.number: one.identity for one in ranking}
    assert finalists_of(ranking, final) == [by_number[number] for number in numbers]
    ahead = [ranking[-2], *ranking[:-2]]
    assert finalists_of(ahead, final)[:2] == [by_number[2], by_number[7]][:finalists]


def test_winner_and_baseline_are_taken_over_from_the_finalists(configure):
    for final, several, models in (
        ({"finalists": 3, "baseline": "portfolio"}, False, 2),
        ({"finalists": 3, "baseline": NARROW.to_dict()}, False, 1),
        ({"finalists": 1, "baseline": "portfolio"}, False, 0),
        ({"finalists": 3, "baseline": "portfolio"}, True, 0),
    ):
        assert taken_over(configure(final=final).final, several) == models


def test_a_run_that_goes_on_finds_the_same(configure):
    """They are not saved: all follows from the trials of the search."""
    config = configure(final={"baseline": "portfolio"})
    ranking = [trial(5, WIDE, "mutation", 0.9), trial(0, NARROW, "portfolio", 0.7), trial(1, WIDE, "portfolio", 0.6)]
    again = [Trial.from_state(json.loads(json.dumps(one.state_dict()))) for one in ranking]
    found = candidates_of(config, TASK, (WIDE, Recipe()), ranking, 9)
    assert found["baseline"] == ranking[1].identity
    assert candidates_of(config, TASK, (WIDE, Recipe()), again, 9) == found


def test_the_linear_model_comes_close_to_its_optimum_with_the_mini_batches_of_the_rest():
    spec, own = linear(Recipe(learning_rate=0.001, batch_size=8, epochs=9, augmentation=("jitter",)))
    assert spec == LayeredSpec(())
    assert (own.batch_size, own.epochs, own.augmentation, own.schedule) == (8, 9, (), "cosine")
    assert linear(Recipe(epochs=1))[1].epochs == 5


def test_the_constant_model_takes_one_step_over_all_that_a_node_has():
    spec, own = constant(123_456)
    assert spec == ConstantSpec()
    assert own == Recipe(optimizer="sgd", learning_rate=0.5, epochs=1, batch_size=123_456)
    assert constant(7)[1].batch_size == 10_000


def uneven(grid, folder):
    """Start nodes that hold classes as `COUNTS` says."""
    for name, counts in COUNTS.items():
        y = np.repeat(np.arange(3), counts)
        x = np.random.default_rng(len(y)).normal(0, 1, (len(y), 4)).astype(np.float32)
        np.savez(folder / f"{name}.npz", x=x, y=y)
        grid.join(name=name, data=str(folder / f"{name}.npz"))


@pytest.mark.parametrize("rounds", [1, 3, 15])
def test_it_tells_the_majority_class_of_uneven_nodes_from_the_first_round_on(grid, configure, play, tmp_path, rounds):
    uneven(grid, tmp_path)
    played = play(grid, configure(final={"rounds": rounds}))
    assert played.error is None
    final = played.strategy.outcome.final
    (trial,) = final.runs("constant")
    logits = final.weights_of(trial.number)
    assert logits.argmax() == 2
    # a fifth of the examples of each class of a node is for the test
    tested = [round(0.2 * sum(counts)) for counts in COUNTS.values()]
    hits = [round(0.2 * counts[2]) for counts in COUNTS.values()]
    assert trial.metrics["accuracy"] == pytest.approx(sum(hits) / sum(tested))
    # one step of each node is a step over the examples of all: plain gradient descent on the shares
    totals, bias = np.sum(list(COUNTS.values()), axis=0), np.zeros(3)
    for _ in range(rounds):
        bias -= 0.5 * (np.exp(bias) / np.exp(bias).sum() - totals / totals.sum())
    np.testing.assert_allclose(logits, bias, atol=0.02)
