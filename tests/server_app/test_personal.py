"""What nodes found is taken one by one, and summed up over the same nodes."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from common.errors import ProtocolError
from common.jobs import Result, Work
from common.personal import Verdict
from common.settings import PersonalSettings
from common.tasks import Classification, Regression
from server_app.personal import KEPT, PersonalPhase, counts_of_kept, gain_of_kept, tables

HEAD = Classification(3)
HELD = {"train": 40, "validation": 8, "test": 4}


def scores(*accuracies):
    return {
        way: {"accuracy": accuracy, "loss": 1.0}
        for way, accuracy in zip(("common", "personal", "local"), accuracies, strict=False)
    }


VERDICTS = {
    "a": Verdict("personal", scores(0.5, 0.75, 0.25), scores(0.5, 1.0, 0.0), 8, 4),
    "b": Verdict("common", scores(1.0, 0.5, 0.5), scores(0.75, 0.25, 0.5), 4, 4),
    "c": Verdict("local", scores(0.0, 0.25, 0.5), scores(0.5, 0.5, 0.25), 2, 2),
    "untested": Verdict("personal", scores(0.5, 1.0, 0.5), {}, 2, 0),
}


def phase_of(nodes=("a", "b")):
    work = Work("personal", "train", 3, rounds=3, personal=PersonalSettings())
    phase = PersonalPhase(work, nodes, 1, HEAD, lambda node, split: HELD[split])  # noqa: ARG005
    for node in nodes:
        phase.hand_out(node, 10.0)
    return phase


def result_of(verdict, reason="", **arrays):
    return Result("job", "done", reason, 40, verdict.to_metrics(), 0.5, arrays)


def test_what_nodes_found_is_kept_by_node_with_what_it_lacks():
    phase = phase_of()
    phase.take("b", result_of(VERDICTS["b"]))
    phase.take("a", result_of(VERDICTS["a"], "This node keeps no model"))
    assert phase.verdicts == {name: VERDICTS[name] for name in "ab"}
    assert phase.notes == {"a": "This node keeps no model"}
    assert phase.complete
    assert not phase.short


@pytest.mark.parametrize(
    ("verdict", "arrays", "told"),
    [
        (VERDICTS["a"], {"weights": np.zeros(3, np.float32)}, "stays there"),
        (Verdict("common", scores(0.5), {}, 9, 0), {}, "more validation examples than it said it holds, got 9"),
        (Verdict("common", {}, scores(0.5), 0, 5), {}, "more test examples than it said it holds, got 5"),
    ],
)
def test_what_makes_no_sense_leaves_its_node_out(verdict, arrays, told):
    phase = phase_of()
    with pytest.raises(ProtocolError, match=told):
        phase.take("a", result_of(verdict, **arrays))
    assert told in phase.left_out["a"] or told.partition(",")[0] in phase.left_out["a"]
    assert phase.short
    assert phase.waiting | set(phase.sent) == {"b"}


def test_columns_are_of_the_same_nodes_weighted_by_their_examples():
    found = tables(VERDICTS, "test", HEAD)
    assert list(found) == ["common", "personal", "local", KEPT]
    means = {"common": 0.5 * 4 + 0.75 * 4 + 0.5 * 2, "personal": 4 + 1 + 1, "local": 0 + 2 + 0.5, KEPT: 4 + 3 + 0.5}
    for way, total in means.items():
        assert found[way]["accuracy"] == pytest.approx(total / 10)
        assert found[way]["nodes"] == 3
    assert found[KEPT]["accuracy_worst_decile"] == 0.25  # one of three nodes, that of c
    assert tables(VERDICTS, "validation", HEAD)["common"]["nodes"] == 4


def test_nodes_weigh_alike_where_scores_do():
    found = tables(VERDICTS, "test", HEAD, equally=True)
    assert found["common"]["accuracy"] == pytest.approx((0.5 + 0.75 + 0.5) / 3)
    assert found["common"]["examples"] == 10
    gain = gain_of_kept(VERDICTS, "test", HEAD, equally=True)
    assert gain["mean"] == pytest.approx(found[KEPT]["accuracy"] - found["common"]["accuracy"])


def test_a_node_that_lacks_a_way_is_in_no_column():
    lacking = {**VERDICTS, "b": Verdict("common", scores(1.0, 0.5), scores(0.75, 0.25), 4, 4)}
    assert tables(lacking, "test", HEAD)["common"]["accuracy"] == pytest.approx((0.5 * 4 + 0.5 * 2) / 6)
    without = {name: Verdict("common", scores(1.0, 0.5), scores(0.75, 0.25), 4, 4) for name in "ab"}
    assert list(tables(without, "test", HEAD)) == ["common", "personal", KEPT]
    assert tables({}, "test", HEAD) == tables({"untested": VERDICTS["untested"]}, "test", HEAD) == {}


def test_the_order_of_nodes_changes_nothing():
    found = [tables(dict(order), "test", HEAD) for order in itertools.permutations(VERDICTS.items())]
    assert all(one == found[0] for one in found)
    gains = [gain_of_kept(dict(order), "test", HEAD) for order in itertools.permutations(VERDICTS.items())]
    assert all(one == gains[0] for one in gains)


def test_the_gain_is_that_of_what_is_kept_over_the_common_model():
    assert gain_of_kept(VERDICTS, "test", HEAD) == {
        "metric": "accuracy",
        "split": "test",
        "nodes": 3,
        "better": 1,
        "worse": 1,
        "same": 1,
        "mean_better": 0.5,
        "mean_worse": -0.25,
        "mean": pytest.approx((0.5 * 4 + 0 * 4 - 0.25 * 2) / 10),
        "worst_decile": -0.25,
    }
    validation = gain_of_kept(VERDICTS, "validation", HEAD)
    assert (validation["better"], validation["worse"], validation["nodes"]) == (3, 0, 4)
    assert gain_of_kept({"untested": VERDICTS["untested"]}, "test", HEAD) is None


def test_a_lower_error_is_a_gain():
    head = Regression((0.0,), (1.0,))
    metric = head.primary[0]
    ways = {"common": {metric: 2.0}, "local": {metric: 0.5}}
    gain = gain_of_kept({"a": Verdict("local", ways, ways, 1, 1)}, "test", head)
    assert (gain["better"], gain["mean"], gain["worst_decile"]) == (1, 1.5, 1.5)


def test_how_many_keep_what():
    assert counts_of_kept(VERDICTS.values()) == {"common": 1, "personal": 2, "local": 1}
