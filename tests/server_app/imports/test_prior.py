"""What of earlier trials concerns a search, and what each of them counts there."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from common.config import compose_config
from common.errors import ConfigError
from common.tasks import Classification, Regression, Task
from server_app.fidelity.successive_halving import SuccessiveHalving
from server_app.imports.prior import Terms, prior_of
from server_app.objectives.accuracy import Accuracy
from server_app.objectives.pareto import Pareto
from server_app.spaces.layered import LayeredSpace
from server_app.trials import Recipe
from tests.server_app.imports.conftest import TASK, linear
from tests.support.spaces import with_recipes

HALVING = SuccessiveHalving.Options(max_rounds=9, min_rounds=1, min_steps=0, eta=3)
"""Rungs after 1, 3 and 9 rounds."""


@pytest.fixture
def terms():
    """Of a search over chains of one or two linear layers of width 4, 8 or 16, by accuracy."""
    options = LayeredSpace.Options(
        max_layers=2, operations=["linear"], width=[4, 8, 16], norm=["none"], dropout=0.0, skip=0.0
    )
    space = with_recipes(LayeredSpace(TASK, options))
    return Terms(space, Accuracy(TASK.head), SuccessiveHalving(HALVING), False)


@pytest.fixture
def read(terms):
    """Read these runs and files for that search."""
    search = compose_config().search

    def read(*names, first=3, terms=terms):
        return prior_of(replace(search, imports=list(names), imports_first=first), terms)

    return read


def trial(spec, accuracy, rounds=9, **recipe):
    return spec, recipe, [(rounds, {"accuracy": accuracy, "loss": 1 - accuracy})]


def seen(prior):
    return [(one.spec, one.rung, one.score) for one in prior.observations]


def test_nothing_is_imported_by_default(read):
    prior = read()
    assert (prior.observations, prior.first, prior.sources) == ([], (), ())


def test_the_best_comes_last_and_the_best_are_tried_first(read, write_run):
    run = write_run("run", [trial(linear(4), 0.5), trial(linear(8), 0.9), trial(linear(16), 0.7)])
    prior = read(run, first=2)
    assert seen(prior) == [(linear(4), 3, 0.5), (linear(16), 3, 0.7), (linear(8), 3, 0.9)]
    assert prior.first == ((linear(8), Recipe()), (linear(16), Recipe()))
    assert [one.tie for one in prior.observations] == pytest.approx([-0.5, -0.3, -0.1]), "the loss decides a tie"
    (told,) = prior.sources
    assert told == {"source": run, "of": 3, "imported": 3, "outside": 0, "scoreless": 0, "rung": 3, "why": ""}
    assert read(run, first=0).first == ()


@pytest.mark.parametrize(
    ("rounds", "rung", "score"),
    [((2,), 1, 0.2), ((3,), 2, 0.3), ((8, 9), 3, 0.9), ((9, 27), 3, 0.9), ((27, 81), 3, 0.27), ((0,), 0, 0.0)],
)
def test_a_score_counts_at_the_highest_rung_whose_rounds_it_has(read, write_run, rounds, rung, score):
    """By the last score of no more than 9 rounds; a score is a tenth of the rounds here, or a hundredth beyond 9."""
    scores = [(n, {"accuracy": n / 10 if n < 10 else n / 100, "loss": 0.0}) for n in rounds]
    (one,) = read(write_run("run", [(linear(4), {}, scores)])).observations
    assert (one.rung, one.score) == (rung, score)


def test_scores_of_shared_weights_rank_below_all_others(read, terms, write_run):
    run = write_run("run", [trial(linear(4), 0.5)], weights="supernet")
    assert seen(read(run)) == [(linear(4), 0, 0.5)]
    assert seen(read(run, terms=replace(terms, shares=True))) == [(linear(4), 3, 0.5)]


def test_of_an_architecture_with_its_recipe_the_best_counts_once(read, write_run):
    """A setting that is not offered takes the default: 0.5 becomes 0.001, and 0.003 is another trial."""
    first = write_run("first", [trial(linear(4), 0.5, learning_rate=0.001), trial(linear(4), 0.6, learning_rate=0.003)])
    second = write_run("second", [trial(linear(4), 0.7, learning_rate=0.5)])
    prior = read(first, second)
    assert [(one.recipe.learning_rate, one.score) for one in prior.observations] == [(0.003, 0.6), (0.001, 0.7)]
    assert [told["imported"] for told in prior.sources] == [2, 1]


def test_what_is_outside_the_space_is_left_out_and_counted(read, write_run):
    run = write_run("run", [trial(linear(4), 0.5), trial(linear(5), 0.9), trial(linear(4, 4, 4), 0.9)])
    prior = read(run)
    assert seen(prior) == [(linear(4), 3, 0.5)]
    assert (prior.sources[0]["of"], prior.sources[0]["imported"], prior.sources[0]["outside"]) == (3, 1, 2)
    assert prior.sources[0]["why"]


def test_where_nothing_belongs_to_the_space_it_is_said_why(read, write_run):
    with pytest.raises(
        ConfigError, match=r"None of 1 trials of .*run belongs to the space that is searched now \(.+\)"
    ):
        read(write_run("run", [trial(linear(5), 0.9)]))


def test_where_nothing_has_a_score_it_is_said(read, write_run):
    with pytest.raises(ConfigError, match="has trials with scores, and this has none"):
        read(write_run("run", [(linear(4), {}, [])]))


@pytest.mark.parametrize(
    "task", [Task((7,), Classification(3)), Task((6,), Classification(4)), Task((6,), Regression())]
)
def test_a_run_for_another_task_is_refused(read, write_run, task):
    with pytest.raises(
        ConfigError, match=r"classification of examples of shape \(6,\) \(num_classes 3\), and .* is for"
    ):
        read(write_run("run", [trial(linear(4), 0.5)], task=task))


def test_the_scaling_of_inputs_may_differ(read, write_run):
    run = write_run("run", [trial(linear(4), 0.5)], task=replace(TASK, scaling="node"))
    assert len(read(run).observations) == 1


def test_scores_are_by_the_objective_of_this_search_whatever_that_run_went_by(read, terms, write_run):
    table = {"accuracy": 0.9, "macro_f1": 0.4, "loss": 0.3}
    run = write_run("run", [(linear(4), {}, [(9, table)])])
    both = Pareto(TASK.head, Pareto.Options(terms={"macro_f1": "max", "parameters": "min"}))
    (one,) = read(run, terms=replace(terms, objectives=both)).observations
    # 6 x 4 weights and 4 biases, 4 x 3 and 3: 43 parameters; the binary logarithm of 43 lies between 5 and 6
    assert one.score == 0.4
    assert -6 < one.further[0] < -5
    with pytest.raises(
        ConfigError, match=r"has a score by the objective of this search \(The panel must report .*auroc"
    ):
        read(
            run,
            terms=replace(terms, objectives=Pareto(TASK.head, Pareto.Options(terms={"auroc": "max", "macs": "min"}))),
        )


def test_who_breaks_a_constraint_is_imported_as_one_that_does(read, terms, write_run):
    run = write_run("run", [trial(linear(4), 0.9), trial(linear(8), 0.5)])
    bound = Accuracy(TASK.head, Accuracy.Options(constraints={"loss": {"max": 0.4}}))
    by_spec = {one.spec: one for one in read(run, terms=replace(terms, objectives=bound)).observations}
    assert by_spec[linear(4)].broken == (False, 0)
    assert by_spec[linear(8)].broken == (True, pytest.approx(0.25)), "(0.5 - 0.4) / 0.4"


def test_a_file_without_rounds_ranks_below_all_trials_here(read, write_run, tmp_path):
    quoted = [spec.to_json().replace('"', '""') for spec in (linear(4), linear(8))]
    table = tmp_path / "scores.CSV"
    table.write_text(f'spec,score,rounds\n"{quoted[0]}",0.9,\n"{quoted[1]}",0.2,3\n')
    run = write_run("run", [trial(linear(16), 0.1, rounds=3)])
    prior = read(str(table), run)
    assert seen(prior) == [(linear(4), 0, 0.9), (linear(16), 2, 0.1), (linear(8), 2, 0.2)]
    assert [one.tie for one in prior.observations] == [None, pytest.approx(-0.9), None]


def test_a_score_alone_is_none_of_several_objectives(read, terms, tmp_path):
    table = tmp_path / "scores.csv"
    quoted = linear(4).to_json().replace('"', '""')
    table.write_text(f'spec,score\n"{quoted}",99\n')
    both = Pareto(TASK.head, Pareto.Options(terms={"accuracy": "max", "macs": "min"}))
    with pytest.raises(ConfigError, match="A score alone is no value of several objectives"):
        read(str(table), terms=replace(terms, objectives=both))


@pytest.mark.parametrize("score", ["95", "-0.1"])
def test_a_score_that_the_metric_cannot_have_is_refused(read, tmp_path, score):
    table = tmp_path / "scores.csv"
    (tmp_path / "spec.json").write_text(json.dumps(linear(4).to_dict()))
    table.write_text(f"spec,score\nspec.json,0.5\nspec.json,{score}\n")
    with pytest.raises(ConfigError, match=r"must be of accuracy, which lies in \[0, 1\], got ") as caught:
        read(str(table))
    assert score in str(caught.value)
