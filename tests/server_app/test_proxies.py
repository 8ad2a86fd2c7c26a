"""What nodes give as zero-cost scores: taken, refused and averaged."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest

from common.errors import ProtocolError
from common.jobs import Result, Work
from common.settings import TrainingSettings
from server_app.proxies import ProxyPhase, averaged, counts

WORK = Work("proxy", "train", 0, TrainingSettings(batch_size=32))
GOOD = Result("a", "done", "", 32, {"synflow": 2.0, "grad_norm": 0.5, "naswot": 30.0})
HOSTILE = {
    "NaN": (replace(GOOD, metrics={"synflow": math.nan}), "must be finite"),
    "infinite": (replace(GOOD, metrics={"naswot": -math.inf}), "must be finite"),
    "a score that there is not": (replace(GOOD, metrics={**GOOD.metrics, "accuracy": 1.0}), r"got \['accuracy'\]"),
    "a score of the graph": (replace(GOOD, metrics={"parameters": 1e9}), r"got \['parameters'\]"),
    "no score": (replace(GOOD, metrics={}), "has a score or the reason"),
    "weights": (replace(GOOD, arrays={"weights": np.zeros(3, np.float32)}), "no arrays"),
    "too heavy": (replace(GOOD, num_examples=33), "10 to 32 examples, got 33"),
    "too few examples": (replace(GOOD, num_examples=9), "10 to 32 examples, got 9"),
    "no examples": (replace(GOOD, num_examples=0), "got 0"),
    "negative": (replace(GOOD, num_examples=-20), "got -20"),
    "failed": (replace(GOOD, status="failed", reason="out of memory"), "out of memory"),
    "refused": (replace(GOOD, status="refused", reason="too large"), "too large"),
}


def phase() -> ProxyPhase:
    made = ProxyPhase(WORK, ["a", "b"], 1, min_examples=10)
    for node in ("a", "b"):
        made.hand_out(node, 9.0)
    return made


@pytest.mark.parametrize("case", HOSTILE)
def test_a_result_that_makes_no_sense_is_refused_and_the_others_go_on(case: str):
    result, reason = HOSTILE[case]
    tried = phase()
    with pytest.raises(ProtocolError, match=reason):
        tried.take("a", result)
    assert not tried.complete
    tried.take("b", GOOD)
    assert tried.complete
    assert not tried.short
    assert tried.scores == {"b": (GOOD.metrics, 32)}
    assert list(tried.left_out) == ["a"]


def test_a_refusal_says_nothing_against_the_spec_and_a_failure_does():
    for status, undecided in (("refused", {"a"}), ("failed", set())):
        tried = phase()
        with pytest.raises(ProtocolError):
            tried.take("a", replace(GOOD, status=status, reason="why"))
        assert tried.undecided == undecided


def test_what_a_node_left_out_is_missing_and_the_rest_counts():
    tried = phase()
    tried.take("a", replace(GOOD, metrics={"naswot": 30.0}, reason="Not finite, and left out: synflow, grad_norm"))
    assert tried.scores == {"a": ({"naswot": 30.0}, 32)}


def test_a_mean_is_weighted_by_examples_over_the_nodes_that_have_the_score():
    by_node = {
        "a": ({"grad_norm": 1.0, "naswot": 10.0}, 32),
        "b": ({"grad_norm": 2.0, "naswot": 20.0}, 16),
        "c": ({"naswot": 40.0}, 16),
    }
    # (1 x 32 + 2 x 16) / 48 and (10 x 32 + 20 x 16 + 40 x 16) / 64
    assert averaged(by_node) == {"grad_norm": pytest.approx(4 / 3), "naswot": pytest.approx(20)}
    assert counts(by_node) == {"grad_norm": 2, "naswot": 3}
    assert averaged({}) == counts({}) == {}


def test_no_order_of_the_nodes_changes_a_bit_of_a_mean():
    rng = np.random.default_rng(0)
    by_node = {str(at): ({"synflow": float(10 ** rng.uniform(-9, 9))}, int(rng.integers(10, 33))) for at in range(6)}
    means = {averaged(dict(order))["synflow"] for order in itertools.permutations(by_node.items())}
    assert len(means) == 1
