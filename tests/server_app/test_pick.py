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


def macs(spec):
    return cost_of(spec.lower(TASK)).macs


def worth(spec):
    """More is better, up to the largest: what a forest can find out."""
    return float(np.log(parameters(spec)))


def write_run(folder, count=30, rung=1, weights="scratch", failed=0, worth=worth, options=(), limits=None):
    """Write the folder of a run whose trials are worth what `worth` says, and return their specs, best first."""
    config = compose_config([*OVERRIDES, f"weights={weights}", *options])
    specs = build_space(config, TASK).samples(count, np.random.default_rng(0))
    specs.sort(key=worth, reverse=True)
    rows = [
        {
            "number": number,
            "rung": rung if number % 3 else rung + 1,
            "spec": spec.to_dict(),
            "score": None if number < failed else worth(spec),
            "values": {"accuracy": worth(spec), "macs": float(macs(spec))},
            "feasible": True,
            "state": "failed" if number < failed else "finished",
        }
        for number, spec in enumerate(specs)
    ]
    folder.mkdir(exist_ok=True)
    write_config(folder, config)
    (folder / "result.json").write_text(json.dumps({"task": TASK.to_record(), "limits": limits or {}}))
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
    most = macs(specs[9])
    assert macs(best_scored(run, Limits(max_macs=most)).spec) <= most


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


def test_what_is_predicted_could_have_been_proposed(tmp_path):
    """Without constraints it is about the largest there is, so what the search forbade shows."""
    most = sorted(macs(spec) for spec in write_run(tmp_path))[15]
    assert macs(best_predicted(read_run(tmp_path), Limits()).spec) > most
    write_run(tmp_path, options=[f"objective.constraints={{macs: {{max: {most}}}}}"])
    assert macs(best_predicted(read_run(tmp_path), Limits()).spec) <= most
    write_run(tmp_path, limits={"max_macs": most})
    assert macs(best_predicted(read_run(tmp_path), Limits()).spec) <= most
    write_run(tmp_path, limits={"max_macs": most}, options=["placement=capability"])
    assert macs(best_predicted(read_run(tmp_path), Limits()).spec) > most, "some of the nodes could have held it"


def test_of_several_objectives_it_is_the_knee_of_what_keeps_the_limits(tmp_path, capsys):
    """0.8 costs twice as much as 0.5, and 0.9 costs 16 times as much as 0.8, for a third of that gain."""
    specs = write_run(tmp_path, options=["objective=pareto"])
    rows = json.loads((tmp_path / "history.json").read_text())[:4]
    by_macs = sorted(rows, key=lambda row: macs(ArchitectureSpec.from_dict(row["spec"])))
    for row, (accuracy, cost) in zip(by_macs, [(0.5, 2**10), (0.8, 2**11), (0.9, 2**15), (0.91, 2**20)], strict=True):
        row |= {"rung": 1, "score": accuracy, "values": {"accuracy": accuracy, "macs": float(cost)}}
    order = [by_macs[place] for place in (3, 0, 2, 1)]  # the ends of a front come before what lies between
    (tmp_path / "history.json").write_text(json.dumps(order))
    run = read_run(tmp_path)
    assert len(run.scored) == 4 < len(specs)
    within = macs(ArchitectureSpec.from_dict(by_macs[2]["spec"]))
    assert best_scored(run, Limits(max_macs=within)).number == by_macs[1]["number"]
    assert main(["pick", str(tmp_path), "--max-macs", str(within)]) == 0
    assert "is the knee of the front within the limits" in " ".join(capsys.readouterr().out.split())


def test_a_prediction_of_a_lower_rung_does_not_take_the_place_of_a_score(tmp_path, capsys):
    """The best trial came to rung 2, where all is worth 10 less; the forest has learnt rung 1."""
    specs = write_run(tmp_path, count=27)
    rows = json.loads((tmp_path / "history.json").read_text())
    for row in rows:
        row["score"] -= 10 * (row["rung"] - 1)
    rows.sort(key=lambda row: (row["rung"], row["score"]), reverse=True)
    (tmp_path / "history.json").write_text(json.dumps(rows))
    run = read_run(tmp_path)
    predicted = best_predicted(run, Limits())
    assert predicted.rung == 1
    assert predicted.score - predicted.error > best_scored(run, Limits()).score
    assert main(["pick", str(tmp_path), "--spec", str(tmp_path / "spec.json")]) == 0
    assert ArchitectureSpec.from_json((tmp_path / "spec.json").read_text().strip()) == specs[0]
    assert "Scores of different rungs do not compare" in " ".join(capsys.readouterr().out.split())


def test_programs_are_told_the_metric_and_its_own_value(tmp_path, capsys):
    """A search ranks by the loss with its sign turned, so that more is better."""
    specs = write_run(tmp_path, options=["objective=loss"], worth=lambda spec: -parameters(spec) / 1e5)
    assert main(["pick", str(tmp_path), "--scored", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["metric"], told["scored"]["score"]) == ("loss", parameters(specs[0]) / 1e5)


def test_equal_scores_rank_nothing(tmp_path, capsys):
    write_run(tmp_path, worth=lambda spec: 0.75)  # noqa: ARG005
    assert best_predicted(read_run(tmp_path), Limits()).rho is None
    assert main(["pick", str(tmp_path), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["predicted"]["rho"] is None


def test_what_is_lowered_is_told_in_its_own_unit(tmp_path, capsys):
    write_run(tmp_path, worth=lambda spec: -worth(spec), options=["objective=loss"])
    assert main(["pick", str(tmp_path), "--scored"]) == 0
    said = capsys.readouterr().out
    assert "loss" in said
    assert f" {min(-one.score for one in read_run(tmp_path).scored):.4f} " in said


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
        (
            ["--max-params", "1", "--max-macs", "2e6"],
            "Nothing that is known of this run keeps the limits of 2,000,000 MACs and 1 parameters. "
            "Loosen them: its trials begin at ",
        ),
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
