"""A random search beside a run: what it is asked, and what is told of both."""

from __future__ import annotations

import io
import json
import math
from dataclasses import replace

import pytest
from rich.console import Console

from common.config import from_json
from common.errors import ConfigError, SearchError, StorageError
from common.groups import NOT_PERSONAL
from common.tasks import Classification, Regression, Task
from server_app.build import check
from server_app.cli.control import go_on_after, run_document
from server_app.control import check_control, control_config, render, summary
from server_app.journal import write_json
from server_app.results import write_config


def result_of(tests, name="linear 7", task=Task((4,), Classification(3))):  # noqa: B008 - frozen
    winner = {"architecture": name, "id": name, "recipe": {}, "parameters": 1200, "macs": 34_000, "tests": tests}
    cost = {"mac_examples": {"search": 2_000_000, "final": 500_000}, "node_seconds": {"search": 3.0, "final": 4.5}}
    counts = {"trials": 12}
    return {
        "task": task.to_record(),
        "winner": winner,
        **cost,
        "bytes": {"search": 900, "final": 100},
        "counts": counts,
    }


def accuracies(*values):
    return [{"accuracy": value, "loss": 1 - value} for value in values]


def text_of(found):
    console = Console(record=True, width=120, file=io.StringIO())
    console.print(render(found))
    return console.export_text()


def test_the_control_is_a_random_search_that_may_cost_as_much(configure, tmp_path):
    known = {"imports": ["runs/earlier"], "priors": {"width": 8}}
    config = configure(control="random", controller={"name": "evolution", "population_size": 5}, seed=7, search=known)
    resumed = replace(config, run=replace(config.run, dir=str(tmp_path), resume=True))
    control = control_config(resumed, {**result_of([]), "final_rounds": 17}, tmp_path / "control")
    assert control.final.rounds == 17
    assert control.controller == {"name": "random"}
    assert control.search.budget.limits == {"mac_examples": 2_500_000}
    assert (control.search.start, control.search.imports, control.search.priors) == ([], [], None)
    assert control.search.trials > 10**5
    assert control.control is None
    assert (control.run.dir, control.run.resume) == (str(tmp_path / "control"), False)
    same = replace(
        control,
        control="random",
        controller=config.controller,
        search=config.search,
        run=config.run,
        final=config.final,
    )
    assert same == config
    assert from_json(control.to_json()) == control


def test_models_of_the_nodes_own_are_no_part_of_it_nor_of_what_it_may_cost(configure, tmp_path):
    result = result_of([])
    dearer = {**result, "mac_examples": {**result["mac_examples"], "personal": 9_000_000}}
    control = control_config(configure(personal={"method": "all"}), dearer, tmp_path)
    assert control.personal == NOT_PERSONAL
    assert control.search.budget.limits == {"mac_examples": 2_500_000}


def test_none_of_its_trials_is_picked_by_scores_without_training(configure, tmp_path):
    picked = {"name": "full", "max_rounds": 2, "proxy": {"score": "naswot", "pool": 8, "keep": 1}}
    config = configure(control="random", fidelity=picked)
    assert control_config(config, result_of([]), tmp_path).fidelity == {"name": "full", "max_rounds": 2}


@pytest.mark.parametrize(
    ("weights", "fidelity"), [("inherit", "full"), ("supernet", "one_shot"), ("supernet", "successive_halving")]
)
def test_its_trials_train_from_scratch(configure, tmp_path, weights, fidelity):
    """What random search has no use for, or cannot have, is left out."""
    config = configure(
        control="random",
        controller={"name": "evolution"},
        weights={"name": weights},
        fidelity={"name": fidelity},
    )
    control = control_config(config, result_of([]), tmp_path)
    assert control.weights == {"name": "scratch"}
    assert control.fidelity["name"] == ("successive_halving" if fidelity == "one_shot" else fidelity)
    check(control)


def test_a_gain_is_over_the_pairs_of_seeds():
    found = summary(result_of(accuracies(0.9, 0.8, 0.7)), result_of(accuracies(0.8, 0.6, 0.4), "linear 3"))
    # differences 0.1, 0.2, 0.3: mean 0.2, deviation 0.1; Student's t of 2 degrees has a closed form
    half = 0.95 * math.sqrt(2 / (1 - 0.95**2)) * 0.1 / math.sqrt(3)
    gain = found["gain"]
    assert (gain["metric"], gain["over"], gain["number"]) == ("accuracy", "seeds", 3)
    assert (gain["mean"], gain["low"], gain["high"]) == pytest.approx((0.2, 0.2 - half, 0.2 + half))
    text = text_of(found)
    assert "0.8000 (0.1000)" in text
    assert "2.5 M" in text
    assert "linear 3" in text
    assert "Gain in accuracy 0.2000 (95 % interval -0.0484 to 0.4484 over 3 seeds): within noise." in text


def test_where_less_is_better_a_gain_is_what_is_less():
    task = Task((4,), Regression())
    metric = task.head.primary[0]
    assert task.head.primary[1] == "min"
    found = summary(result_of([{metric: 1.0}], task=task), result_of([{metric: 3.0}], task=task))
    assert found["gain"]["mean"] == 2


def test_one_seed_has_a_gain_and_no_interval(tmp_path):
    found = summary(result_of(accuracies(0.9)), result_of(accuracies(0.8)))
    write_json(tmp_path / "control.json", found)
    gain = json.loads((tmp_path / "control.json").read_text())["gain"]
    assert (gain["mean"], gain["low"], gain["high"]) == (pytest.approx(0.1), None, None)
    assert "one seed has no interval (final.seeds)" in text_of(found)
    even = text_of(summary(result_of(accuracies(0.9, 0.8)), result_of(accuracies(0.8, 0.7))))
    assert "0.1000; seeds that all gain as much have no interval (final.seeds)" in even


def test_a_seed_that_only_one_was_tested_with_is_no_pair():
    assert summary(result_of([{}, *accuracies(0.9)]), result_of(accuracies(0.5, 0.8)))["gain"][
        "values"
    ] == pytest.approx([0.1])
    with pytest.raises(SearchError, match="both tested"):
        summary(result_of(accuracies(0.9)), {**result_of([]), "winner": None})


@pytest.mark.parametrize(
    ("folder", "fine"), [(None, False), ("runs/x", False), ("/no/such/place/x", False), ("", True)]
)
def test_a_deployments_folder_must_be_the_same_here_and_there(configure, tmp_path, folder, fine):
    run = {"dir": str(tmp_path / "x") if fine else folder}
    config = configure(control="random", federation={"name": "deployment"}, run=run)
    check_control(replace(config, control=None))
    if fine:
        check_control(config)
    else:
        with pytest.raises(ConfigError, match="must be the same here"):
            check_control(config)


def test_a_control_that_was_gone_on_with_tells_the_gain_at_its_end(configure, tmp_path, capsys):
    run, control = tmp_path / "run", tmp_path / "run" / "control"
    control.mkdir(parents=True)
    write_config(run, configure(control="random"))
    write_json(run / "result.json", result_of(accuracies(0.9, 0.8)))
    write_json(control / "result.json", result_of(accuracies(0.8, 0.75)))
    assert go_on_after(configure(), control) == 0
    assert "over 2 seeds" in " ".join(capsys.readouterr().out.split())
    assert json.loads((run / "control.json").read_text())["gain"]["number"] == 2
    document = run_document(run, 0)
    assert document["control"]["gain"]["number"] == 2
    assert (document["status"], document["folder"]) == ("finished", str(run))


def test_any_other_run_has_nothing_to_follow(configure, tmp_path, capsys):
    """Nor has one that is only called so, in the folder of a run without a control."""
    write_config(tmp_path, configure())
    write_json(tmp_path / "result.json", result_of(accuracies(0.9)))
    for name in ("run", "control"):
        assert go_on_after(configure(), tmp_path / name) == 0
    assert capsys.readouterr().out == ""


def test_a_run_whose_result_is_gone_has_no_control(configure, tmp_path):
    with pytest.raises(StorageError, match=r"needs the result\.json"):
        go_on_after(configure(control="random"), tmp_path)
