"""Names and reports on the wire."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from flwr.app import ConfigRecord, RecordDict

from common.errors import ConfigError, ProtocolError
from common.preprocessing.base import Sums
from common.preprocessing.schema import Declared, Schema
from common.settings import DatasetSettings
from common.tasks import Classification, Multilabel, Regression
from common.wire.arrays import num_bytes
from common.wire.handshake import (
    decode_name,
    decode_question,
    decode_report,
    encode_call,
    encode_name,
    encode_question,
    encode_report,
    is_call,
)
from tests.support.wire import (
    DIGEST,
    ORDER,
    PREPROCESSING,
    REPORT,
    over_the_wire,
)


def test_a_handshake_arrives_as_it_was_sent():
    for counts in (False, True):
        question = over_the_wire(encode_question(DIGEST, ORDER.dataset, PREPROCESSING, 2**62, counts))
        assert decode_question(question) == (ORDER.dataset, PREPROCESSING, 2**62, counts)
    assert decode_report(over_the_wire(encode_report(DIGEST, REPORT))) == REPORT


def head(**change: object) -> dict[str, object]:
    return {"kind": "classification", "num_classes": 2, "classes": ["sits", "walks"], "goes_by": "accuracy", **change}


REPORTS = {
    "name": [None, 1, ""],
    "input_shape": [9, [], ["9"], [9.0], [0], None],
    "head": [
        None,
        "regression",
        {"kind": "poetry"},
        *(head(num_classes=count) for count in ("2", 2.5, 1, True)),
        *(head(classes=names) for names in ([1, 2], ["a", "a"], "ab", None)),
        {"kind": "regression", "mean": [0], "scale": [-1]},
    ],
    "macs_per_second": ["fast", 10**400, -(10**400), -1, 10**17 + 1],
    "num_train": [0, "100", None, True],
    "num_validation": ["x"],
    "cores": ["x", 0, -1, 10**9],
    "memory_mb": [1.5, -1, 2**32 + 1],
    "device": [None, "", "cpu\n", "c" * 51],
    "colour": ["red"],
}


@pytest.mark.parametrize(
    ("field", "value"),
    [(field, value) for field, values in REPORTS.items() for value in values],
    ids=lambda value: repr(value)[:40],
)
def test_a_malformed_report_is_a_protocol_error(field: str, value: object):
    values = json.loads(encode_report(DIGEST, REPORT).config_records["report"]["node"])
    report = ConfigRecord({"node": json.dumps(values | {field: value})})
    content = RecordDict({"limits": ConfigRecord(), "report": report})
    with pytest.raises(ProtocolError):
        decode_report(content)


def test_a_node_with_numbers_needs_two_classes_and_one_with_names_does_not():
    content = encode_report(DIGEST, REPORT)
    told = json.loads(content["report"]["node"]) | {"head": head(num_classes=1, classes=[])}
    content["report"]["node"] = json.dumps(told)
    with pytest.raises(ProtocolError, match="classifier"):
        decode_report(content)
    told = replace(REPORT, head=Classification.of_names(("walks",)))
    assert decode_report(encode_report(DIGEST, told)) == told


def test_a_report_without_a_field_is_a_protocol_error():
    part = {"limits": ConfigRecord(), "report": ConfigRecord({"node": '{"name": "attic"}'})}
    with pytest.raises(ProtocolError, match="fixed fields"):
        decode_report(RecordDict(part))
    with pytest.raises(ProtocolError, match="'limits'"):
        decode_report(RecordDict({"report": encode_report(DIGEST, REPORT)["report"]}))
    with pytest.raises(ProtocolError, match="'report'"):
        decode_report(RecordDict())


def test_what_a_node_says_of_targets_arrives_to_the_bit():
    told = replace(REPORT, head=Regression((1 / 3, -1e-300), (2**0.5, 0.0)))
    assert decode_report(over_the_wire(encode_report(DIGEST, told))) == told


@pytest.mark.parametrize("field", ["dataset", "preprocessing"])
def test_a_malformed_question_is_one_of_our_errors(field):
    wrong = {"dataset": '{"alpha": 0}', "preprocessing": '{"min_examples": 0}'}
    for text, error in (("x", ProtocolError), ('{"nmae": 1}', ConfigError), (wrong[field], ConfigError)):
        content = encode_question(DIGEST, ORDER.dataset, PREPROCESSING, 0)
        content["question"][field] = text
        with pytest.raises(error):
            decode_question(content)


@pytest.mark.parametrize(
    "change",
    [
        {"examples": 101},  # the node trains on 100
        {"examples": 0},
        {"examples": 100.0},
        {"sum": [0.5] * 8},
        {"sum": 0.5},
        {"sum": ["0.5"] * 9},
        {"square": [-2.0] * 9},
        {"sum": [float("nan")] * 9},
        {"count": [12_801.0] * 9},  # 128 steps of each of 100
        {"count": [-1.0] * 9},
        {"count": [0.5] * 9},
        {"count": [0.0] * 9},  # sums of nothing are none
    ],
    ids=str,
)
def test_sums_that_no_node_can_have_are_refused(change):
    content = encode_report(DIGEST, REPORT)
    content["sums/moments"] = ConfigRecord({**content["sums/moments"], **change})
    with pytest.raises(ProtocolError):
        decode_report(content)


SCHEMA = Schema((Declared("a", "number", missing=True), Declared("b", "label", classes=("sits", "walks"))))


def test_a_schema_arrives_as_it_was_sent():
    sums = {"moments": Sums(100, {"count": (90.0,), "sum": (1.0,), "square": (2.0,)})}
    told = replace(REPORT, input_shape=[2], schema=SCHEMA, sums=sums)
    assert decode_report(over_the_wire(encode_report(DIGEST, told))) == told
    for other in (replace(told, input_shape=[3]), replace(told, head=Classification(2, ("walks", "sits")))):
        with pytest.raises(ProtocolError):
            decode_report(encode_report(DIGEST, other))
    for text in ("x", "{}", '{"columns": {"a": {"role": "number"}}}'):
        content = encode_report(DIGEST, told)
        content["schema"] = ConfigRecord({"json": text})
        with pytest.raises(ProtocolError):
            decode_report(content)


def test_several_labels_are_those_of_the_schema():
    schema = Schema((Declared("a", "number"), Declared("sits", "label"), Declared("walks", "label")))
    told = replace(REPORT, input_shape=[1], schema=schema, head=Multilabel(2, ("sits", "walks")), counts=[], sums={})
    assert decode_report(over_the_wire(encode_report(DIGEST, told))) == told
    for head in (Multilabel(2), Multilabel(2, ("sits", "runs")), Classification(2, ("sits", "walks"))):
        with pytest.raises(ProtocolError, match="must be those of its schema"):
            decode_report(encode_report(DIGEST, replace(told, head=head)))


def test_a_node_that_was_asked_for_no_sums_and_counts_sends_none():
    told = replace(REPORT, sums={})
    content = over_the_wire(encode_report(DIGEST, told))
    assert decode_report(content) == told
    assert set(content) == {"header", "limits", "report"}


@pytest.mark.parametrize(
    ("own", "counts"),
    [
        (REPORT.head, [60]),
        (REPORT.head, [30, 30, 30]),
        (REPORT.head, [60, 41]),  # the node trains on 100
        (REPORT.head, [60, -1]),
        (REPORT.head, [60.0, 30.0]),
        (Classification.of_names(("walks",)), [60, 0]),
        (Regression(), [60]),
    ],
    ids=str,
)
def test_counts_of_classes_that_no_node_can_have_are_refused(own, counts):
    content = encode_report(DIGEST, replace(REPORT, head=own))
    content["counts"] = ConfigRecord({"train": counts})
    with pytest.raises(ProtocolError):
        decode_report(content)


@pytest.mark.parametrize("classes", [2, 2**16])
def test_counts_of_classes_arrive_however_many_there_are(classes):
    told = replace(REPORT, head=Classification(classes), counts=[0] * (classes - 1) + [90])
    assert decode_report(over_the_wire(encode_report(DIGEST, told))) == told


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"head": head(classes=["\ud800", "cat"])}, "Names must be printable"),
        ({"name": "attic\x1b[2J"}, "Names must be printable"),
        ({"name": "a" * 201}, "200 characters"),
        ({"head": head(classes=[], num_classes=10**7)}, "65536 classes at most"),
    ],
)
def test_a_report_that_would_harm_others_is_refused(change: dict, rule: str):
    content = encode_report(DIGEST, REPORT)
    report = json.loads(content["report"]["node"])
    content["report"]["node"] = json.dumps(report | change)
    with pytest.raises(ProtocolError, match=rule):
        decode_report(content)


def test_a_call_asks_for_a_name_and_nothing_else():
    call = over_the_wire(encode_call(DIGEST))
    assert (is_call(call), num_bytes(call)) == (True, 0)
    assert not is_call(over_the_wire(encode_question(DIGEST, DatasetSettings(), PREPROCESSING, 1)))
    assert decode_name(over_the_wire(encode_name(DIGEST, "attic"))) == "attic"


@pytest.mark.parametrize("name", ["", "a" * 201, "attic\x1b[2J", 7])
def test_what_is_no_name_is_refused(name: object):
    content = encode_name(DIGEST, "attic")
    content["name"]["name"] = name
    with pytest.raises(ProtocolError):
        decode_name(content)


@pytest.mark.parametrize(
    "counts", [{"num_train": 0}, {"num_test": -1}, {"num_validation": -1}, {"num_train": 2**29 - 1}]
)
def test_counts_that_cannot_be_are_refused(counts: dict[str, int]):
    with pytest.raises(ProtocolError, match="A node holds 1 to 33554432 training examples"):
        decode_report(encode_report(DIGEST, replace(REPORT, **counts)))
