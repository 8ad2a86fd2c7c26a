"""A run that scores specs without training, in a federation inside this process."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from flwr.app import Context, Message

from client_app.app import app
from common.config import compose_config
from common.errors import ConfigError, FederationError, StorageError
from common.models.proxies import PROXIES
from common.wire.arrays import num_bytes
from common.wire.results import decode_results, encode_results
from server_app.journal import Journal
from server_app.proxy_ranking import MEAN_RANK
from server_app.proxy_run import proxy_plan, record, run_proxies
from server_app.run_folder import check_resumable
from server_app.stages.proxies import Proxies


@pytest.fixture
def config(configure):
    return configure()


def orders(grid, node_id=None):
    sent = [message for message in grid.sent if "order" in message.content]
    return [message for message in sent if node_id in (None, message.metadata.dst_node_id)]


def play(grid, config, count=3, events=None):
    plan = proxy_plan(config, count, Journal(None, *([] if events is None else [events.append])))
    plan.start(grid=grid)
    return plan


def test_one_message_a_node_scores_all_specs(grid, config):
    people, events = grid.people("abc"), []
    plan = play(grid, config, events=events)
    assert [len(orders(grid, node_id)) for node_id in people.values()] == [1, 1, 1]
    assert {num_bytes(message.content) for message in orders(grid)} == {0}
    assert plan.counts.exchanges == 1
    found = record(config, plan, "finished")
    assert len(found["specs"]) == 3
    for spec in found["specs"]:
        assert tuple(spec["scores"]) == PROXIES
        assert spec["nodes"] == dict.fromkeys(("synflow", "grad_norm", "naswot"), 3)
    ranks = [spec["ranks"][MEAN_RANK] for spec in found["specs"]]
    assert ranks == sorted(ranks)
    (told,) = [event for event in events if event["event"] == "proxies"]
    assert (told["specs"], told["nodes"], told["left_out"]) == (3, ["a", "b", "c"], [])


def test_the_floor_of_the_run_reaches_the_nodes(grid, configure):
    grid.people("abc")
    play(grid, configure(preprocessing={"min_examples": 7}))
    assert {message.content["order"]["min_examples"] for message in orders(grid)} == {7}


def test_a_run_with_a_floor_above_what_nodes_have_says_so(grid, configure):
    grid.people("abc")
    few = {"preprocessing": {"min_examples": 29}, "training": {"batch_size": 32}}
    config = configure(**few, federation={"patience": 0.1})
    with pytest.raises(ConfigError, match="29 training examples at least"):
        play(grid, config)
    assert orders(grid) == []


def test_scores_do_not_depend_on_whether_a_round_is_a_barrier(make_grid, configure):
    found = []
    for order in ("rounds", "arrival"):
        grid = make_grid()
        grid.people("abc")
        config = configure(federation={"order": order})
        found.append(scores(record(config, play(grid, config), "finished")))
    assert found[0] == found[1]


def scores(found):
    return {spec["id"]: spec["scores"] for spec in found["specs"]}


def test_the_same_seed_gives_the_same_scores_whoever_answers_first(make_grid, config, configure):
    def found(names, config, backwards=False):
        grid = make_grid()
        grid.backwards = backwards
        grid.people(names)
        return scores(record(config, play(grid, config), "finished"))

    once = found("abc", config)
    assert found("cab", config, backwards=True) == once
    assert found("abc", configure(seed=1)) != once


def changed(change):
    """Return how a node answers that changes the records of its results."""

    def respond(message: Message, context: Context) -> Message:
        reply = app(message, context)
        if "order" in message.content:
            change(reply.content["results"], reply.content["metrics"])
        return reply

    return respond


def heavy(_, metrics):
    metrics["num-examples"] = [10**6] * len(metrics["num-examples"])


def infinite(_, metrics):
    metrics["naswot"] = [float("inf")] * len(metrics["naswot"])


def inventive(_, metrics):
    metrics["accuracy"] = [1.0] * len(metrics["naswot"])


def failing(results, _):
    results["status"] = ["failed"] * len(results["status"])


@pytest.mark.parametrize("lie", [heavy, infinite, inventive])
def test_a_reply_that_makes_no_sense_counts_as_none(make_grid, config, lie):
    found = []
    for change in (lie, failing):
        grid = make_grid()
        grid.people("ab")
        grid.person("c", changed(change))
        found.append(record(config, play(grid, config), ""))
    assert scores(found[0]) == scores(found[1])
    assert {spec["nodes"]["naswot"] for spec in found[0]["specs"]} == {2}


def with_nodes(config, nodes):
    return replace(config, federation=replace(config.federation, nodes=nodes))


def test_a_node_that_drops_a_score_is_left_out_of_that_mean_only(grid, config):
    grid.people("ab")
    grid.person("c", changed(lambda _, metrics: metrics.pop("synflow")))
    for spec in record(config, play(grid, config), "")["specs"]:
        assert spec["nodes"] == {"synflow": 2, "grad_norm": 3, "naswot": 3}


def test_a_node_with_limits_keeps_large_specs_from_everybody(grid, config):
    grid.people("ab")
    path = grid.nodes[next(iter(grid.nodes))].context.node_config["data"]
    grid.join(name="small", data=path, max_params=50)
    plan = play(grid, config)
    # of widths 3, 5 and 8 on 4 features and 3 classes: 27, 43 and 67 parameters
    assert sorted(spec["scores"]["parameters"] for spec in record(config, plan, "")["specs"]) == [27, 43]


def test_results_of_the_nodes_hold_numbers_and_nothing_else(grid, config):
    replies = []

    def overheard(message: Message, context: Context) -> Message:
        reply = app(message, context)
        replies.append(reply)
        return reply

    grid.person("a", overheard)
    play(grid, with_nodes(config, 1))
    results = decode_results(replies[-1].content)
    assert num_bytes(replies[-1].content) == 0
    assert {frozenset(result.metrics) for result in results} == {frozenset(("synflow", "grad_norm", "naswot"))}
    assert encode_results("d", results)["metrics"].keys() == {
        "num-examples",
        "seconds",
        "synflow",
        "grad_norm",
        "naswot",
    }


# ------------------------------------------------------------ the run folder


def run(grid, config, tmp_path, proxies="3"):
    config = replace(config, run=replace(config.run, dir=str(tmp_path / "run")))
    run_proxies(grid, {"config": config.to_json(), "proxies": proxies})


def test_a_run_leaves_its_journal_and_its_scores(grid, config, tmp_path):
    grid.people("abc")
    run(grid, config, tmp_path)
    names = {path.name for path in (tmp_path / "run").iterdir()}
    assert names == {"journal.jsonl", "proxies.json"}
    found = json.loads((tmp_path / "run" / "proxies.json").read_text())
    assert (found["status"], len(found["specs"]), found["nodes"]) == ("finished", 3, ["a", "b", "c"])
    events = [json.loads(line) for line in (tmp_path / "run" / "journal.jsonl").read_text().splitlines()]
    kinds = [event["event"] for event in events]
    assert (kinds[0], kinds[-1], kinds.count("proxied")) == ("start", "end", 3)
    again = compose_config([])  # what was found can be tried first in a search
    assert found["config"].keys() == json.loads(again.to_json()).keys()


def test_a_run_that_finds_no_nodes_says_so_and_keeps_what_it_has(grid, configure, tmp_path):
    with pytest.raises(FederationError, match="needs 1 node"):
        run(grid, configure(federation={"patience": 0.01, "nodes": None}), tmp_path)
    found = json.loads((tmp_path / "run" / "proxies.json").read_text())
    assert (found["status"], found["specs"]) == ("failed", [])
    last = (tmp_path / "run" / "journal.jsonl").read_text().splitlines()[-1]
    assert json.loads(last)["status"] == "failed"


def test_a_folder_of_another_run_stays_as_it_is(grid, config, tmp_path):
    grid.people("abc")
    run(grid, config, tmp_path)
    before = (tmp_path / "run" / "proxies.json").read_bytes()
    with pytest.raises(StorageError, match="folder of its own"):
        run(grid, config, tmp_path)
    assert (tmp_path / "run" / "proxies.json").read_bytes() == before


def test_such_a_run_is_not_resumed_as_a_search(grid, config, tmp_path):
    grid.people("abc")
    run(grid, config, tmp_path)
    with pytest.raises(StorageError, match="scored specs without training"):
        check_resumable(tmp_path / "run")


@pytest.mark.parametrize("count", ["0", "-3", "many", "1.5"])
def test_the_number_of_specs_is_a_whole_one(grid, config, tmp_path, count):
    with pytest.raises(ConfigError, match="proxies must be a whole number"):
        run(grid, config, tmp_path, count)
    assert not (tmp_path / "run").exists()


def test_a_stage_is_one_like_the_others():
    assert (Proxies.name, Proxies.label) == ("proxies", "proxy")
