"""Results on the wire."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from flwr.app import Array, ArrayRecord, MetricRecord, RecordDict
from hypothesis import given, settings
from hypothesis import strategies as st

from common.errors import ProtocolError
from common.wire.arrays import pack
from common.wire.results import decode_results, encode_results
from tests.support.wire import DIGEST, RESULTS, over_the_wire, same


def test_results_arrive_as_they_were_sent():
    got = decode_results(over_the_wire(encode_results(DIGEST, RESULTS)))
    for received, sent in zip(got, RESULTS, strict=True):
        assert replace(received, arrays={}) == replace(sent, arrays={})
        assert same(received.arrays, sent.arrays)


def test_no_results_are_results_too():
    assert decode_results(over_the_wire(encode_results(DIGEST, ()))) == ()


def test_a_job_has_one_result():
    with pytest.raises(ProtocolError, match="must have ids that differ"):
        decode_results(encode_results(DIGEST, (RESULTS[0], RESULTS[0])))


@pytest.mark.parametrize(
    ("record", "field", "value"),
    [
        ("results", "job", ["a"]),
        ("results", "job", [1, 2, 3, 4]),
        ("results", "job", "abcd"),
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


def test_results_need_their_table_but_neither_metrics_nor_arrays():
    content = encode_results(DIGEST, RESULTS)
    del content["metrics"], content["arrays"]
    found = [(r.job, r.num_examples, r.metrics, r.seconds, r.arrays) for r in decode_results(content)]
    assert found == [(result.job, 0, {}, 0.0, {}) for result in RESULTS]
    with pytest.raises(ProtocolError, match="'results'"):
        decode_results(RecordDict({"metrics": MetricRecord(), "arrays": ArrayRecord()}))


@pytest.mark.parametrize("field", ["job", "status", "reason"])
def test_results_without_one_of_their_columns_are_a_protocol_error(field: str):
    content = encode_results(DIGEST, RESULTS)
    del content.config_records["results"][field]
    with pytest.raises(ProtocolError, match=repr(field)):
        decode_results(content)


def test_arrays_belong_to_the_row_that_they_name():
    content = encode_results(DIGEST, RESULTS)
    arrays = content.array_records["arrays"]
    arrays["3/weights"], arrays["4/weights"] = arrays.pop("1/weights"), pack(np.zeros(2, np.float32))
    found = {
        result.job: {name: len(array) for name, array in result.arrays.items()} for result in decode_results(content)
    }
    assert found == {"score-1": {}, "train-1": {"alphas": 3}, "train-2": {}, "test-9": {"weights": 7}}


VALUES = st.none() | st.integers(-(2**63), 2**63 - 1) | st.floats() | st.text(max_size=8) | st.binary(max_size=8)


@given(st.data())
@settings(max_examples=200)
def test_whatever_results_hold_they_are_read_or_refused(data: st.DataObject):
    """One column or array of good results is replaced by nonsense, or comes on top."""
    content = over_the_wire(encode_results(DIGEST, RESULTS))
    name = data.draw(st.sampled_from(["results", "metrics", "arrays"]))
    record = content[name]
    if name == "arrays":
        shape = tuple(data.draw(st.lists(st.integers(-5, 2**40), max_size=2)))
        key = data.draw(st.sampled_from(["1/weights", "1/", "9/weights", "weights"]) | st.text(max_size=8))
        record[key] = Array("float32", shape, "numpy.ndarray", data.draw(st.binary(max_size=200)))
    else:
        value = data.draw(VALUES | st.lists(VALUES, max_size=5))
        if name == "metrics":  # Flower itself makes nothing else of foreign bytes
            numbers = st.floats() | st.integers(-(2**63), 2**63 - 1)
            value = data.draw(numbers | st.lists(numbers, min_size=3, max_size=5))
        record.__dict__["_data"][data.draw(st.sampled_from([*record, "other"]))] = value  # past its own check
    try:
        results = decode_results(content)
    except ProtocolError:
        return
    assert len({result.job for result in results}) == len(results)
    assert all(0 <= result.seconds < math.inf and abs(result.num_examples) <= 2**40 for result in results)


@pytest.mark.parametrize(
    ("column", "value", "rule"),
    [("loss", 1e200, "metric 'loss' must lie within"), ("num-examples", 1e13, "number of examples")],
)
def test_numbers_that_would_overflow_in_sums_are_refused(column: str, value: float, rule: str):
    content = encode_results(DIGEST, RESULTS[:1])
    content["metrics"][column] = [value]
    with pytest.raises(ProtocolError, match=rule):
        decode_results(content)
