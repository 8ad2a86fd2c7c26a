"""What the final training compares the winner with, and what the constant model comes to in a federation."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from common.architecture.kinds.constant import ConstantSpec
from common.architecture.kinds.layered import LayeredSpec
from common.architecture.kinds.layers import Linear
from common.tasks import Classification, Task
from server_app.candidates import ROLES, candidates_of, constant, linear
from server_app.scores import Score
from server_app.trials import Recipe, Trial

TASK = Task((4,), Classification(3))
WIDE, NARROW = (LayeredSpec((Linear(width=width, norm="none"),)) for width in (8, 3))
COUNTS = {"a": (40, 0, 30), "b": (0, 40, 30), "c": (20, 0, 25)}
"""Examples of each class: 0 and 1 are the most frequent of a node, and 2 is that of all three together."""


def trial(number, spec, origin, score):
    return Trial(number, spec, Recipe(), origin, scores=[Score(1, 1, score)])


def test_there_are_four_and_the_winner_comes_first(configure):
    config = configure()
    found = candidates_of(config, TASK, [trial(5, WIDE, "mutation", 0.9)])
    assert tuple(found) == ROLES
    assert found["winner"] == (WIDE, Recipe())
    assert found["baseline"] == (LayeredSpec(()), config.training)


def test_without_a_portfolio_there_is_no_baseline(configure):
    config = configure(final={"baseline": "portfolio"})
    assert tuple(candidates_of(config, TASK, [trial(5, WIDE, "given", 0.9)])) == ("winner", "linear", "constant")


def test_a_run_that_goes_on_finds_the_same(configure):
    """They are not saved: all follows from the trials of the search."""
    config = configure(final={"baseline": "portfolio"})
    ranking = [trial(5, WIDE, "mutation", 0.9), trial(0, NARROW, "portfolio", 0.7), trial(1, WIDE, "portfolio", 0.6)]
    again = [Trial.from_state(json.loads(json.dumps(one.state_dict()))) for one in ranking]
    found = candidates_of(config, TASK, ranking)
    assert found["baseline"] == ranking[1].identity
    assert candidates_of(config, TASK, again) == found


def test_the_linear_model_trains_as_all_do_on_examples_as_they_are():
    recipe = Recipe(learning_rate=0.02, epochs=3, label_smoothing=0.1, augmentation=("jitter",))
    assert linear(recipe) == (LayeredSpec(()), replace(recipe, augmentation=()))


def test_the_constant_model_has_the_same_budget_and_no_more_of_the_recipe():
    recipe = Recipe(batch_size=8, epochs=3, weight_decay=0.1, label_smoothing=0.1, augmentation=("jitter",), average=2)
    spec, own = constant(recipe)
    assert spec == ConstantSpec()
    assert (own.batch_size, own.epochs) == (8, 3)
    assert replace(own, batch_size=32, epochs=1) == Recipe(optimizer="sgd", learning_rate=0.5, schedule="cosine")


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
    trial = final.trial_of("constant")
    logits = final.weights_of(trial.number)
    assert logits.argmax() == 2
    # a fifth of each node's examples is for the test, drawn by class: 14 of 70, 14 of 70 and 9 of 45, as 8 + 6 or 4 + 5
    tested = [round(0.2 * sum(counts)) for counts in COUNTS.values()]
    hits = [round(0.2 * counts[2]) for counts in COUNTS.values()]
    assert trial.metrics["accuracy"] == pytest.approx(sum(hits) / sum(tested))
    if rounds == 15:
        totals = np.sum(list(COUNTS.values()), axis=0)
        np.testing.assert_allclose(np.exp(logits) / np.exp(logits).sum(), totals / totals.sum(), atol=0.02)
