"""What a node finds travels as metrics, and what makes no sense is refused."""

from __future__ import annotations

import math

import pytest

from common.errors import ProtocolError
from common.personal import WAYS, Verdict, best_of, rank_of
from common.tasks import Classification, Regression

HEAD = Classification(3)
SCORES = {"common": {"accuracy": 0.5, "loss": 1.0}, "personal": {"accuracy": 0.75, "loss": 2.0}}
VERDICT = Verdict("personal", SCORES, {"common": {"accuracy": 1.0, "loss": 0.5}}, 4, 2, 0.3, True)


def test_a_verdict_comes_back_from_its_metrics_and_from_json():
    assert Verdict.from_metrics(VERDICT.to_metrics(), HEAD) == VERDICT
    assert Verdict(**VERDICT.to_json()) == VERDICT
    nothing = Verdict("common")
    assert Verdict.from_metrics(nothing.to_metrics(), HEAD) == nothing


def test_its_metrics_are_numbers_by_split_way_and_name():
    assert VERDICT.to_metrics() == {
        "kept": 1.0,
        "written": 1.0,
        "coefficient": 0.3,
        "validation/examples": 4,
        "test/examples": 2,
        "validation/common/accuracy": 0.5,
        "validation/common/loss": 1.0,
        "validation/personal/accuracy": 0.75,
        "validation/personal/loss": 2.0,
        "test/common/accuracy": 1.0,
        "test/common/loss": 0.5,
    }


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"kept": 3.0}, "keeps one of common, personal, local"),
        ({"kept": 0.5}, "keeps one of"),
        ({"kept": math.nan}, "keeps one of"),
        ({"kept": 2.0}, "which it has scored"),
        ({"coefficient": 1.5}, r"lies in \[0, 1\]"),
        ({"coefficient": math.nan}, r"lies in \[0, 1\]"),
        ({"validation/examples": 2.5}, "must be a whole one"),
        ({"test/examples": -1.0}, "must be a whole one"),
        ({"test/examples": 0.0}, "at least 1 example"),
        ({"validation/common/accuracy": 1.5}, "must carry 'accuracy'"),
        ({"validation/common/loss": math.inf}, "must be finite"),
        ({"validation/stolen/accuracy": 0.5}, "names a split, a way and itself"),
        ({"train/common/accuracy": 0.5}, "names a split, a way and itself"),
        ({"accuracy": 0.5}, "names a split, a way and itself"),
    ],
)
def test_what_makes_no_sense_is_a_protocol_error(change, told):
    with pytest.raises(ProtocolError, match=told):
        Verdict.from_metrics({**VERDICT.to_metrics(), **change}, HEAD)


def test_metrics_that_say_nothing_are_no_verdict():
    with pytest.raises(ProtocolError, match="keeps one of"):
        Verdict.from_metrics({}, HEAD)


def test_the_primary_metric_decides_then_its_tie_then_who_is_nearer_to_all_nodes_model():
    assert best_of(SCORES, HEAD) == "personal"
    even = {way: {"accuracy": 0.5, "loss": loss} for way, loss in zip(WAYS, (1.0, 1.0, 0.5), strict=True)}
    assert best_of(even, HEAD) == "local"
    assert best_of({way: even[way] for way in ("common", "personal")}, HEAD) == "common"


def test_what_is_not_defined_on_a_nodes_examples_is_the_worst():
    auroc = HEAD.going_by("auroc")
    assert rank_of({"accuracy": 0.5, "loss": 1.0}, auroc) == (-math.inf, -1.0)
    assert best_of({"common": {"loss": 1.0}, "personal": {"loss": 0.5}}, auroc) == "personal"


def test_of_errors_less_is_better():
    metric = Regression((0.0,), (1.0,)).primary
    assert metric[1] == "min"
    scores = {"common": {metric[0]: 2.0}, "local": {metric[0]: 1.0}}
    assert best_of(scores, Regression((0.0,), (1.0,))) == "local"
