"""Orders on the wire: what is sent arrives, and what makes no sense is refused before it costs anything."""

from __future__ import annotations

import io
import json
import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from flwr.app import Array, ArrayRecord, RecordDict
from hypothesis import given, settings
from hypothesis import strategies as st

from common.architecture.cost import cost_of
from common.architecture.operations import Conv1d, Linear
from common.architecture.spec import ArchitectureSpec
from common.errors import ProtocolError
from common.limits import Limits, needs_of
from common.settings import TrainingSettings
from common.wire.handshake import encode_question
from common.wire.order import decode_order
from common.wire.packing import num_bytes, pack
from common.wire.results import decode_results, encode_results
from tests.support.wire import (
    DIGEST,
    JOBS,
    LIMITS,
    ORDER,
    RESULTS,
    SIZES,
    SPECS,
    TASK,
    decoded,
    encoded,
    over_the_wire,
    refused_jobs,
    same,
    weights_of,
)


def test_an_order_arrives_as_it_was_sent():
    got = decoded(over_the_wire(encoded()))
    assert replace(got, jobs=()) == replace(ORDER, jobs=())
    for received, sent in zip(got.jobs, JOBS, strict=True):
        assert (received.trial, received.action, received.round) == (sent.trial, sent.action, sent.round)
        assert received.spec == sent.spec
        assert same(received.weights, sent.weights)


def test_an_order_may_be_empty_and_its_budget_a_whole_number_or_endless():
    assert decoded(over_the_wire(encoded(replace(ORDER, jobs=())))).jobs == ()
    assert decoded(over_the_wire(encoded(replace(ORDER, budget=60)))).budget == 60.0
    assert decoded(over_the_wire(encoded(replace(ORDER, budget=math.inf)))).budget == math.inf


def test_a_spec_travels_once():
    assert encoded().config_records["order"]["specs"] == [spec.to_json() for spec in SPECS]


def test_weights_that_are_no_contiguous_array_arrive_whole():
    wide = weights_of(0, 2 * SIZES[0])
    order = replace(ORDER, jobs=(replace(JOBS[0], weights=wide[::2]),))
    assert same(decoded(over_the_wire(encoded(order))).jobs[0].weights, wide[::2])


def test_half_precision_halves_the_bytes_and_rounds_once_each_way():
    content = over_the_wire(encoded(replace(ORDER, precision="float16")))
    assert num_bytes(content) == sum(2 * len(job.weights) for job in JOBS)
    got = decoded(content)
    assert got.precision == "float16"
    for received, sent in zip(got.jobs, JOBS, strict=True):
        assert same(received.weights, sent.weights.astype(np.float16).astype(np.float32))
    back = over_the_wire(encode_results(DIGEST, RESULTS, precision="float16"))
    assert num_bytes(back) == 2 * 7
    assert same(decode_results(back, "float16")[0].update, RESULTS[0].update.astype(np.float16).astype(np.float32))


def test_another_precision_than_agreed_is_refused():
    with pytest.raises(ProtocolError, match="one packed float16 array"):
        decode_results(encode_results(DIGEST, RESULTS), "float16")
    content = encoded()
    content.config_records["order"]["precision"] = "float16"
    assert len(refused_jobs(content)) == len(JOBS)


def test_the_bytes_are_those_of_the_arrays():
    assert num_bytes(encoded()) == sum(4 * len(job.weights) for job in JOBS)
    assert num_bytes(encode_results(DIGEST, RESULTS)) == 4 * 7
    assert num_bytes(encode_question(DIGEST, ORDER.dataset, 0)) == 0


def test_bytes_are_counted_whatever_an_array_says_of_itself():
    honest = pack(weights_of(1))
    lies = (
        Array("poem", (-1,), "numpy.ndarray", honest.data),
        Array("float32", (10**12,), "numpy.ndarray", honest.data),
        Array("float32", (-7,), "a poem", honest.data),
    )
    assert [num_bytes(RecordDict({"updates": ArrayRecord({"a": array})})) for array in lies] == [4 * 7] * 3
    assert num_bytes(RecordDict({"updates": ArrayRecord({"a": Array("poem", (), "poem", b"roses")})})) == 0


def array_of(data: bytes, stype: str = "numpy.ndarray") -> Array:
    return Array("float32", (7,), stype, data)


def npy(values: np.ndarray, save: Callable[..., None] = np.save) -> bytes:
    buffer = io.BytesIO()
    save(buffer, values)
    return buffer.getvalue()


ARRAYS = {
    "garbage": array_of(b"garbage"),
    "empty": array_of(b""),
    "cut off": array_of(npy(weights_of(1))[:-1]),
    "pickled": array_of(npy(np.array([{}], dtype=object))),
    "zipped": array_of(npy(weights_of(1), np.savez)),
    "another type": array_of(npy(weights_of(1)), "torch.tensor"),
    "huge": array_of(npy(weights_of(1)).replace(b"(7,), }" + b" " * 12, b"(7" + b"0" * 12 + b",), }")),
    "float64": Array(weights_of(1).astype(np.float64)),
    "integers": Array(np.arange(7)),
    "a matrix": Array(np.zeros((7, 1), np.float32)),
    "a number": array_of(npy(np.zeros((), np.float32))),
}


ORDERS = {
    "seed": ["x", 1.5],
    "budget": [60, "x"],
    "input_shape": [[], [9, 0], [9.0, 128.0], ["9"], [True, True], [1, 2, 3, 4], 9],
    "num_classes": [1, "6", True],
    "dataset": ["", "[]", '{"nmae": "digits"}', '{"name": "local", "alpha": 0}', '{"name": "local", "alpha": "x"}', 1],
    "training": ["{", '{"epochs": 0}', '{"lr": 1}', '{"epochs": null}', "[" * 100_000],
    "specs": ["{}", [1], [b"{}"]],
    "classes": [["A"], ["A"] * 6, [1] * 6, "ABCDEF"],
    "precision": ["float64", 16, ""],
    "trial": [["a"], ["a"] * 4, [1, 2, 3, 4], "abcd"],
    "action": [["train"] * 3, ["train"] * 3 + ["steal"], [b"train"] * 4],
    "round": [[1.0] * 4, ["1"] * 4, [True] * 4, [1]],
    "spec": [["x"] * 4, [], [0.0] * 4],
}


@pytest.mark.parametrize(("field", "value"), [(field, value) for field, values in ORDERS.items() for value in values])
def test_a_malformed_order_is_a_protocol_error(field: str, value: object):
    content = encoded()
    content.config_records["order"][field] = value
    with pytest.raises(ProtocolError):
        decode_order(content)


@pytest.mark.parametrize("field", [*ORDERS])
def test_an_order_without_one_of_its_fields_is_a_protocol_error(field: str):
    content = encoded()
    del content.config_records["order"][field]
    with pytest.raises(ProtocolError, match=repr(field)):
        decode_order(content)


@pytest.mark.parametrize("case", ARRAYS)
def test_arrays_that_are_no_packed_weights_are_refused(case: str):
    order = encoded()
    order.array_records["weights"]["trial-0001"] = ARRAYS[case]
    assert list(refused_jobs(order)) == ["trial-0001"]
    assert "'trial-0001'" in refused_jobs(order)["trial-0001"]
    results = encode_results(DIGEST, RESULTS)
    results.array_records["updates"]["trial-0001"] = ARRAYS[case]
    with pytest.raises(ProtocolError, match="trial-0001"):
        decode_results(results)


def test_an_order_without_its_record_is_a_protocol_error():
    content = encoded()
    del content["order"]
    with pytest.raises(ProtocolError, match="'order'"):
        decode_order(content)


def test_jobs_without_weights_are_refused():
    content = encoded()
    del content["weights"]
    assert set(refused_jobs(content).values()) == {
        f"A job must come with its weights, got {job.trial!r}." for job in JOBS
    }


DEEP = json.dumps({"version": 1, "kind": "layered", "layers": [{"op": "linear", "width": 8}] * 65})


SPEC_TEXTS = {
    "malformed": ("{", "must be valid JSON"),
    "nested": ("[" * 100_000, "must have 65536 characters at most"),
    "nested within the length": ("[" * 60_000, "must be valid JSON"),
    "too long": (json.dumps({"version": 1, "kind": "layered", "layers": [" " * 70_000]}), "65536 characters at most"),
    "too deep": (DEEP, "64 layers at most"),
    "another version": ('{"version": 2, "kind": "layered", "layers": []}', "version must be 1"),
    "another task's": (ArchitectureSpec((Linear(4), Conv1d(4))).to_json(), "Layer 1"),
    "unknown operation": ('{"version": 1, "kind": "layered", "layers": [{"op": "attention"}]}', "op must be one of"),
}


@pytest.mark.parametrize("case", SPEC_TEXTS)
def test_a_spec_that_makes_no_sense_costs_its_own_jobs_only(case: str):
    text, reason = SPEC_TEXTS[case]
    content = encoded()
    content.config_records["order"]["specs"][1] = text
    order, refused = decode_order(over_the_wire(content))
    assert [job.trial for job in order.jobs] == ["trial-0001", "trial-0003", "final-0001"]
    ((trial, action, number, why),) = [(r.trial, r.action, r.round, r.reason) for r in refused]
    assert (trial, action, number) == ("trial-0002", "train", 3)
    assert reason in why


def test_a_spec_that_is_not_there_costs_its_own_jobs_only():
    content = encoded()
    content.config_records["order"]["spec"][3] = 2
    assert refused_jobs(content) == {"final-0001": "A job names one of the 2 specs of its message, got 2."}
    content.config_records["order"]["spec"][3] = -1
    assert list(refused_jobs(content)) == ["final-0001"]


@pytest.mark.parametrize("limit", ["max_parameters", "max_macs"])
def test_a_spec_above_the_limits_is_refused_before_its_weights_are_looked_at(limit: str):
    costs = [getattr(cost_of(spec, TASK), limit.removeprefix("max_")) for spec in SPECS]
    less = min(range(2), key=costs.__getitem__)
    kept, broken = SPECS[less], SPECS[1 - less]
    content = encoded()
    for job in JOBS:
        if job.spec == broken:
            content.array_records["weights"][job.trial] = ARRAYS["garbage"]
    reasons = refused_jobs(content, Limits(**{limit: costs[less]}))
    assert sorted(reasons) == sorted(job.trial for job in JOBS if job.spec != kept)
    assert all("must stay within the node's limits" in reason for reason in reasons.values())
    assert refused_jobs(encoded(), Limits(**{limit: max(costs)})) == {}


def test_memory_is_limited_by_what_the_optimizer_and_the_batch_take():
    plain = replace(ORDER, training=TrainingSettings("sgd", batch_size=1), jobs=JOBS[:1])
    large = replace(plain, training=TrainingSettings("adam", batch_size=100_000))
    enough = Limits(max_memory_mb=needs_of(SPECS[0], TASK, plain.training).memory_mb)
    assert refused_jobs(encoded(plain), enough) == {}
    assert "MiB of memory at most (max-memory-mb)" in refused_jobs(encoded(large), enough)["trial-0001"]


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats() | st.text(max_size=20) | st.binary(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=6,
)


@given(st.data())
@settings(max_examples=200, deadline=None)
def test_whatever_an_order_holds_it_is_read_or_refused(data: st.DataObject):
    """One field, setting, spec or array of a good order is replaced by nonsense."""
    content = encoded()
    record = content.config_records["order"]
    name = data.draw(st.sampled_from([*record, "weights"]))
    value = data.draw(VALUES)
    if name == "weights":
        shape = tuple(data.draw(st.lists(st.integers(-5, 2**40), max_size=2)))
        blob = data.draw(st.binary(max_size=200) | st.just(npy(weights_of(1, SIZES[0]))))
        content.array_records["weights"]["trial-0001"] = Array("float32", shape, "numpy.ndarray", blob)
    elif name in ("dataset", "training", "specs"):
        old = record[name]
        plain = json.loads(old[0] if isinstance(old, list) else old)
        plain[data.draw(st.sampled_from([*plain, "other"]))] = value if not isinstance(value, bytes) else None
        text = json.dumps(plain, default=str)
        record[name] = [text, text] if isinstance(old, list) else text
    else:
        record.__dict__["_data"][name] = value  # past the record's own check: it came over the wire
    try:
        order, refused = decode_order(content, LIMITS)
    except ProtocolError:
        return
    assert len(order.jobs) + len(refused) == len(JOBS)
