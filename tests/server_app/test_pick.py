"""The best of a finished run within limits, from a folder that was put together by hand."""

from __future__ import annotations

import json

import numpy as np
import pytest

from common.architecture.cost import cost_of
from common.architecture.layout import layout, state_size
from common.architecture.spec import ArchitectureSpec
from common.config import compose_config
from common.errors import StorageError
from common.limits import Limits
from common.models.export import load_model
from common.tasks import Classification, Task
from server_app.build import build_space
from server_app.cli import main
from server_app.pick import LEAST, best_predicted, best_scored, read_run
from server_app.results import write_config
from server_app.supernet.file import write_supernet
from server_app.supernet.shared import Part, Shared

TASK = Task((6,), Classification(3))
OVERRIDES = ["space=layered", "space.max_layers=3", "space.operations=[linear]", "search.trials=30"]


def parameters(spec):
    return cost_of(spec.lower(TASK)).parameters


def worth(spec):
    """More is better, up to the largest: what a forest can find out."""
    return float(np.log(parameters(spec)))


def write_run(folder, count=30, rung=1, weights="scratch", failed=0):
    """Write the folder of a run whose trials are worth what `worth` says, and return their specs, best first."""
    config = compose_config([*OVERRIDES, f"weights={weights}"])
    specs = build_space(config, TASK).samples(count, np.random.default_rng(0))
    specs.sort(key=worth, reverse=True)
    rows = [
        {
            "number": number,
            "rung": rung if number % 3 else rung + 1,
            "spec": spec.to_dict(),
            "score": None if number < failed else worth(spec),
            "feasible": True,
            "state": "failed" if number < failed else "finished",
        }
        for number, spec in enumerate(specs)
    ]
    folder.mkdir(exist_ok=True)
    write_config(folder, config)
    (folder / "result.json").write_text(json.dumps({"task": TASK.to_record()}))
    (folder / "history.json").write_text(json.dumps(rows))
    return specs


def test_the_best_scored_is_the_first_of_the_history_that_keeps_the_limits(tmp_path):
    specs = write_run(tmp_path, failed=1)
    run = read_run(tmp_path)
    assert best_scored(run, Limits()).spec == specs[1], "the first one failed"
    for place in (5, 20):
        found = best_scored(run, Limits(max_parameters=parameters(specs[place])))
        assert parameters(found.spec) == parameters(specs[place])
    assert best_scored(run, Limits(max_parameters=1)) is None
    macs = cost_of(specs[9].lower(TASK)).macs
    assert cost_of(best_scored(run, Limits(max_macs=macs)).spec.lower(TASK)).macs <= macs


def test_what_is_predicted_keeps_the_limits_is_new_and_is_about_as_good_as_there_is(tmp_path):
    specs = write_run(tmp_path, count=60)
    run = read_run(tmp_path)
    limits = Limits(max_parameters=int(np.median([parameters(spec) for spec in specs])))
    found = best_predicted(run, limits)
    assert parameters(found.spec) <= limits.max_parameters
    assert found.spec not in specs
    assert found.rho > 0.8, "the forest knows the costs"
    assert abs(found.score - worth(found.spec)) < 4 * found.error
    assert found == best_predicted(run, limits), "the same whenever it is asked"
    within = [spec for spec in specs if parameters(spec) <= limits.max_parameters]
    assert worth(found.spec) > np.median([worth(spec) for spec in within])


def test_the_highest_rung_with_enough_trials_is_learnt_from(tmp_path):
    write_run(tmp_path, count=3 * LEAST)
    assert (best_predicted(read_run(tmp_path), Limits()).rung, best_predicted(read_run(tmp_path), Limits()).trials) == (
        2,
        LEAST,
    )
    write_run(tmp_path, count=3 * LEAST - 3)
    assert best_predicted(read_run(tmp_path), Limits()).rung == 1


def test_few_scores_tell_nothing(tmp_path):
    write_run(tmp_path, count=LEAST)
    assert best_predicted(read_run(tmp_path), Limits()) is None


def test_the_command_tells_both_and_writes_the_spec(tmp_path, capsys):
    specs = write_run(tmp_path)
    most = parameters(specs[4])
    assert main(["pick", str(tmp_path), "--max-params", str(most), "--spec", str(tmp_path / "spec.json")]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "best scored, trial-0004" in said
    assert specs[4].describe() in said
    assert "best predicted, untried" in said
    assert "by a random forest fitted on" in said
    written = ArchitectureSpec.from_json((tmp_path / "spec.json").read_text().strip())
    assert parameters(written) <= most


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--max-params", "1"], "Nothing that is known of this run keeps the limits"),
        (["--model", "model"], "Weights are cut out of the supernet of a run"),
    ],
)
def test_what_cannot_be_had_is_said(tmp_path, capsys, arguments, message):
    write_run(tmp_path)
    assert main(["pick", str(tmp_path), *arguments]) == 1
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("value", ["0", "-1", "many", "nan"])
def test_a_limit_is_a_number_above_0(tmp_path, capsys, value):
    with pytest.raises(SystemExit):
        main(["pick", str(tmp_path), "--max-macs", value])
    assert "is no number above 0" in capsys.readouterr().err


def test_a_folder_of_no_run_is_refused(tmp_path):
    with pytest.raises(StorageError, match=r"A run that has finished has its result\.json"):
        read_run(tmp_path)
    write_run(tmp_path)
    (tmp_path / "history.json").write_text("[{}]")
    with pytest.raises(StorageError, match="The files of a run must be whole"):
        read_run(tmp_path)


def test_a_model_is_cut_out_of_the_supernet(tmp_path, capsys):
    """Its weights are those of the shared tensors; what was in no trial is told."""
    specs = write_run(tmp_path, weights="supernet")
    shared = Shared(0)
    graphs = [spec.lower(TASK) for spec in specs]
    parts = [Part(graph, np.full(state_size(layout(graph)), np.float32(3)), 1) for graph in graphs]
    shared.merge(parts)
    write_supernet(tmp_path, shared.tensors)
    assert main(["pick", str(tmp_path), "--scored", "--model", str(tmp_path / "cut")]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "Scores are of weights that all trials share" in said
    assert "which the network was not trained with alone." in said
    model = load_model(tmp_path / "cut")
    assert all((parameter == 3).all() for parameter in model.parameters())
