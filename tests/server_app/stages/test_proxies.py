"""Specs that nodes score without training, driven without Flower."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import pytest

from common.architecture.cost import cost_of
from common.architecture.kinds.layered import LayeredSpec
from common.architecture.kinds.layers import Linear
from common.errors import ConfigError
from common.jobs import Result
from common.models.proxies import PROXIES, graph_scores
from common.settings import TrainingSettings
from common.tasks import Classification, Task
from server_app.journal import Journal
from server_app.stages.proxies import Proxies

TASK = Task((4,), Classification(3))
NODES = ["a", "b", "c"]
TRAIN = {"a": 40, "b": 16, "c": 12, "few": 9}
SPECS = [LayeredSpec((Linear(width),)) for width in (4, 8, 16, 32)]
RECIPE = TrainingSettings(batch_size=32)


def make(events=None, **changes) -> Proxies:
    options = {
        "deadline": 10.0,
        "journal": Journal(None, *([] if events is None else [events.append])),
        "specs": SPECS,
        "recipe": RECIPE,
        "lower": lambda spec: spec.lower(TASK),
        "min_examples": 10,
        "held": lambda node, split: {"train": TRAIN[node]}[split],
    }
    stage = Proxies(**{**options, **changes})
    stage.begin(NODES)
    return stage


def answer(node, job):
    width = job.spec.layers[0].width
    metrics = {"synflow": float(width), "grad_norm": float(ord(node)), "naswot": width + ord(node) / 7}
    return Result(job.id, "done", "", min(32, TRAIN[node]), metrics, 0.5)


def exchange(stage, respond=answer, nodes=NODES, unavailable=()):
    """Let an exchange happen, and return what was sent to whom."""
    stage.refill(nodes, unavailable)
    orders = stage.dispatch(set(nodes) - set(unavailable), 0.0)
    for node, jobs in orders.items():
        answered = [(job, result) for job in jobs if (result := respond(node, job)) is not None]
        for job, result in answered:
            stage.take(node, job, result)
        done = {job.id for job, _ in answered}
        stage.leave_out(node, [job for job in jobs if job.id not in done], "the reply lacks a result")
    stage.settle()
    return orders


def test_all_specs_go_to_each_node_in_one_message_without_weights():
    stage = make()
    orders = exchange(stage)
    assert sorted(orders) == NODES
    for jobs in orders.values():
        assert [job.spec for job in jobs] == SPECS
        assert len({job.id for job in jobs}) == len(SPECS)
        assert {job.work.kind for job in jobs} == {"proxy"}
        assert all(job.arrays == {} for job in jobs)
    assert stage.done


def test_scores_are_means_over_nodes_beside_those_of_the_graph():
    stage = make()
    exchange(stage)
    total = 32 + 16 + 12
    mean = (ord("a") * 32 + ord("b") * 16 + ord("c") * 12) / total
    for spec, found in zip(SPECS, stage.found(), strict=True):
        graph = graph_scores(spec.lower(TASK))
        assert found.spec == spec
        assert tuple(found.scores) == PROXIES
        assert {name: found.scores[name] for name in graph} == graph
        assert found.scores["synflow"] == pytest.approx(spec.layers[0].width)
        assert found.scores["grad_norm"] == pytest.approx(mean)
        assert found.nodes == dict.fromkeys(("synflow", "grad_norm", "naswot"), 3)
        assert found.reasons == ()


def test_the_order_in_which_nodes_and_results_come_changes_nothing():
    def found(turned):
        stage = make()
        stage.refill(NODES)
        orders = stage.dispatch(NODES, 0.0)
        pairs = [(node, job) for node, jobs in orders.items() for job in jobs]
        for node, job in reversed(pairs) if turned else pairs:
            stage.take(node, job, answer(node, job))
        stage.settle()
        return stage.found()

    assert found(turned=False) == found(turned=True)


def test_a_spec_that_a_node_refuses_is_scored_by_the_others_and_the_reason_is_told():
    events: list = []

    def respond(node, job):
        if node == "b" and job.spec in SPECS[2:]:
            return Result(job.id, "refused", "The node takes 50 parameters at most")
        return answer(node, job)

    stage = make(events)
    exchange(stage, respond)
    nodes = [found.nodes["naswot"] for found in stage.found()]
    assert nodes == [3, 3, 2, 2]
    assert stage.found()[2].reasons == ("The node takes 50 parameters at most.",)
    (told,) = [event for event in events if event["event"] == "scoreless"]
    assert (told["node"], told["specs"]) == ("b", 2)


def test_a_spec_that_nobody_can_build_has_the_scores_of_its_graph():
    def respond(node, job):
        failed = Result(job.id, "failed", "Out of memory")
        return failed if job.spec == SPECS[0] else answer(node, job)

    stage = make()
    exchange(stage, respond)
    assert stage.done
    first, second, *_ = stage.found()
    assert tuple(first.scores) == ("parameters", "macs", "entropy")
    assert first.reasons == ("Out of memory.",)
    assert tuple(second.scores) == PROXIES


@pytest.mark.parametrize(
    "change",
    [{"metrics": {"synflow": math.nan}}, {"num_examples": 1000}, {"metrics": {"accuracy": 1.0}}],
    ids=["NaN", "too heavy", "another score"],
)
def test_a_hostile_result_counts_for_nothing(change):
    def respond(node, job):
        return replace(answer(node, job), **(change if node == "b" else {}))

    stage, without = make(), make()
    exchange(stage, respond)
    exchange(without, lambda node, job: None if node == "b" else answer(node, job))
    assert [found.scores for found in stage.found()] == [found.scores for found in without.found()]


def test_a_result_for_a_job_that_was_not_asked_for_is_refused():
    stage = make()
    stage.refill(NODES)
    (job, *_) = stage.dispatch({"a"}, 0.0)["a"]
    for trial in ("proxy-9999", "proxy-", "proxy-x", "trial-0000", "proxy-00000", ""):
        stage.take("a", replace(job, trial=trial), answer("a", job))
    stage.take("b", job, answer("b", job))  # it was not sent to b
    assert not any(found.nodes for found in stage.found())


def test_what_a_node_could_not_do_in_time_is_asked_again():
    def slow(node, job):
        if node == "a" and job.spec in SPECS[1:]:
            return Result(job.id, "unfinished", "The budget was spent")
        return answer(node, job)

    stage, quick = make(), make()
    exchange(stage, slow)
    assert not stage.done
    again = exchange(stage)
    assert [job.spec for job in again["a"]] == SPECS[1:]
    assert list(again) == ["a"]
    exchange(quick)
    assert stage.found() == quick.found()


def test_where_nobody_answers_all_is_asked_again_and_then_given_up():
    stage = make()
    for _ in range(3):
        assert not stage.done
        stage.refill(NODES)
        assert len(stage.dispatch(NODES, 0.0)["a"]) == len(SPECS)
        stage.expire(20.0)
        stage.settle()
    assert stage.done
    assert stage.retries == 2 * len(SPECS)
    assert all("no answer within 10 s" in found.reasons for found in stage.found())


def test_silence_of_one_node_holds_nobody_up_and_is_told_in_one_line():
    events: list = []
    stage = make(events)
    exchange(stage, lambda node, job: None if node == "c" else answer(node, job))
    assert stage.done
    assert [event["specs"] for event in events if event["event"] == "scoreless"] == [len(SPECS)]
    assert [event["event"] for event in events].count("proxied") == len(SPECS)


def test_a_node_that_is_busy_or_gone_is_not_waited_for():
    stage = make()
    orders = exchange(stage, nodes=["a", "b"], unavailable=["b"])
    assert sorted(orders) == ["a"]
    assert stage.done
    assert {found.nodes["naswot"] for found in stage.found()} == {1}


def test_it_waits_where_no_node_is_free():
    stage = make()
    assert exchange(stage, nodes=["a"], unavailable=["a"]) == {}
    assert stage.blocked
    assert not stage.done
    exchange(stage)
    assert not stage.blocked
    assert stage.done


def test_nodes_with_too_few_examples_are_not_asked():
    stage = make()
    stage.begin([*NODES, "few"])
    assert stage.nodes == ("a", "b", "c")
    with pytest.raises(ConfigError, match="10 training examples at least"):
        make().begin(["few"])
    with pytest.raises(ConfigError, match=r"Raise training\.batch_size"):
        make(recipe=TrainingSettings(batch_size=9))


def test_nodes_that_cannot_hold_a_spec_are_not_asked_for_it():
    def excess(node, trial):
        return "too large" if node == "a" and trial.spec == SPECS[3] else ""

    orders = exchange(make(excess=excess))
    assert [job.spec for job in orders["a"]] == SPECS[:3]
    assert [job.spec for job in orders["b"]] == SPECS


def test_what_it_costs_is_entered():
    stage = make()
    exchange(stage)
    for trial in stage.trials:
        macs = cost_of(trial.spec.lower(TASK)).macs
        assert trial.ledger.mac_examples == 2 * macs * (32 + 16 + 12)  # two passes over the mini-batch
        assert trial.ledger.node_seconds == pytest.approx(1.5)
        assert (trial.ledger.bytes_down, trial.ledger.bytes_up) == (0, 0)


def test_saved_and_gone_on_with_equals_never_interrupted():
    def half(node, job):
        return Result(job.id, "unfinished", "") if job.spec in SPECS[2:] else answer(node, job)

    whole, cut, resumed = make(), make(), make()
    exchange(whole)
    exchange(cut, half)
    resumed.load_state_dict(json.loads(json.dumps(cut.state_dict())))
    orders = exchange(resumed)
    assert [job.spec for job in orders["a"]] == SPECS[2:]
    assert resumed.done
    assert resumed.found() == whole.found()
