"""A run as a journal of Optuna, read back with Optuna's own storage, from a folder that was put together by hand."""

import json
from datetime import UTC, datetime

import optuna
import pytest

from common.architecture.cost import cost_of
from common.config import compose_config
from common.seeding import generator
from common.tasks import Classification, Regression, Task
from server_app.build import build_space
from server_app.cli import main
from server_app.results import write_config
from server_app.scores import Score
from server_app.trials import Recipe, Trial, TrialState

OVERRIDES = [
    "space=layered",
    "space.max_layers=3",
    "space.operations=[linear]",
    "space.skip=0.5",
    "training.learning_rate=[0.001,0.003]",
    "training.epochs=2",
]
BEGAN = 1_700_000_000.0


def task(head):
    return Task((6,), head)


def write_run(folder, head, name, *overrides, trials=6, further=None):
    """Write the folder of a run of which trial 1 was stopped, trial 2 failed and the last one is under way."""
    config = compose_config([*OVERRIDES, *overrides])
    space = build_space(config, task(head))
    specs, found = space.samples(trials, generator(1)), []
    for number, spec in enumerate(specs):
        trial = Trial(number, spec, Recipe(learning_rate=0.003, epochs=2), "sample" if number < 3 else "mutation")
        trial.parent = None if number < 3 else 0
        values = {name: 0.5 + number / 10, **(further(spec) if further else {})}
        sign = -1 if name == "mse" else 1
        trial.scores = [
            Score(rung, 3 * rung, sign * values[name] * rung / 2, values, {name: values[name]})
            for rung in range(1, 2 if number == 1 else 3)
        ]
        trial.state, trial.rounds = TrialState.FINISHED, trial.scores[-1].rounds
        found.append(trial)
    found[1].state = TrialState.STOPPED
    found[2].state, found[2].scores, found[2].failure = TrialState.FAILED, [], "it diverged"
    found[-1].state, found[-1].scores = TrialState.RUNNING, []
    folder.mkdir(exist_ok=True)
    write_config(folder, config)
    (folder / "result.json").write_text(json.dumps({"task": task(head).to_record()}))
    best_first = sorted(found, key=lambda trial: -trial.number)
    (folder / "history.json").write_text(json.dumps([trial.to_json() for trial in best_first]))
    events = [
        {"event": "start", "time": 0.0, "started_at": BEGAN},
        *({"event": "proposed", "time": 1.0 + number, "trial": f"trial-{number:04d}"} for number in range(trials)),
        {"event": "finished", "time": 20.0, "trial": "trial-0000"},
        {"event": "stopped", "time": 21.5, "trial": "trial-0001"},
        {"event": "failed", "time": 22.0, "trial": "trial-0002"},
        {"event": "proposed", "time": 30.0, "trial": "finalist-0000"},
    ]
    (folder / "journal.jsonl").write_text("".join(f"{json.dumps(event)}\n" for event in events))
    return found


def exported(folder, file):
    assert main(["export", str(folder), "--optuna", str(file)]) == 0
    storage = optuna.storages.JournalStorage(optuna.storages.journal.JournalFileBackend(str(file)))
    return optuna.load_study(study_name=folder.name, storage=storage)


def test_states_values_rungs_and_attributes_are_those_of_the_trials(tmp_path, capsys):
    trials = write_run(tmp_path / "run", Classification(3), "accuracy")
    study = exported(tmp_path / "run", tmp_path / "new" / "journal.log")
    assert "6 trials written to" in capsys.readouterr().out
    assert [one.name for one in study.directions] == ["MAXIMIZE"]
    assert study.metric_names == ["accuracy"]
    made = study.trials
    assert [trial.state.name for trial in made] == ["COMPLETE", "PRUNED", "FAIL", "COMPLETE", "COMPLETE", "RUNNING"]
    assert [trial.values for trial in made] == [[0.5], None, None, [0.8], [0.9], None]
    assert study.best_trial.number == 4
    assert made[0].intermediate_values == {3: 0.25, 6: 0.5}
    assert made[1].intermediate_values == {3: 0.3}
    attributes = made[3].user_attrs
    cost = cost_of(trials[3].spec.lower(task(Classification(3))))
    assert (attributes["trial"], attributes["spec"]) == (3, trials[3].spec.id)
    assert (attributes["origin"], attributes["parent"]) == ("mutation", 0)
    assert (attributes["parameters"], attributes["macs"]) == (cost.parameters, cost.macs)
    assert attributes["architecture"] == trials[3].spec.describe()
    assert Recipe.from_json(attributes["recipe"]) == trials[3].recipe
    assert made[2].user_attrs["failure"] == "it diverged"


def test_times_are_those_of_the_journal(tmp_path):
    write_run(tmp_path / "run", Classification(3), "accuracy")
    made = exported(tmp_path / "run", tmp_path / "journal.log").trials
    began = [datetime.fromtimestamp(BEGAN + 1 + number, UTC).astimezone().replace(tzinfo=None) for number in range(6)]
    assert [trial.datetime_start for trial in made] == began
    assert made[1].duration.total_seconds() == 21.5 - 2.0
    assert made[5].datetime_complete is None


def test_without_a_journal_there_are_no_times(tmp_path):
    write_run(tmp_path / "run", Classification(3), "accuracy")
    (tmp_path / "run" / "journal.jsonl").unlink()
    made = exported(tmp_path / "run", tmp_path / "journal.log").trials
    assert {trial.datetime_start for trial in made} == {None}


def test_parameters_are_the_answers_as_people_know_them(tmp_path):
    """Where a skip connection may start depends on the layer alone, so no question has two sets of answers here."""
    trials = write_run(tmp_path / "run", Classification(3), "accuracy")
    made = exported(tmp_path / "run", tmp_path / "journal.log").trials
    for trial, frozen in zip(trials, made, strict=True):
        assert frozen.params["layers"] == len(trial.spec.layers)
        for index, layer in enumerate(trial.spec.layers):
            assert frozen.params[f"layers.{index}.width"] == layer.width
            assert frozen.params[f"layers.{index}.skip"] == layer.skip
        assert f"layers.{len(trial.spec.layers)}.width" not in frozen.params
        assert frozen.params["training.learning_rate"] == 0.003
        assert "training.epochs" not in frozen.params, "there is no choice"
        assert "layers.0.op" not in frozen.params


def test_a_recipe_that_is_not_offered_is_told_as_it_was(tmp_path):
    write_run(tmp_path / "run", Classification(3), "accuracy")
    rows = json.loads((tmp_path / "run" / "history.json").read_text())
    rows[0]["recipe"]["learning_rate"] = 0.5
    (tmp_path / "run" / "history.json").write_text(json.dumps(rows))
    frozen = exported(tmp_path / "run", tmp_path / "journal.log").trials[rows[0]["number"]]
    assert "training.learning_rate" not in frozen.params
    assert frozen.user_attrs["recipe"]["learning_rate"] == 0.5


def test_an_error_is_to_be_lowered_at_each_rung_too(tmp_path):
    write_run(tmp_path / "run", Regression(), "mse")
    study = exported(tmp_path / "run", tmp_path / "journal.log")
    assert [one.name for one in study.directions] == ["MINIMIZE"]
    assert study.best_trial.number == 0
    assert study.trials[1].intermediate_values == {3: 0.3}


def test_several_objectives_have_their_own_directions_and_no_rungs(tmp_path):
    def further(spec):
        return {"macs": float(cost_of(spec.lower(task(Classification(3)))).macs)}

    trials = write_run(tmp_path / "run", Classification(3), "accuracy", "objective=pareto", further=further)
    study = exported(tmp_path / "run", tmp_path / "journal.log")
    assert [one.name for one in study.directions] == ["MAXIMIZE", "MINIMIZE"]
    assert study.metric_names == ["accuracy", "macs"]
    assert study.trials[3].values == [0.8, further(trials[3].spec)["macs"]]
    assert study.trials[1].state.name == "PRUNED"
    assert all(trial.intermediate_values == {} for trial in study.trials)
    assert study.best_trials


def test_who_breaks_a_constraint_is_known(tmp_path):
    write_run(tmp_path / "run", Classification(3), "accuracy")
    rows = json.loads((tmp_path / "run" / "history.json").read_text())
    next(row for row in rows if row["number"] == 4)["feasible"] = False
    (tmp_path / "run" / "history.json").write_text(json.dumps(rows))
    study = exported(tmp_path / "run", tmp_path / "journal.log")
    assert study.trials[4].constraints == {"broken": 1.0}
    assert study.trials[3].constraints == {"broken": 0.0}
    assert study.best_trial.number == 3


def test_what_is_there_is_not_written_over(tmp_path, capsys):
    write_run(tmp_path / "run", Classification(3), "accuracy")
    (tmp_path / "journal.log").write_text("mine")
    assert main(["export", str(tmp_path / "run"), "--optuna", str(tmp_path / "journal.log")]) == 1
    assert "A journal is written to a new file" in capsys.readouterr().err
    assert (tmp_path / "journal.log").read_text() == "mine"


@pytest.mark.parametrize("name", ["history.json", "result.json"])
def test_a_run_that_has_not_finished_is_told_of(tmp_path, capsys, name):
    write_run(tmp_path / "run", Classification(3), "accuracy")
    (tmp_path / "run" / name).unlink()
    assert main(["export", str(tmp_path / "run"), "--optuna", str(tmp_path / "journal.log")]) == 1
    assert f"A run that has finished has its {name}" in capsys.readouterr().err
    assert not (tmp_path / "journal.log").exists()


def test_half_a_file_is_told_of(tmp_path, capsys):
    write_run(tmp_path / "run", Classification(3), "accuracy")
    (tmp_path / "run" / "history.json").write_text(json.dumps([{"number": 0}]))
    assert main(["export", str(tmp_path / "run"), "--optuna", str(tmp_path / "journal.log")]) == 1
    assert "The files of a run must be whole" in capsys.readouterr().err
