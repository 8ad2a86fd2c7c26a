"""The winner and the baseline again, on seeds that the search never saw."""

from __future__ import annotations

import io
import json
import shutil
import statistics
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from common.architecture.spec import ArchitectureSpec
from common.errors import ConfigError, FlwrNasError, SearchError, StorageError
from common.groups import BudgetConfig
from common.seeding import child_seed
from common.tasks import Classification, Regression, Task
from server_app.blobs import Blobs
from server_app.build import build_search
from server_app.build_closing import build_final
from server_app.candidates import ROLES, candidates_of
from server_app.compare import compare, comparison_config, render, summary
from server_app.gains import gain_over
from server_app.interval import t_quantile
from server_app.journal import Journal, write_json
from server_app.results import write_config
from server_app.run import run
from server_app.run_folder import ask_to_stop
from server_app.scores import Score
from server_app.spaces.recipes import RecipeSpace
from server_app.trials import Recipe

SPEC = {"version": 1, "kind": "layered", "layers": [{"op": "linear", "width": 7, "norm": "none"}]}
RECIPE = {"learning_rate": 0.5, "epochs": 3}
TASK = Task((4,), Classification(3))
RESULT = {"winner": {"spec": SPEC, "recipe": RECIPE}, "task": TASK.to_record()}
METRICS = tuple(row.metric for row in Classification(3).rows)


def result_with(winner, baseline, others=0.3, task=TASK, metrics=METRICS):
    """The result.json of a comparison, with these values of the primary metric, one a seed; others are half of it."""
    metric, direction = task.head.primary

    def side(name, values, parameters):
        tests = [
            {name: value if name == metric else value / 2 for name in metrics} if value else {} for value in values
        ]
        told = {"architecture": name, "id": name, "parameters": parameters, "macs": 10 * parameters, "failure": ""}
        return {**told, "test": tests[0], "tests": tests, "gain_over": {}}

    def gain(ours, theirs):
        scores = [[Score(1, 1, v, metrics={metric: v}) if v else None for v in values] for values in (ours, theirs)]
        return gain_over(*scores, metric, direction).to_json()

    sides = {"winner": side("linear 7", winner, 1200), "baseline": side("linear 64", baseline, 4800)}
    result = {"seed": 9, "task": task.to_record(), **sides}
    sides["winner"]["gain_over"]["baseline"] = gain(winner, baseline)
    if others is not None:
        result |= {"linear": side("linear", [others] * len(winner), 600), "constant": side("constant", [others], 600)}
        sides["baseline"]["gain_over"]["constant"] = gain(baseline, [others])
    return result


def nothing_to_run(*_):
    pytest.fail("nothing to run")


@pytest.fixture
def config(configure, tmp_path):
    return configure(seed=4, run={"dir": str(tmp_path / "run")})


@pytest.fixture
def finished(config, tmp_path):
    """What a comparison reads of a finished run's folder."""
    write_config(tmp_path / "run", config)
    write_json(tmp_path / "run" / "result.json", {"winner": {"spec": SPEC}, "task": TASK.to_record()})
    return tmp_path / "run"


@pytest.fixture
def launch(make_grid, monkeypatch):
    """Run a configuration in this process; `launch.configs` are those that were run."""
    configs, resumed = [], []

    def launch(config, resume=False, stop_at=None):
        configs.append(config)
        resumed.append(resume)
        grid = make_grid()
        grid.people("abc")
        write = Journal.write

        def write_and_stop(self, event, **fields):
            write(self, event, **fields)
            if event == stop_at:
                ask_to_stop(Path(config.run.dir))

        with monkeypatch.context() as patch:
            patch.setattr(Journal, "write", write_and_stop)
            run(grid, {"config": replace(config, run=replace(config.run, resume=resume)).to_json()})
        return json.loads((Path(config.run.dir) / "result.json").read_text())

    launch.configs, launch.resumed = configs, resumed
    return launch


# ---------------------------------------------------------------- the run


def test_it_searches_nothing_and_ends_as_the_run_did(configure, tmp_path):
    config = configure(
        seed=1,
        control="random",
        search={
            "trials": 20,
            "concurrency": 5,
            "start": [SPEC],
            "imports": ["runs/a"],
            "budget": BudgetConfig(None, None, None, 60.0),
        },
        scoring={"folds": 3},
        controller={"name": "evolution", "population_size": 4},
        fidelity={"name": "successive_halving", "max_rounds": 9},
        final={"rounds": 6, "finalists": 3},
        placement={"name": "split", "nodes_per_round": 2},
        personal={"method": "mix"},
    )
    again = comparison_config(config, RESULT, 4, tmp_path)
    search = build_search(again, TASK, Journal(), Blobs(None))
    assert (search.controller.max_trials, search.concurrency, search.fidelity.max_rounds) == (1, 1, 1)
    assert search.controller.propose(1)[0].spec == ArchitectureSpec.from_dict(SPEC)
    final, original = (
        build_final(c, TASK, (search.controller.space.space.specs[0], Recipe()), [], Journal(), Blobs(None))
        for c in (again, config)
    )
    assert final.rounds == original.rounds == 6
    assert final.placement.options == original.placement.options
    assert final.seed != original.seed
    assert (again.seed, again.run.dir) == (child_seed(1, "compare") % 2**31, str(tmp_path))
    assert (again.final.seeds, again.final.finalists, again.scoring.folds, again.control) == (4, 1, 1, None)
    assert again.personal.method is None
    assert (again.search.budget, again.search.imports) == (BudgetConfig(None, None, None, None), [])
    assert (again.training, again.dataset) == (config.training, config.dataset)
    assert again.final == replace(config.final, seeds=4, finalists=1)


def test_the_winner_keeps_its_recipe_and_the_baseline_the_runs(configure, tmp_path):
    config = configure()
    again = comparison_config(config, RESULT, 2, tmp_path)
    (proposal,) = build_search(again, TASK, Journal(), Blobs(None)).controller.propose(1)
    default = RecipeSpace.of(config.training, TASK).default
    assert proposal.recipe == replace(default, **RECIPE) != default
    final = build_final(again, TASK, (proposal.spec, proposal.recipe), [], Journal(), Blobs(None))
    assert final.candidates["winner"] == (ArchitectureSpec.from_dict(SPEC), proposal.recipe)
    assert final.candidates["baseline"][1] == default


def test_the_baseline_of_a_portfolio_is_given(configure, tmp_path):
    config = configure(final={"baseline": "portfolio", "rounds": 6})
    other = {**SPEC, "layers": []}
    result = RESULT | {"baseline": {"spec": other, "recipe": {"epochs": 4}}}
    again = comparison_config(config, result, 1, tmp_path)
    assert again.final.baseline == {"spec": other, "recipe": {"epochs": 4}}
    expected = (ArchitectureSpec.from_dict(other), replace(RecipeSpace.of(config.training, TASK).default, epochs=4))
    assert candidates_of(again, TASK, (ArchitectureSpec.from_dict(SPEC), Recipe()), [], 0)["baseline"] == expected
    without = comparison_config(config, RESULT | {"baseline": None}, 1, tmp_path)
    assert without.final.baseline == "portfolio"


# ---------------------------------------------------------------- the whole way


def test_what_is_compared_was_trained_as_the_winner_was(config, tmp_path, launch):
    """From a run that found it with this recipe, to the results of the comparison."""
    start = [{"spec": config.space["specs"][0], "recipe": RECIPE}]
    launch(replace(config, search=replace(config.search, trials=1, start=start)))
    compare(tmp_path / "run", 1, launch)
    for folder in (tmp_path / "run", tmp_path / "run" / "compare"):
        winner, baseline = (json.loads((folder / "result.json").read_text())[side] for side in ("winner", "baseline"))
        assert winner["recipe"] == {**config.training, **RECIPE}
        assert baseline["recipe"] == config.training
        assert winner["test"]


def test_all_seeds_are_of_one_launch(config, tmp_path, launch):
    finished = tmp_path / "run"
    launch(config)
    launch.configs.clear()
    found = compare(finished, 2, launch)
    original = json.loads((finished / "result.json").read_text())
    (again,) = launch.configs
    assert (found["seed"], found["runs"]) == (again.seed, 2)
    result = json.loads((finished / "compare" / "result.json").read_text())
    for role, runs in zip(ROLES, (2, 2, 2, 1), strict=True):
        assert found[role]["id"] == original[role]["id"]
        assert found[role]["tests"] == result[role]["tests"]
        assert len(found[role]["tests"]) == runs
    accuracies = [[test["accuracy"] for test in found[side]["tests"]] for side in ("winner", "baseline")]
    assert found["gain"] == [ours - theirs for ours, theirs in zip(*accuracies, strict=True)]
    assert json.loads((finished / "compare.json").read_text()) == found
    # what has finished is not run again, and with more seeds it is run anew
    assert compare(finished, 2, nothing_to_run) == found
    assert compare(finished, 3, launch)["runs"] == 3
    assert [config.final.seeds for config in launch.configs] == [2, 3]


def test_what_was_interrupted_is_gone_on_with(config, tmp_path, launch):
    finished = tmp_path / "run"
    launch(config)

    def stopped(config, resumed):
        assert not resumed
        launch(config, stop_at="final")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        compare(finished, 2, stopped)
    found = compare(finished, 2, launch)
    assert launch.resumed == [False, False, True]
    kinds = [json.loads(line)["event"] for line in (finished / "compare" / "journal.jsonl").read_text().splitlines()]
    assert kinds.count("search") == 1, "the trial of the search was not trained again"
    assert found["runs"] == 2
    (finished / "compare.json").unlink()
    shutil.rmtree(finished / "compare")
    assert compare(finished, 2, launch) == found


def test_what_another_version_left_makes_way(finished):
    (finished / "compare" / "1234").mkdir(parents=True)
    (finished / "compare" / "1234" / "journal.jsonl").write_text("{}")
    compare(finished, 1, lambda *_: result_with([0.9], [0.8]))
    assert not (finished / "compare" / "1234").exists()


@pytest.mark.parametrize("repeats", [0, -3])
def test_a_comparison_needs_a_seed(finished, repeats):
    with pytest.raises(ConfigError, match=f"--repeats must be 1 or more, got {repeats}"):
        compare(finished, repeats, nothing_to_run)


def test_a_test_that_failed_is_named(finished):
    failed = result_with([0.9, 0.9], [0.8, 0.7])
    failed["baseline"] |= {"tests": [failed["baseline"]["test"], {}], "failure": "It diverged."}
    with pytest.raises(SearchError, match=r"test of the baseline failed \(It diverged\)\."):
        compare(finished, 2, lambda *_: failed)


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


def test_the_summary_tells_gains_by_seed():
    found = summary(result_with([0.9, 0.7], [0.8, 0.75]))
    assert (found["seed"], found["runs"]) == (9, 2)
    assert found["gain"] == pytest.approx([0.1, -0.05])
    assert [test["accuracy"] for test in found["winner"]["tests"]] == [0.9, 0.7]
    assert (found["baseline"]["architecture"], found["baseline"]["parameters"]) == ("linear 64", 4800)


def test_what_was_not_tested_is_left_out():
    failed = result_with([0.9], [0.8])
    failed["linear"] |= {"test": {}, "tests": [{}]}
    assert [role for role in ROLES if role in summary(failed)] == ["winner", "baseline", "constant"]


def test_without_a_baseline_there_is_no_gain(finished):
    found = compare(finished, 2, lambda *_: result_with([0.9, 0.8], [0.8, 0.7]) | {"baseline": None})
    assert "gain" not in found
    text = text_of(found)
    assert "Gain" not in text.split("winner: linear 7")[0]
    assert [title in text for title in ("baseline", "linear", "majority class")] == [False, True, True]


def test_a_winner_that_is_the_baseline_gains_nothing_and_that_is_said(config, tmp_path, launch):
    (only, *_) = config.space["specs"]
    final = replace(config.final, baseline=only)
    launch(replace(config, space={"name": "listed", "specs": [only]}, final=final))
    found = compare(tmp_path / "run", 2, launch)
    assert found["gain"] == [0.0, 0.0]
    assert found["winner"]["tests"] == found["baseline"]["tests"]
    assert "the winner is its baseline, and the gain is zero" in " ".join(text_of(found).split())


def text_of(found):
    console = Console(record=True, width=120, file=io.StringIO())
    console.print(render(found))
    return console.export_text()


def test_the_table_shows_means_and_spreads_over_seeds():
    accuracies = {"winner": [0.9, 0.7, 0.8], "baseline": [0.8, 0.75, 0.7]}
    text = text_of(summary(result_with(*accuracies.values())))
    (row,) = [line for line in text.splitlines() if line.strip("│ ").startswith("test accuracy")]
    for values in accuracies.values():
        assert f"{sum(values) / 3:.4f} ({statistics.stdev(values):.4f})" in row
    # 0.1, -0.05 and 0.1: the mean is 0.05, the deviations 0.05, -0.1 and 0.05, their squares sum to 0.015
    half = t_quantile(2) * (0.015 / 2) ** 0.5 / 3**0.5
    interval = f"95 % interval {0.05 - half:.4f} to {0.05 + half:.4f} over 3 seeds"
    assert f"Gain in accuracy 0.0500 ({interval}): within noise." in text
    assert "The winner is no better than the baseline (within noise), with 25% of its MACs." in text
    assert "test on 3 fresh seeds" in text
    assert "0.3000 (0.0000)" in row
    assert all(title in text for title in ("baseline", "linear", "majority class"))
    assert all(cell in text for cell in ("1,200", "4,800", "12,000", "48,000"))


def test_no_gain_is_told_over_a_baseline_at_chance():
    text = text_of(summary(result_with([0.9, 0.7, 0.8], [0.3, 0.31, 0.3])))
    # 0, 0.01 and 0 above the constant model: 0.0033 in the mean, and as much is its standard error
    words = " ".join(text.split())
    assert "Whether the baseline is better than chance (predicting the majority class) cannot be told: gain" in words
    assert "so a gain over it says nothing" in words
    assert "Gain in" not in text


def with_errors(winner, baseline):
    """The result of a regression, with these mean squared errors and nothing else."""
    return summary(result_with(winner, baseline, None, Task((4,), Regression()), ("mse",)))


def test_a_gain_is_above_0_where_the_winner_is_better_even_if_less_is():
    found = with_errors([3000.0, 3200.0], [3500.0, 3100.0])
    assert found["gain"] == [500.0, -100.0]
    text = text_of(found)
    # the means are 3100 and 3300, the deviations from them 100 and 200 on each side
    (row,) = [line for line in text.splitlines() if line.strip("│ ").startswith("test MSE")]
    assert f"3100 ({100 * 2**0.5:.4g})" in row
    assert f"3300 ({200 * 2**0.5:.4g})" in row
    half = t_quantile(1) * 300  # the deviation of two differences is 300 sqrt(2), of their mean 300
    assert f"mse lower by 200 (95 % interval {200 - half:.4g} to {200 + half:.4g} over 2 seeds): within noise." in text
    assert "MAE" not in text


def test_where_less_is_better_more_is_a_loss():
    text = text_of(with_errors([3500.0, 3100.0], [3000.0, 3200.0]))
    half = t_quantile(1) * 300
    assert f"mse higher by 200 (95 % interval {200 - half:.4g} to {200 + half:.4g} over 2 seeds)" in text
    assert "mse higher by 500, a loss." in text_of(with_errors([3500.0], [3000.0]))


def test_one_seed_has_no_spread():
    text = text_of(summary(result_with([0.9], [0.8])))
    assert "0.9000 (" not in text
    assert "test on 1 fresh seed\n" in "\n".join(line.strip() + "\n" for line in text.splitlines())
    assert "Gain in accuracy 0.1000." in text
