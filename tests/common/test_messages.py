import io
import json
import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from flwr.app import Array, ArrayRecord, ConfigRecord, MetricRecord, RecordDict
from flwr.common.serde import recorddict_from_proto, recorddict_to_proto

from common import __version__, messages
from common.architecture.operations import Conv1d, Linear
from common.architecture.spec import ArchitectureSpec
from common.architecture.task import TaskShape
from common.errors import ConfigError, ProtocolError
from common.messages import (
    Job,
    NodeReport,
    Order,
    Result,
    check_header,
    decode_order,
    decode_question,
    decode_report,
    decode_results,
    encode_order,
    encode_question,
    encode_refusal,
    encode_report,
    encode_results,
    num_bytes,
    pack,
    refusal,
)
from common.settings import DatasetSettings, TrainingSettings

DIGEST = "d" * 64
SPECS = (ArchitectureSpec((Linear(8, dropout=0.1),)), ArchitectureSpec((Conv1d(4), Linear(8))))
REPORT = NodeReport("attic", [9, 128], 6, 100, 25, 4, 8192, "cpu")


def weights_of(seed: int, size: int = 7) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=size).astype(np.float32)


JOBS = (
    Job("trial-0001", "train", 1, SPECS[0], weights_of(1)),
    Job("trial-0002", "train", 3, SPECS[1], weights_of(2, 11)),
    Job("trial-0003", "score", 9, SPECS[0], weights_of(3)),
    Job("final-0001", "test", 9, SPECS[0], weights_of(4)),
)
ORDER = Order(
    seed=2**62,
    budget=480.0,
    task=TaskShape((9, 128), 6),
    dataset=DatasetSettings("local", "har.npz", "natural", options={"num_classes": 6}),
    training=TrainingSettings("sgd", 0.05, momentum=0.9),
    jobs=JOBS,
)
RESULTS = (
    Result("trial-0001", "train", 1, "done", "", 100, {"loss": 0.5}, 1.5, weights_of(5)),
    Result("trial-0002", "train", 3, "failed", "Training diverged.", seconds=0.25),
    Result("trial-0003", "score", 9, "done", "", 25, {"loss": 0.75, "accuracy": 0.5}, 0.125),
    Result("final-0001", "test", 9, "unfinished", "The budget was spent."),
)


def over_the_wire(content: RecordDict) -> RecordDict:
    return recorddict_from_proto(recorddict_to_proto(content))


def encoded(order: Order = ORDER) -> RecordDict:
    return encode_order(DIGEST, order, {job.trial: pack(job.weights) for job in order.jobs})


def same(first: np.ndarray | None, second: np.ndarray | None) -> bool:
    if first is None or second is None:
        return first is second
    return first.dtype == second.dtype and np.array_equal(first, second)


# ---------------------------------------------------------------- there and back


def test_an_order_arrives_as_it_was_sent():
    got = decode_order(over_the_wire(encoded()))
    assert replace(got, jobs=()) == replace(ORDER, jobs=())
    for received, sent in zip(got.jobs, JOBS, strict=True):
        assert (received.trial, received.action, received.round) == (sent.trial, sent.action, sent.round)
        assert received.spec == sent.spec
        assert same(received.weights, sent.weights)


def test_an_order_may_be_empty_and_its_budget_a_whole_number_or_endless():
    assert decode_order(over_the_wire(encoded(replace(ORDER, jobs=())))).jobs == ()
    assert decode_order(over_the_wire(encoded(replace(ORDER, budget=60)))).budget == 60.0
    assert decode_order(over_the_wire(encoded(replace(ORDER, budget=math.inf)))).budget == math.inf


def test_a_spec_travels_once():
    specs = json.loads(encoded().config_records["order"]["specs"])
    assert sorted(specs) == sorted(spec.id for spec in SPECS)


def test_weights_that_are_no_contiguous_array_arrive_whole():
    wide = weights_of(0, 20)
    order = replace(ORDER, jobs=(replace(JOBS[0], weights=wide[::2]),))
    assert same(decode_order(over_the_wire(encoded(order))).jobs[0].weights, wide[::2])


def test_results_arrive_as_they_were_sent():
    got = decode_results(over_the_wire(encode_results(DIGEST, RESULTS)))
    for received, sent in zip(got, RESULTS, strict=True):
        assert replace(received, update=None, metrics={}) == replace(sent, update=None, metrics={})
        assert received.metrics == sent.metrics
        assert same(received.update, sent.update)


def test_no_results_are_results_too():
    assert decode_results(over_the_wire(encode_results(DIGEST, ()))) == ()


def test_a_handshake_arrives_as_it_was_sent():
    question = over_the_wire(encode_question(DIGEST, ORDER.dataset, 2**62))
    assert decode_question(question) == (ORDER.dataset, 2**62)
    assert decode_report(over_the_wire(encode_report(DIGEST, REPORT))) == REPORT


def test_a_refusal_is_told_from_other_replies():
    assert refusal(over_the_wire(encode_refusal(DIGEST, "no data"))) == "no data"
    assert refusal(encode_results(DIGEST, RESULTS)) is None
    assert refusal(RecordDict({"refusal": ConfigRecord()})) == "no reason given"


def test_the_bytes_are_those_of_the_arrays():
    assert num_bytes(encoded()) == sum(4 * len(job.weights) for job in JOBS)
    assert num_bytes(encode_results(DIGEST, RESULTS)) == 4 * 7
    assert num_bytes(encode_question(DIGEST, ORDER.dataset, 0)) == 0


# ---------------------------------------------------------------- header


def test_the_same_code_passes():
    for content in (encoded(), encode_results(DIGEST, ()), encode_report(DIGEST, REPORT), encode_refusal(DIGEST, "")):
        check_header(over_the_wire(content), DIGEST, "The node 'attic'")


@pytest.mark.parametrize(("key", "value"), [("protocol", 99), ("version", "9.9"), ("digest", "e" * 64)])
def test_other_code_is_refused_by_name(key: str, value: object):
    content = encoded()
    content.config_records["header"][key] = value
    with pytest.raises(ProtocolError, match=f"attic' must run the same {key}") as error:
        check_header(content, DIGEST, "The node 'attic'")
    assert repr(value) in str(error.value)
    del content.config_records["header"][key]
    with pytest.raises(ProtocolError, match="got None"):
        check_header(content, DIGEST, "The node 'attic'")


def test_a_stranger_has_no_header():
    with pytest.raises(ProtocolError, match="must have a header"):
        check_header(RecordDict(), DIGEST, "The server")


def test_the_header_says_what_we_run():
    header = encode_results(DIGEST, ()).config_records["header"]
    assert dict(header) == {"protocol": messages.PROTOCOL, "version": __version__, "digest": DIGEST}


# ---------------------------------------------------------------- nonsense


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
    "float64": pack(weights_of(1).astype(np.float64)),
    "integers": pack(np.arange(7)),
    "a matrix": pack(np.zeros((7, 1), np.float32)),
    "a number": array_of(npy(np.zeros((), np.float32))),
}

ORDERS = {
    "seed": ["x", 1.5],
    "budget": [60, "x"],
    "input_shape": [[], [9, 0], [9.0, 128.0], ["9"], [True, True], [1, 2, 3, 4], 9],
    "num_classes": [1, "6", True],
    "dataset": ["", "[]", '{"nmae": "digits"}', '{"name": "local", "alpha": 0}', '{"name": "local", "alpha": "x"}', 1],
    "training": ["{", '{"epochs": 0}', '{"lr": 1}', '{"epochs": null}', "[" * 100_000],
    "specs": ["{}", '{"a": 1}', '{"a": "{}"}'],
    "trial": [["a"], ["a"] * 4, [1, 2, 3, 4], "abcd"],
    "action": [["train"] * 3, ["train"] * 3 + ["steal"], [b"train"] * 4],
    "round": [[1.0] * 4, ["1"] * 4, [True] * 4, [1]],
    "spec": [["x"] * 4, []],
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
def test_arrays_that_are_no_packed_weights_are_protocol_errors(case: str):
    order = encoded(replace(ORDER, jobs=JOBS[:1]))
    order.array_records["weights"]["trial-0001"] = ARRAYS[case]
    with pytest.raises(ProtocolError, match="trial-0001"):
        decode_order(order)
    results = encode_results(DIGEST, RESULTS)
    results.array_records["updates"]["trial-0001"] = ARRAYS[case]
    with pytest.raises(ProtocolError, match="trial-0001"):
        decode_results(results)


@pytest.mark.parametrize("record", ["order", "weights"])
def test_an_order_without_one_of_its_records_is_a_protocol_error(record: str):
    content = encoded()
    del content[record]
    with pytest.raises(ProtocolError):
        decode_order(content)


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


REPORTS = {
    "name": [None, 1, ""],
    "input_shape": [9, [], ["9"], [9.0], [0], None],
    "num_classes": [1, "6", 2.5],
    "num_train": [0, "100", None, True],
    "num_validation": ["x"],
    "cores": ["x"],
    "memory_mb": [1.5],
    "device": [None],
    "colour": ["red"],
}


@pytest.mark.parametrize(("field", "value"), [(field, value) for field, values in REPORTS.items() for value in values])
def test_a_malformed_report_is_a_protocol_error(field: str, value: object):
    values = json.loads(encode_report(DIGEST, REPORT).config_records["report"]["node"])
    content = RecordDict({"report": ConfigRecord({"node": json.dumps(values | {field: value})})})
    with pytest.raises(ProtocolError):
        decode_report(content)


def test_a_report_without_a_field_is_a_protocol_error():
    with pytest.raises(ProtocolError, match="fixed fields"):
        decode_report(RecordDict({"report": ConfigRecord({"node": '{"name": "attic"}'})}))
    with pytest.raises(ProtocolError, match="'report'"):
        decode_report(RecordDict())


def test_a_malformed_question_is_one_of_our_errors():
    for dataset, error in (("x", ProtocolError), ('{"nmae": 1}', ConfigError), ('{"alpha": 0}', ConfigError)):
        content = RecordDict({"question": ConfigRecord({"dataset": dataset, "seed": 0})})
        with pytest.raises(error):
            decode_question(content)
