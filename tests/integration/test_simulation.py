"""A whole search on Flower's simulation engine, its journal checked event by event."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
import torch

from common.architecture.cost import cost_of
from common.architecture.spec import ArchitectureSpec
from common.models.export import load_model
from common.tasks import Classification, Task

pytestmark = pytest.mark.simulation

TASK = Task((1, 8, 8), Classification(10))
NODES = [f"partition-{index}" for index in range(4)]


def test_the_command_ends_with_a_table(honest):
    assert honest.process.returncode == 0, honest.output
    assert "test accuracy" in honest.output
    assert "Traceback" not in honest.output


def test_the_run_folder_is_complete(honest):
    names = {path.relative_to(honest.folder).as_posix() for path in honest.folder.rglob("*") if path.is_file()}
    assert names >= {
        "config.yaml",
        "journal.jsonl",
        "result.json",
        "history.json",
        "best/spec.json",
        "best/model.safetensors",
    }
    assert not any(name.endswith((".tmp", ".part")) for name in names)


def test_the_journal_tells_the_whole_story(honest):
    kinds = Counter(event["event"] for event in honest.events)
    # 4 trials and 4 finals, 2 rounds each, one score each
    assert kinds["node"] == 4
    assert (kinds["proposed"], kinds["round"], kinds["scored"], kinds["finished"]) == (8, 16, 8, 8)
    assert not kinds.keys() & {"refused", "absent", "failed", "node_refused", "journal_lost"}
    order = [event["event"] for event in honest.events]
    assert order[0] == "start"
    assert order.index("node") < order.index("search") < order.index("proposed") < order.index("final")
    assert order[-1] == "end"
    assert honest.events[-1]["status"] == "finished"
    times = [event["time"] for event in honest.events]
    assert times == sorted(times)


def test_each_trial_goes_through_its_rounds_in_order(honest):
    for trial in {event["trial"] for event in honest.kinds("proposed")}:
        own = [event for event in honest.events if event.get("trial") == trial and event["event"] != "best"]
        assert [event["event"] for event in own] == ["proposed", "round", "round", "scored", "finished"]
        assert [event["round"] for event in own if event["event"] == "round"] == [1, 2]
        assert all(event["nodes"] == NODES for event in own if event["event"] == "round")


def test_costs_and_bytes_are_those_of_the_specs(honest):
    for event in honest.kinds("proposed"):
        cost = cost_of(ArchitectureSpec.from_dict(event["spec"]).lower(TASK))
        assert (event["parameters"], event["macs"]) == (cost.parameters, cost.macs)
    for trial in honest.history:
        size = cost_of(ArchitectureSpec.from_dict(trial["spec"]).lower(TASK)).message_bytes
        # 4 nodes: two rounds and a score down, two updates up
        assert (trial["bytes_down"], trial["bytes_up"]) == (12 * size, 8 * size)


def test_the_result_counts_what_was_done(honest):
    result = honest.result
    assert result["status"] == "finished"
    assert result["counts"]["trials"] == 4
    assert result["counts"]["states"] == {"finished": 4}
    # 2 batches of 2 trials, and the finals: 2 rounds and a score each; and the handshake
    assert result["counts"]["exchanges"] == 9
    assert result["counts"]["messages"] == 4 + 9 * 4
    assert set(result["seconds"]) == {"start_up", "search", "final"}
    assert result["winner"]["score"] == max(trial["score"] for trial in honest.history)
    assert result["winner"]["id"] == honest.history[0]["spec_id"]
    for side in ("winner", "baseline", "linear", "constant"):
        test = result[side]["test"]
        assert {"accuracy", "balanced_accuracy", "macro_f1", "loss", "accuracy_std"} <= set(test)
        assert 0 <= test["accuracy"] <= 1
    assert result["versions"]["flwr"].startswith("1.")


def test_one_call_turns_the_best_into_a_module_again(honest):
    model = load_model(honest.folder / "best")
    parameters = sum(parameter.numel() for parameter in model.parameters())
    assert parameters == honest.result["winner"]["parameters"]
    logits = model(torch.zeros(3, 1, 8, 8))
    assert logits.shape == (3, 10)
    assert np.isfinite(logits.detach().numpy()).all()


def test_the_same_seed_gives_the_same_history(honest, search, tmp_path):
    again = search(tmp_path / "run")
    assert again.process.returncode == 0, again.output
    assert again.history == honest.history
    assert again.result["winner"]["test"] == honest.result["winner"]["test"]
    timeless = [
        [{**event, "time": 0, "folder": "", "started_at": 0} for event in run.events if event["event"] != "node"]
        for run in (honest, again)
    ]
    assert timeless[0] == timeless[1]
    saved = [(run.folder / "best" / "model.safetensors").read_bytes() for run in (honest, again)]
    assert saved[0] == saved[1]


@pytest.mark.thorough
def test_another_order_of_replies_reaches_the_end_too(search, tmp_path):
    run = search(
        tmp_path / "run",
        "federation.order=arrival",
        "controller=hill_climb",
        "fidelity=successive_halving",
        "fidelity.bracket_size=4",
        "fidelity.eta=2",
        "fidelity.max_rounds=4",
        "fidelity.min_steps=0",
        "fidelity.doubt=0",
        "placement=split",
        "aggregation=fedadam",
    )
    assert run.process.returncode == 0, run.output
    states = Counter(trial["state"] for trial in run.history)
    assert states == {"stopped": 3, "finished": 1}


def test_people_are_held_out_until_the_final_in_which_each_model_has_its_seeds(search, tmp_path):
    """Of ten people with 20 examples each, two score on all but their test fifth; each of two trials has two rounds."""
    rng = np.random.default_rng(0)
    people, y = np.repeat(np.arange(10), 20), np.arange(200) % 2
    x = (rng.normal(size=(200, 4)) + 2 * y[:, None]).astype(np.float32)
    np.savez(tmp_path / "people.npz", x=x, y=y, client=people)
    data = ("dataset=local", f"dataset.path={tmp_path / 'people.npz'}", "dataset.partition=natural")
    seeds = ("final.finalists=2", "final.seeds=2", "final.checkpoints=2")
    run = search(tmp_path / "run", *data, *seeds, "federation.nodes=10", "space.operations=[linear]", "search.trials=2")
    assert run.process.returncode == 0, run.output
    assert "2 trials on 10 nodes, 2 of which are held out to score" in (run.folder / "flower.log").read_text()
    (event,) = run.kinds("search")
    everyone = {f"partition-{index}" for index in range(10)}
    trained = {"trial": set(), "finalist": set(), "final": set()}
    for told in run.kinds("round"):
        trained[told["trial"].partition("-")[0]].update(told["nodes"])
    others = everyone - set(event["panel"])
    assert trained == {"trial": others, "finalist": others, "final": everyone}
    assert len(event["panel"]) == event["held_out"] == 2
    scored = {event["trial"]: event["metrics"] for event in run.kinds("scored")}
    assert [(scored[f"trial-000{n}"]["nodes"], scored[f"trial-000{n}"]["examples"]) for n in (0, 1)] == [(2, 32)] * 2
    assert (scored["finalist-0003"]["nodes"], scored["finalist-0003"]["examples"]) == (2, 32)
    assert (scored["final-0000"]["nodes"], scored["final-0000"]["examples"]) == (10, 40)
    (chosen,) = [finalist for finalist in run.result["finalists"] if finalist["chosen"]]
    assert run.result["winner"]["id"] == chosen["id"]
    assert [len(run.result[role]["tests"]) for role in ("winner", "baseline", "linear", "constant")] == [2, 2, 2, 1]
    assert "mean (standard deviation over 2 seeds)" in run.output


@pytest.mark.thorough
def test_with_folds_each_trial_trains_without_those_that_score_it(search, tmp_path):
    """Four nodes in two folds: of each of two trials two members train two rounds, on two nodes each."""
    run = search(tmp_path / "run", "scoring.folds=2", "search.trials=2")
    assert run.process.returncode == 0, run.output
    assert "2 trials on 4 nodes in 2 folds, each of which scores what" in (run.folder / "flower.log").read_text()
    trained = {}
    for told in run.kinds("round"):
        trained.setdefault(told["trial"], set()).add(tuple(told["nodes"]))
    folds = [trained.pop(f"trial-000{number}.{member}") for number in (0, 1) for member in (0, 1)]
    assert folds == folds[:2] * 2
    (one,), (other,) = folds[:2]
    assert sorted(one + other) == NODES
    assert all(nodes == {tuple(NODES)} for nodes in trained.values())
    for trial in run.history:
        assert (trial["state"], trial["rounds"], sorted(trial["by_node"])) == ("finished", 2, NODES)


@pytest.mark.thorough
def test_paths_are_typed_as_they_are(search, tmp_path):
    folder = tmp_path / "äö (1), x=[2]'s"
    folder.mkdir()
    table = folder / "my data, v=[2].csv"
    table.write_text("a,b,label\n" + "".join(f"{row % 7},{row % 2},{row % 2}\n" for row in range(80)))
    data = ("dataset=local", f"dataset.path={table}", "space.operations=[linear]", "search.trials=2")
    run = search(folder / "my run", *data, "federation.nodes=2")
    assert run.process.returncode == 0, run.output
    assert run.result["task"]["input_shape"] == [2]
