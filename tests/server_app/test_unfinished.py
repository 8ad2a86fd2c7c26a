"""Runs that did not finish, as they leave their folder: whether going on with them is of use, and what is said."""

from __future__ import annotations

import fcntl
import json
import math
import os
import shutil
from dataclasses import replace

import pytest

from client_app.app import app
from common.config import compose_config
from common.errors import ConfigError, FlwrNasError, StorageError
from server_app import run as running
from server_app.lock import RunLock
from server_app.run import run
from server_app.run_folder import ask_to_stop
from server_app.state import config_of
from server_app.unfinished import can_go_on, check_free, read_unfinished


@pytest.fixture(autouse=True)
def saved_each_time(monkeypatch):
    monkeypatch.setattr(running, "_SHARE", math.inf)


def fails_at(prefix):
    """Return a node's answer that raises where it trains a trial whose name begins so."""

    def answer(message, context):
        if "order" in message.content and any(name.startswith(prefix) for name in message.content["order"]["trial"]):
            raise RuntimeError("the battery is empty")
        return app(message, context)

    return answer


def stops_at(folder):
    """Return a node's answer that asks the run to stop once the final training begins."""

    def answer(message, context):
        if "order" in message.content and any(name.startswith("final") for name in message.content["order"]["trial"]):
            ask_to_stop(folder)
        return app(message, context)

    return answer


@pytest.fixture
def go(make_grid, configure, tmp_path):
    """Run with nodes that answer so, a number of them, and return the folder that is left."""

    def go(answer=app, people="abc", **changes):
        folder = tmp_path / "run"
        grid = make_grid()
        for name in people:
            grid.person(name, answer)
        config = configure(run={"dir": str(folder), "name": "tiny"}, **changes)
        try:
            run(grid, {"config": config.to_json()})
        except FlwrNasError:
            assert json.loads((folder / "journal.jsonl").read_text().splitlines()[-1])["status"] == "failed"
        return folder

    return go


@pytest.fixture
def stopped(go, tmp_path):
    """The folder of a run that was stopped in its final training."""
    folder = go(stops_at(tmp_path / "run"))
    assert (folder / "state.json").is_file()
    return folder


# ---------------------------------------------------------------- whether it is of use


def test_a_run_that_was_stopped_can_go_on(stopped):
    assert can_go_on(stopped)
    config, saved = read_unfinished(stopped)
    assert (config.run.name, saved.config.run.name) == ("tiny", "tiny")


def test_a_run_that_lacked_nodes_can_go_on(go):
    folder = go(people="", federation={"patience": 0.01})
    assert not (folder / "state.json").exists()
    assert can_go_on(folder)


def test_a_run_that_lacked_one_node_can_go_on(go):
    assert can_go_on(go(people="a", federation={"patience": 0.01, "min_nodes": 2, "nodes": 2}))


def test_a_run_whose_options_do_not_fit_its_nodes_would_fail_again(go):
    convolution = {"version": 1, "kind": "layered", "layers": [{"op": "conv2d", "width": 3, "kernel": 9}]}
    folder = go(final={"baseline": convolution})
    assert "baseline" in (folder / "journal.jsonl").read_text().splitlines()[-1]
    assert not can_go_on(folder)


def test_a_run_whose_budget_pays_for_nothing_would_fail_again(go, base_config):
    """The budget cannot be changed when a run is gone on with."""
    budget = replace(base_config.search.budget, mac_examples=1.0)
    folder = go(search={"budget": budget})
    assert "must pay for one trial" in (folder / "journal.jsonl").read_text().splitlines()[-1]
    assert not can_go_on(folder)


def test_a_search_that_lacked_nodes_for_its_choices_can_go_on_with_more(go):
    folder = go(aggregation={"name": "krum"}, federation={"patience": 0.01})
    assert "The aggregation needs 5 nodes" in (folder / "journal.jsonl").read_text().splitlines()[-1]
    assert can_go_on(folder)


@pytest.mark.parametrize("prefix", ["trial", "finalist-", "final-"])
def test_what_has_failed_stays_so(go, prefix):
    folder = go(fails_at(prefix), scoring={"held_out": 0.34}, final={"finalists": 2, "seeds": 2})
    assert not can_go_on(folder)
    with pytest.raises(StorageError, match=r"a run that failed, and would again; .*\. Set another run\.dir\.$"):
        check_free(folder, config_of(folder))


def test_what_was_not_saved_may_go_otherwise(go):
    """All trials failed, but the run goes on from before that: the nodes may be back."""
    folder = go(fails_at("trial"))
    (folder / "state.json").unlink()
    assert can_go_on(folder)


def test_a_journal_that_is_a_device_is_not_read_to_its_end(stopped):
    (stopped / "journal.jsonl").unlink()
    (stopped / "journal.jsonl").symlink_to("/dev/full")
    (stopped / "state.json").unlink()
    assert can_go_on(stopped)  # nothing says that it would fail again


def test_where_there_is_no_run_nothing_goes_on(tmp_path, go):
    assert not can_go_on(tmp_path / "nowhere")
    assert not can_go_on(go())  # it finished


# ---------------------------------------------------------------- whether all is there


def cut(path):
    path.write_bytes(path.read_bytes()[:100])


@pytest.mark.parametrize(
    ("name", "damage", "words"),
    [
        ("journal.jsonl", os.unlink, r"up to line \d+ \(it is gone\), got '.*journal\.jsonl'"),
        ("journal.jsonl", cut, r"up to line \d+ \(only 0 are left\), got '.*journal\.jsonl'"),
        ("weights", shutil.rmtree, r"saved array must be as it was written .*weights/\w+\.npy'"),
        ("state.json", cut, r"state that it wrote .*state\.json"),
        ("config.yaml", cut, r"in .*config\.yaml"),
        ("config.yaml", os.unlink, r"with its config\.yaml, which is gone"),
    ],
)
def test_damage_is_found_before_anything_is_started(stopped, name, damage, words):
    config = config_of(stopped)
    damage(stopped / name)
    with pytest.raises(FlwrNasError, match=words) as error:
        read_unfinished(stopped)
    assert "\n" not in str(error.value)
    assert not can_go_on(stopped)
    if (stopped / "config.yaml").exists() and (stopped / "journal.jsonl").exists():
        with pytest.raises(StorageError, match=r"a run that cannot be gone on with \(.*\. Set another run\.dir\.$"):
            check_free(stopped, config)


def test_a_weight_of_other_content_is_found(stopped):
    weight = next((stopped / "weights").iterdir())
    weight.write_bytes(weight.read_bytes() + b"\n")
    with pytest.raises(StorageError, match="its content has changed"):
        read_unfinished(stopped)


# ---------------------------------------------------------------- a folder for another run


def test_the_same_configuration_is_told_how_to_go_on(stopped):
    with pytest.raises(StorageError, match=rf"has not finished.*Go on with it by `flwr-nas search --resume {stopped}`"):
        check_free(stopped, config_of(stopped))


def test_another_configuration_is_told_which_option_differs(stopped, configure):
    config = configure(search={"trials": 5}, seed=1, run={"dir": "elsewhere", "name": "other"})
    with pytest.raises(StorageError) as error:
        check_free(stopped, config)
    text = str(error.value)
    assert "unfinished run of another configuration (search.trials is 3 there, 5 here; 1 more option)" in text
    assert text.endswith(f"go on with that run as it is by `flwr-nas search --resume {stopped}`.")


def test_while_a_command_has_the_folder_nobody_is_sent_to_resume(stopped):
    handle = os.open(stopped, os.O_RDONLY)
    fcntl.flock(handle, fcntl.LOCK_EX)
    try:
        with pytest.raises(
            StorageError, match=r"under way in this folder.*Wait until it ends, or set another run\.dir"
        ):
            check_free(stopped, config_of(stopped))
    finally:
        os.close(handle)


def test_while_a_serverapp_writes_there_nobody_is_sent_to_resume(stopped):
    with RunLock(stopped):
        with pytest.raises(StorageError, match="under way in this folder"):
            check_free(stopped, config_of(stopped))
        (stopped / "processes.json").touch()  # a simulation whose command is gone, which --resume ends
        with pytest.raises(StorageError, match="flwr-nas search --resume"):
            check_free(stopped, config_of(stopped))


def test_a_folder_in_which_no_run_had_begun_is_free(tmp_path):
    for name in ("flower.log", "processes.json", "lock"):
        (tmp_path / name).touch()
    check_free(tmp_path, compose_config())
    check_free(tmp_path / "nowhere", compose_config())


def test_an_option_that_was_changed_in_the_file_is_named(stopped):
    path = stopped / "config.yaml"
    path.write_text(path.read_text().replace("seed: 0", "seed: 4", 1))
    with pytest.raises(
        ConfigError, match=r"seed=0, got 'seed=4' \(in .*config\.yaml\)\. Write there again what it was"
    ):
        read_unfinished(stopped)
