"""Results on the wire."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from flwr.app import ArrayRecord, MetricRecord, RecordDict

from common.errors import ProtocolError
from common.wire.order import decode_order
from common.wire.results import decode_results, encode_results
from tests.support.wire import DIGEST, JOBS, ORDER, RESULTS, encoded, over_the_wire, same


def test_results_arrive_as_they_were_sent():
    got = decode_results(over_the_wire(encode_results(DIGEST, RESULTS)))
    for received, sent in zip(got, RESULTS, strict=True):
        assert replace(received, update=None, metrics={}) == replace(sent, update=None, metrics={})
        assert received.metrics == sent.metrics
        assert same(received.update, sent.update)


def test_no_results_are_results_too():
    assert decode_results(over_the_wire(encode_results(DIGEST, ()))) == ()


def test_two_jobs_of_one_trial_do_not_fit_into_a_message():
    with pytest.raises(ProtocolError, match="one job for each trial"):
        decode_order(encoded(replace(ORDER, jobs=(JOBS[0], replace(JOBS[0], action="score")))))
    with pytest.raises(ProtocolError, match="one job for each trial"):
        decode_results(encode_results(DIGEST, (RESULTS[0], RESULTS[0])))


@pytest.mark.parametrize(
    ("record", "field", "value"),
    [
        ("results", "trial", ["a"]),
        ("results", "trial", [1, 2, 3, 4]),
        ("results", "action", ["train", "train", "score", "steal"]),
        ("results", "round", ["1", "1", "1", "1"]),
        ("results", "status", ["done", "done", "done", "great"]),
        ("results", "reason", [1, 1, 1, 1]),
        ("metrics", "loss", [0.5]),
        ("metrics", "loss", 0.5),
        ("metrics", "num-examples", [math.nan] * 4),
        ("metrics", "num-examples", [math.inf] * 4),
        ("metrics", "seconds", []),
        ("metrics", "seconds", [math.nan] * 4),
        ("metrics", "seconds", [-1.0] * 4),
    ],
)
def test_malformed_results_are_a_protocol_error(record: str, field: str, value: object):
    content = encode_results(DIGEST, RESULTS)
    content[record][field] = value
    with pytest.raises(ProtocolError):
        decode_results(content)


def test_results_need_their_table_but_neither_metrics_nor_updates():
    content = encode_results(DIGEST, RESULTS)
    del content["metrics"], content["updates"]
    assert [(r.status, r.num_examples, r.metrics, r.update) for r in decode_results(content)][:1] == [
        ("done", 0, {}, None)
    ]
    with pytest.raises(ProtocolError, match="'results'"):
        decode_results(RecordDict({"metrics": MetricRecord(), "updates": ArrayRecord()}))


@pytest.mark.parametrize(
    ("column", "value", "rule"),
    [("loss", 1e200, "metric 'loss' must lie within"), ("num-examples", 1e13, "number of examples")],
)
def test_numbers_that_would_overflow_in_sums_are_refused(column: str, value: float, rule: str):
    content = encode_results(DIGEST, RESULTS[:1])
    content["metrics"][column] = [value]
    with pytest.raises(ProtocolError, match=rule):
        decode_results(content)
