"""The winner and the baseline again, on seeds that the search never saw."""

from __future__ import annotations

import io
import json
import statistics
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from common.architecture.spec import ArchitectureSpec
from common.errors import ConfigError, FlwrNasError, SearchError, StorageError
from common.tasks import Classification, Regression, Task
from server_app.blobs import Blobs
from server_app.build import build_search
from server_app.build_closing import build_final
from server_app.candidates import ROLES, candidates_of
from server_app.compare import compare, render, repeat_config, summary
from server_app.journal import Journal, write_json
from server_app.results import write_config
from server_app.run import run
from server_app.spaces.recipes import RecipeSpace
from server_app.trials import Recipe

SPEC = {"version": 1, "kind": "layered", "layers": [{"op": "linear", "width": 7, "norm": "none"}]}
RECIPE = {"learning_rate": 0.5, "epochs": 3}
RESULT = {"winner": {"spec": SPEC, "recipe": RECIPE}}
METRICS = tuple(row.metric for row in Classification(3).rows)


def result_with(winner, baseline, others=0.3):
    """A result.json of one repeat, with these accuracies; all other metrics are half of them."""

    def side(name, accuracy, parameters):
        test = {metric: accuracy if metric == "accuracy" else accuracy / 2 for metric in METRICS}
        return {"architecture": name, "id": name, "parameters": parameters, "macs": 10 * parameters, "test": test}

    task = Task((4,), Classification(3)).to_record()
    sides = {"winner": side("linear 7", winner, 1200), "baseline": side("linear 64", baseline, 4800)}
    return {"task": task, **sides} | ({} if others is None else {role: side(role, others, 600) for role in ROLES[2:]})


def nothing_to_run(_):
    pytest.fail("nothing to run")


@pytest.fixture
def config(configure, tmp_path):
    return configure(seed=4, run={"dir": str(tmp_path / "run")})


@pytest.fixture
def finished(config, tmp_path):
    """What a comparison reads of a finished run's folder."""
    write_config(tmp_path / "run", config)
    write_json(tmp_path / "run" / "result.json", {"winner": {"spec": SPEC}})
    return tmp_path / "run"


@pytest.fixture
def launch(make_grid):
    """Run a configuration in this process; `launch.configs` are those that were run."""
    configs = []

    def launch(config):
        configs.append(config)
        grid = make_grid()
        grid.people("abc")
        run(grid, {"config": config.to_json()})
        return json.loads((Path(config.run.dir) / "result.json").read_text())

    launch.configs = configs
    return launch


# ---------------------------------------------------------------- one repeat


def test_a_repeat_searches_nothing_and_ends_as_the_run_did(configure, tmp_path):
    config = configure(
        seed=1,
        search={"trials": 20, "concurrency": 5, "start": [SPEC]},
        controller={"name": "evolution", "population_size": 4},
        fidelity={"name": "successive_halving", "max_rounds": 9},
        final={"rounds": 6},
        placement={"name": "split", "nodes_per_round": 2},
    )
    repeat = repeat_config(config, RESULT, 99, tmp_path)
    task = Task((4,), Classification(3))
    search = build_search(repeat, task, Journal(), Blobs(None))
    assert (search.controller.max_trials, search.concurrency, search.fidelity.max_rounds) == (1, 1, 1)
    assert search.controller.propose(1)[0].spec == ArchitectureSpec.from_dict(SPEC)
    final, original = (
        build_final(c, task, (search.controller.space.space.specs[0], Recipe()), [], Journal(), Blobs(None))
        for c in (repeat, config)
    )
    assert final.rounds == original.rounds == 6
    assert final.placement.options == original.placement.options
    assert final.seed != original.seed
    assert (repeat.seed, repeat.run.dir) == (99, str(tmp_path))
    assert (repeat.training, repeat.dataset, repeat.final) == (config.training, config.dataset, config.final)


def test_the_winner_keeps_its_recipe_and_the_baseline_the_runs(configure, tmp_path):
    config = configure()
    repeat, task = repeat_config(config, RESULT, 99, tmp_path), Task((4,), Classification(3))
    (proposal,) = build_search(repeat, task, Journal(), Blobs(None)).controller.propose(1)
    default = RecipeSpace.of(config.training, task).default
    assert proposal.recipe == replace(default, **RECIPE) != default
    final = build_final(repeat, task, (proposal.spec, proposal.recipe), [], Journal(), Blobs(None))
    assert final.candidates["winner"] == (ArchitectureSpec.from_dict(SPEC), proposal.recipe)
    assert final.candidates["baseline"][1] == default


def test_the_baseline_of_a_portfolio_is_given_to_its_repeats(configure, tmp_path):
    config = configure(final={"baseline": "portfolio", "rounds": 6})
    other = {**SPEC, "layers": []}
    result = RESULT | {"baseline": {"spec": other, "recipe": {"epochs": 4}}}
    repeat, task = repeat_config(config, result, 99, tmp_path), Task((4,), Classification(3))
    assert repeat.final == replace(config.final, baseline={"spec": other, "recipe": {"epochs": 4}})
    expected = (ArchitectureSpec.from_dict(other), replace(RecipeSpace.of(config.training, task).default, epochs=4))
    assert candidates_of(repeat, task, (ArchitectureSpec.from_dict(SPEC), Recipe()), [], 0)["baseline"] == expected
    without = repeat_config(config, RESULT | {"baseline": None}, 99, tmp_path)
    assert without.final == config.final


# ---------------------------------------------------------------- all repeats


def test_what_is_compared_was_trained_as_the_winner_was(config, tmp_path, launch):
    """The whole way: from a run that found it with this recipe, to the repeats' results."""
    start = [{"spec": config.space["specs"][0], "recipe": RECIPE}]
    launch(replace(config, search=replace(config.search, trials=1, start=start)))
    compare(tmp_path / "run", 1, launch)
    for folder in (tmp_path / "run", Path(launch.configs[-1].run.dir)):
        winner, baseline = (json.loads((folder / "result.json").read_text())[side] for side in ("winner", "baseline"))
        assert winner["recipe"] == {**config.training, **RECIPE}
        assert baseline["recipe"] == config.training
        assert winner["test"]


def test_the_winner_is_trained_again_on_fresh_seeds(config, tmp_path, launch):
    finished = tmp_path / "run"
    launch(config)
    launch.configs.clear()
    found = compare(finished, 2, launch)
    original = json.loads((finished / "result.json").read_text())
    assert len(set(found["seeds"]) | {4}) == 3
    assert [config.seed for config in launch.configs] == found["seeds"]
    assert found["winner"]["id"] == original["winner"]["id"]
    assert found["baseline"]["id"] == original["baseline"]["id"]
    for side in ROLES:
        repeats = [json.loads((Path(config.run.dir) / "result.json").read_text()) for config in launch.configs]
        assert found[side]["test"] == [result[side]["test"] for result in repeats]
    accuracies = [[test["accuracy"] for test in found[side]["test"]] for side in ("winner", "baseline")]
    assert found["gain"] == [ours - theirs for ours, theirs in zip(*accuracies, strict=True)]
    assert json.loads((finished / "compare.json").read_text()) == found


def test_the_seeds_follow_from_the_runs_seed(finished):
    def fake(seeds):
        return lambda config: seeds.append(config.seed) or result_with(0.9, 0.8)

    once, longer = [], []
    compare(finished, 2, fake(once))
    compare(finished, 3, fake(longer))
    assert longer[:2] == once
    assert all(0 <= seed < 2**31 for seed in longer)


def test_what_is_done_is_kept_where_a_repeat_fails(finished):
    results = [result_with(0.9, 0.8)]

    def launch(config):
        if not results:
            raise SearchError("A repeat must finish")
        return results.pop()

    with pytest.raises(SearchError):
        compare(finished, 3, launch)
    assert len(json.loads((finished / "compare.json").read_text())["seeds"]) == 1


def test_the_configuration_is_that_of_the_run(finished, config):
    configs = []
    compare(finished, 1, lambda config: configs.append(config) or result_with(0.9, 0.8))
    (repeat,) = configs
    assert (repeat.federation, repeat.training, repeat.final) == (config.federation, config.training, config.final)


@pytest.mark.parametrize("repeats", [0, -3])
def test_a_comparison_needs_a_seed(finished, repeats):
    with pytest.raises(ConfigError, match=f"--repeats must be 1 or more, got {repeats}"):
        compare(finished, repeats, nothing_to_run)


def test_a_repeat_whose_final_training_failed_is_named(finished):
    failed = result_with(0.9, 0.8)
    failed["baseline"] = {**failed["baseline"], "test": {}, "failure": "It diverged."}
    with pytest.raises(SearchError, match=r"test of the baseline.*seed \d+ \(It diverged\)\."):
        compare(finished, 1, lambda _: failed)


def test_a_folder_that_is_none_is_named(tmp_path):
    with pytest.raises(StorageError, match=r"config\.yaml and a result\.json.*nowhere"):
        compare(tmp_path / "nowhere", 1, nothing_to_run)


@pytest.mark.parametrize(
    ("name", "text"), [("result.json", "{"), ("result.json", '{"winner": null}'), ("config.yaml", "a: [")]
)
def test_a_folder_that_holds_something_else_is_refused(finished, name, text):
    (finished / name).write_text(text)
    with pytest.raises(FlwrNasError) as raised:
        compare(finished, 1, nothing_to_run)
    assert "\n" not in str(raised.value)


# ---------------------------------------------------------------- the table


def test_the_summary_pairs_winner_and_baseline_by_seed():
    found = summary([11, 22], [result_with(0.9, 0.8), result_with(0.7, 0.75)])
    assert found["seeds"] == [11, 22]
    assert found["gain"] == pytest.approx([0.1, -0.05])
    assert [test["accuracy"] for test in found["winner"]["test"]] == [0.9, 0.7]
    assert (found["baseline"]["architecture"], found["baseline"]["parameters"]) == ("linear 64", 4800)


def task_by(metric):
    return Task((4,), Classification(3).going_by(metric)).to_record()


def test_the_gain_is_told_in_the_metric_that_the_run_went_by(finished):
    write_json(finished / "result.json", {"winner": {"spec": SPEC}, "task": task_by("balanced_accuracy")})
    found = compare(finished, 1, lambda _: result_with(0.9, 0.8))
    assert found["gain"] == pytest.approx([0.9 / 2 - 0.8 / 2])
    assert "gain in balanced_accuracy" in " ".join(text_of(found).split())


def test_where_a_test_lacks_that_metric_no_gain_is_told():
    results = [result_with(0.9, 0.8), result_with(0.7, 0.75)]
    del results[1]["winner"]["test"]["auroc"]
    found = summary([1, 2], results, task_by("auroc"))
    assert "gain" not in found
    assert "gain" not in text_of(found)


def test_what_was_not_tested_each_time_is_left_out():
    failed = result_with(0.9, 0.8)
    failed["linear"] = {**failed["linear"], "test": {}}
    found = summary([1, 2], [result_with(0.9, 0.8), failed])
    assert [role for role in ROLES if role in found] == ["winner", "baseline", "constant"]
    earlier = summary([1, 2], [result_with(0.9, 0.8, None), result_with(0.9, 0.8)])
    assert [role for role in ROLES if role in earlier] == ["winner", "baseline"]
    assert "majority class" not in text_of(earlier)


def test_without_a_baseline_there_is_no_gain(finished):
    found = compare(finished, 2, lambda _: result_with(0.9, 0.8) | {"baseline": None})
    assert "gain" not in found
    text = text_of(found)
    assert "gain" not in text
    assert "winner: linear 7" in text
    assert [title in text for title in ("baseline", "linear", "majority class")] == [False, True, True]


def test_a_winner_that_is_the_baseline_gains_nothing_and_that_is_said(config, tmp_path, launch):
    (only, *_) = config.space["specs"]
    final = replace(config.final, baseline=only)
    launch(replace(config, space={"name": "listed", "specs": [only]}, final=final))
    found = compare(tmp_path / "run", 2, launch)
    assert found["gain"] == [0.0, 0.0]
    assert found["winner"] == found["baseline"]
    assert "the winner is the baseline, so there is no gain" in " ".join(text_of(found).split())


def text_of(found):
    console = Console(record=True, width=120, file=io.StringIO())
    console.print(render(found))
    return console.export_text()


def test_the_table_shows_means_and_spreads_over_seeds():
    accuracies = {"winner": [0.9, 0.7, 0.8], "baseline": [0.8, 0.75, 0.7]}
    found = summary([1, 2, 3], [result_with(*pair) for pair in zip(*accuracies.values(), strict=True)])
    text = text_of(found)
    (row,) = [line for line in text.splitlines() if line.strip("│ ").startswith("test accuracy")]
    for values in accuracies.values():
        assert f"{sum(values) / 3:.4f} ({statistics.stdev(values):.4f})" in row
    # 0.1, -0.05 and 0.1: the mean is 0.05, the deviations 0.05, -0.1 and 0.05, their squares sum to 0.015
    assert f"gain in accuracy 0.0500 ({(0.015 / 2) ** 0.5:.4f}); winner: linear 7" in text
    assert "test on 3 fresh seeds" in text
    assert row.count("0.3000 (0.0000)") == 2
    assert all(title in text for title in ("baseline", "linear", "majority class"))
    assert all(cell in text for cell in ("1,200", "4,800", "12,000", "48,000"))


def with_errors(winner, baseline):
    """A result.json of a regression, with these mean squared errors and nothing else."""
    result = result_with(winner, baseline, None) | {"task": Task((4,), Regression()).to_record()}
    for side, error in (("winner", winner), ("baseline", baseline)):
        result[side]["test"] = {"mse": error}
    return result


def test_a_gain_is_above_0_where_the_winner_is_better_even_if_less_is():
    found = summary([1, 2], [with_errors(3000.0, 3500.0), with_errors(3200.0, 3100.0)])
    assert found["gain"] == [500.0, -100.0]
    text = text_of(found)
    # the means are 3100 and 3300, the deviations from them 100 and 200 on each side
    (row,) = [line for line in text.splitlines() if line.strip("│ ").startswith("test MSE")]
    assert f"3100 ({100 * 2**0.5:.4g})" in row
    assert f"3300 ({200 * 2**0.5:.4g})" in row
    assert f"mse lower by 200 ({300 * 2**0.5:.4g}), a gain; winner: linear 7" in " ".join(text.split())
    assert "MAE" not in text


def test_where_less_is_better_more_is_a_loss():
    text = text_of(summary([1, 2], [with_errors(3500.0, 3000.0), with_errors(3100.0, 3200.0)]))
    # the winner is 500 above and 100 below: 200 above in the mean, 300 from it on each side
    assert f"mse higher by 200 ({300 * 2**0.5:.4g}), a loss; winner: linear 7" in " ".join(text.split())


def test_one_seed_has_no_spread():
    text = text_of(summary([1], [result_with(0.9, 0.8)]))
    assert "0.9000 (0.0000)" in text
    assert "test on 1 fresh seed, mean" in text
