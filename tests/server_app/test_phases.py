"""One step of one trial: who owes a result, what is taken, what comes out."""

from __future__ import annotations

import math

import numpy as np
import pytest

from common.errors import ProtocolError, SearchError
from common.jobs import Result, Work
from common.tasks import Classification
from server_app.aggregation.fedavg import FedAvg
from server_app.phases import ScorePhase, TrainPhase

START = np.zeros(3, np.float32)
HEAD = Classification(3)
TRAIN, SCORE = Work("train", "train", 2), Work("score", "validation", 2)


def training(nodes="abc"):
    aggregation = FedAvg()
    aggregation.begin(START)
    phase = TrainPhase(TRAIN, nodes, 7, aggregation)
    phase.mean = aggregation.combined
    return phase


def trained(values, examples=1, loss=1.0, **changes):
    arrays = {} if values is None else {"weights": np.asarray(values, np.float32)}
    fields = {"num_examples": examples, "metrics": {"loss": loss}, "arrays": arrays, **changes}
    return Result("job", fields.pop("status", "done"), fields.pop("reason", ""), **fields)


def scoring(nodes="abc", min_nodes=1):
    return ScorePhase(SCORE, nodes, 7, HEAD, min_nodes)


def scored(accuracy, examples=1, **metrics):
    return Result("job", "done", "", examples, {"accuracy": accuracy, **metrics})


def test_a_phase_is_complete_once_nobody_owes_a_result():
    phase = training("cab")
    assert (phase.nodes, phase.work, phase.turn) == (("a", "b", "c"), TRAIN, 7)
    phase.take("a", trained([1, 1, 1]))
    phase.leave_out("b", "asleep")
    assert not phase.complete
    phase.take("c", trained([3, 3, 3]))
    assert phase.complete
    assert phase.left_out == {"b": "asleep"}


def test_training_gives_the_mean_weighted_by_examples():
    phase = training()
    phase.take("a", trained([1, 0, 4], examples=3, loss=1.0))
    phase.take("b", trained([5, 0, 0], examples=1, loss=3.0))
    phase.leave_out("c", "asleep")
    np.testing.assert_allclose(phase.mean(), [(3 * 1 + 5) / 4, 0, 3 * 4 / 4])
    assert phase.loss == pytest.approx((3 * 1.0 + 1 * 3.0) / 4)


def test_the_loss_does_not_depend_on_the_order_of_the_nodes():
    losses = {"a": 1e16, "b": 1.0, "c": -1e16}
    orders = []
    for order in ("abc", "cba", "bac"):
        phase = training()
        for node in order:
            phase.take(node, trained([0, 0, 0], loss=losses[node]))
        orders.append(phase.loss)
    assert set(orders) == {1 / 3}


def test_training_without_a_loss_counts_all_the_same():
    phase = training("a")
    phase.take("a", trained([1, 2, 3], metrics={}))
    assert phase.loss == 0
    np.testing.assert_allclose(phase.mean(), [1, 2, 3])


@pytest.mark.parametrize(
    ("result", "reason"),
    [
        (trained([1, 1, 1], status="failed", reason="Training diverged"), r"^Training diverged\.$"),
        (trained(None, status="unfinished"), r"^The job is unfinished\.$"),
        (trained(None), "must carry an update"),
        (trained([1, 1]), "shape"),
        (trained([1, 1, math.inf]), "finite"),
        (trained([1, 1, 1], examples=0), "at least 1 example"),
    ],
)
def test_an_update_that_makes_no_sense_leaves_its_node_out(result, reason):
    phase = training("ab")
    with pytest.raises(ProtocolError, match=reason) as raised:
        phase.take("a", result)
    assert phase.left_out == {"a": str(raised.value)}
    assert phase.waiting == {"b"}
    phase.take("b", trained([2, 2, 2]))
    np.testing.assert_array_equal(phase.mean(), [2, 2, 2])


def test_training_that_nobody_finished_says_why_in_one_sentence():
    phase = training("abcde")
    for node, reason in zip("abcde", ["late", "late", "asleep.", "burnt", "drowned"], strict=True):
        phase.leave_out(node, reason)
    with pytest.raises(SearchError) as raised:
        phase.check()
    # each reason once, the first three of them
    assert str(raised.value) == "Round 2 failed, none of 5 nodes gave a usable result: asleep; burnt; drowned."


def test_a_score_is_the_mean_over_the_panel_weighted_by_examples():
    phase = scoring()
    phase.take("a", scored(0.5, examples=2, loss=2.0))
    phase.take("b", scored(1.0, examples=6, loss=1.0))
    phase.leave_out("c", "asleep")
    assert phase.table() == {
        "accuracy": pytest.approx((2 * 0.5 + 6 * 1.0) / 8),
        "accuracy_std": pytest.approx(0.25),
        "accuracy_worst_decile": 0.5,
        "loss": pytest.approx((2 * 2.0 + 6 * 1.0) / 8),
        "nodes": 2.0,
        "examples": 8.0,
    }


@pytest.mark.parametrize(
    ("result", "reason"),
    [
        (scored(0.5, examples=0), "at least 1 example"),
        (Result("job", "done", "", 5, {"loss": 1.0}), "must carry 'accuracy'"),
        (scored(1.01), r"must carry 'accuracy', in \[0, 1\]"),
        (scored(-0.01), r"must carry 'accuracy', in \[0, 1\]"),
        (scored(0.5, loss=math.inf), r"finite.*\{'loss': inf\}"),
        (scored(math.nan), "finite"),
    ],
)
def test_a_score_that_makes_no_sense_does_not_count(result, reason):
    phase = scoring("ab")
    with pytest.raises(ProtocolError, match=reason):
        phase.take("a", result)
    phase.take("b", scored(1.0))
    assert phase.table()["nodes"] == 1


def test_a_score_of_too_few_nodes_is_none():
    phase = scoring("abc", min_nodes=2)
    phase.take("a", scored(1.0))
    for node in "bc":
        phase.leave_out(node, "asleep")
    with pytest.raises(SearchError, match=r"scoring\.min_nodes=2 nodes, but 1 gave one \(left out: \['b', 'c'\]\)"):
        phase.table()


def test_a_score_of_nobody_says_why():
    phase = scoring("a")
    phase.leave_out("a", "asleep")
    with pytest.raises(SearchError, match=r"but 0 gave one \(the one node gave no usable result: asleep\)"):
        phase.table()


def test_the_panels_table_says_where_not_all_have_a_metric():
    scores = {"b": ({"accuracy": 0.0, "loss": 1.0}, 1), "a": ({"accuracy": 1.0}, 1)}
    table = HEAD.summarise(scores)
    spread = {"accuracy_std", "accuracy_worst_decile"}
    assert set(table) == {"accuracy", *spread, "loss", "loss_nodes", "nodes", "examples"}
    assert table["loss_nodes"] == 1


def test_the_worst_decile_is_the_mean_of_the_worst_tenth():
    scores = {f"node-{index:02d}": ({"accuracy": index / 100}, 1) for index in range(30)}
    table = HEAD.summarise(scores)
    # of 30 nodes the worst 3: 0.00, 0.01 and 0.02
    assert table["accuracy_worst_decile"] == pytest.approx(0.01)
    assert table["accuracy_std"] == pytest.approx(np.std([index / 100 for index in range(30)]))


def test_the_table_does_not_depend_on_the_order_of_the_nodes():
    values = {"a": 0.1, "b": 0.7, "c": 0.3, "d": 0.9}
    tables = [
        HEAD.summarise({name: ({"accuracy": values[name]}, 3) for name in order}) for order in ("abcd", "dcba", "bdac")
    ]
    assert tables[0] == tables[1] == tables[2]


def test_each_node_has_a_whole_deadline_from_when_its_job_was_handed_out():
    phase = training("ab")
    phase.hand_out("a", deadline=10.0)
    phase.hand_out("b", deadline=12.0)
    phase.hand_back("a")
    phase.hand_out("a", deadline=15.0)
    assert [phase.late(now) for now in (11.9, 12.0, 15.0)] == [[], ["b"], ["a", "b"]]


def test_who_was_silent_may_be_asked_again_and_who_said_no_may_not():
    phase = training("ab")
    phase.hand_out("a", deadline=10.0)
    phase.leave_out("a", "asleep", undecided=True)
    phase.leave_out("b", "too large")
    assert (phase.undecided, phase.short, phase.asked, phase.complete) == ({"a"}, True, True, True)


def test_a_second_try_keeps_the_scores_of_the_first():
    first = scoring("abc", min_nodes=2)
    first.take("a", scored(1.0))
    for node in "bc":
        first.leave_out(node, "asleep", undecided=True)
    assert first.short
    second = ScorePhase(SCORE, "bc", 8, HEAD, 2, first.scores)
    second.take("b", scored(0.0))
    second.leave_out("c", "asleep")
    assert (second.short, second.table()["accuracy"]) == (False, 0.5)
