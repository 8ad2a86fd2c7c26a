import time
from dataclasses import replace

import numpy as np
import pytest
from flwr.app import ConfigRecord, Context, Message, MessageType, Metadata, RecordDict
from flwr.common.serde import recorddict_from_proto, recorddict_to_proto

from client_app import jobs
from client_app.app import app
from client_app.node import node_of
from common.architecture.initial import initial_weights
from common.architecture.kinds.layered import LayeredSpec
from common.architecture.kinds.layers import Linear
from common.digest import code_digest
from common.jobs import Job, Order, Split, Work
from common.seeding import generator
from common.settings import DatasetSettings
from common.tasks import Classification, Task
from common.wire import arrays
from common.wire.arrays import Packer, num_bytes
from common.wire.handshake import decode_report, encode_question
from common.wire.header import check_header, decode_limits, refusal
from common.wire.order import encode_order
from common.wire.results import decode_results
from tests.support.wire import PREPROCESSING

TASK = Task((32,), Classification(10))
SPEC = LayeredSpec((Linear(16, norm="none", dropout=0.2),))
WEIGHTS = initial_weights(SPEC.lower(TASK), generator(0, "weights"))
DATA = DatasetSettings("synthetic")
METRICS = {"accuracy", "auroc", "balanced_accuracy", "macro_f1", "loss"}


def ask(content: RecordDict, kind: str = MessageType.TRAIN, node_id: int = 4, **config: object) -> RecordDict:
    """Send one message to the ClientApp, as a SuperNode would, and return the reply's content."""
    config = config or {"partition-id": 1, "num-partitions": 10}
    metadata = Metadata(1, "message-9", 1, node_id, "", "1", time.time(), 3600.0, kind)
    received = recorddict_from_proto(recorddict_to_proto(content))
    reply = app(Message(content=received, metadata=metadata), Context(1, node_id, config, RecordDict(), {}))
    assert not reply.has_error()
    assert (reply.metadata.reply_to_message_id, reply.metadata.dst_node_id) == ("message-9", 1)
    check_header(reply.content, code_digest(), "The node")
    return recorddict_from_proto(recorddict_to_proto(reply.content))


def order_of(*jobs: Job, digest: str = "", **changes: object) -> RecordDict:
    order = replace(Order(7, 60.0, TASK, DATA, jobs), **changes)
    return encode_order(digest or code_digest(), order, Packer(order.precision))


def train_job(name: str = "a", number: int = 1, weights: np.ndarray = WEIGHTS) -> Job:
    return Job(name, "trial-0001", SPEC, {"weights": weights}, Work("train", "train", number))


def score_job(name: str, split: Split = "validation", spec: LayeredSpec = SPEC, weights: np.ndarray = WEIGHTS) -> Job:
    return Job(name, "trial-0001", spec, {"weights": weights}, Work("score", split, 1))


def update_of(node_id: int = 4, number: int = 1, **config: object) -> bytes:
    (result,) = decode_results(ask(order_of(train_job(number=number)), node_id=node_id, **config))
    assert result.status == "done", result.reason
    return result.arrays["weights"].tobytes()


def test_the_handshake():
    content = ask(encode_question(code_digest(), DATA, PREPROCESSING, 7), MessageType.QUERY)
    told = decode_report(content)
    assert refusal(content) is None
    assert (told.name, told.input_shape, told.head, told.num_train) == ("partition-1", [32], Classification(10), 200)


@pytest.mark.parametrize("kind", [MessageType.TRAIN, MessageType.EVALUATE])
def test_an_order_of_many_jobs_of_which_some_fail(kind: str):
    jobs = (
        train_job("a"),
        train_job("b", weights=np.full_like(WEIGHTS, np.nan)),
        score_job("c"),
        score_job("d", weights=WEIGHTS[1:]),
        score_job("e", "test"),
    )
    results = sorted(decode_results(ask(order_of(*jobs), kind)), key=lambda result: result.job)
    assert [(r.job, r.status, list(r.arrays)) for r in results] == [
        ("a", "done", ["weights"]),
        ("b", "failed", []),
        ("c", "done", []),
        ("d", "refused", []),
        ("e", "done", []),
    ]
    assert "finite" in results[1].reason
    assert f"array of {len(WEIGHTS)} numbers" in results[3].reason
    assert set(results[0].metrics) == {"loss"}
    assert set(results[2].metrics) == set(results[4].metrics) == METRICS


def test_a_trial_is_scored_on_the_weights_that_it_is_then_trained_from():
    score, train = score_job("score"), train_job("train")
    content = order_of(score, replace(train, arrays=score.arrays))
    assert num_bytes(content) == 4 * len(WEIGHTS)  # both jobs share them
    scored, trained = decode_results(ask(content))
    assert [(r.job, r.status, list(r.arrays)) for r in (scored, trained)] == [
        ("score", "done", []),
        ("train", "done", ["weights"]),
    ]
    (alone,) = decode_results(ask(order_of(score)))
    assert scored.metrics == alone.metrics
    assert trained.arrays["weights"].tobytes() == update_of()


def test_a_node_that_is_given_other_arrays_beside_the_weights_trains_all_the_same():
    arrays = {"weights": WEIGHTS, "alphas": np.zeros(5, np.float32)}
    (result,) = decode_results(ask(order_of(replace(train_job(), arrays=arrays))))
    assert (result.status, list(result.arrays)) == ("done", ["weights"])
    assert result.arrays["weights"].tobytes() == update_of()


def test_a_spec_above_the_limits_is_refused_with_the_limits_and_the_others_are_done(flower_log):
    small = LayeredSpec()
    weights = initial_weights(small.lower(TASK), generator(0))
    config = {"partition-id": 1, "num-partitions": 10, "max-params": len(weights)}
    content = ask(order_of(train_job("a"), score_job("b", spec=small, weights=weights)), **config)
    done, refused = decode_results(content)
    assert (done.job, done.status, refused.job, refused.status) == ("b", "done", "a", "refused")
    assert f"takes {len(weights)} parameters at most (max-params), and this spec needs 698" in refused.reason
    assert decode_limits(content) == node_of(config).limits
    assert f"a: refused: {refused.reason}" in flower_log.text


def test_nothing_is_allocated_for_a_spec_above_the_limits(monkeypatch: pytest.MonkeyPatch):
    touched = []
    for module, name in ((jobs, "load_node_data"), (jobs, "build"), (arrays.np, "frombuffer")):
        monkeypatch.setattr(module, name, lambda *_, name=name, **__: touched.append(name))
    content = ask(order_of(train_job()), **{"partition-id": 1, "num-partitions": 10, "max-macs": 1})
    assert [result.status for result in decode_results(content)] == ["refused"]
    assert touched == []


def test_weights_travel_back_in_the_precision_of_the_order():
    content = ask(order_of(train_job(), precision="float16"))
    assert num_bytes(content) == 2 * len(WEIGHTS)
    (result,) = decode_results(content, "float16")
    assert result.status == "done"
    assert result.arrays["weights"].dtype == np.float32


def test_a_spent_budget():
    results = decode_results(ask(order_of(train_job("a"), train_job("b"), budget=0.0)))
    assert [(r.job, r.status, list(r.arrays)) for r in results] == [("a", "done", ["weights"]), ("b", "unfinished", [])]


def test_an_order_without_jobs():
    assert decode_results(ask(order_of())) == ()


def test_an_update_depends_on_partition_name_and_round_and_on_nothing_else():
    first = update_of()
    assert update_of(node_id=99) == first
    assert update_of(number=2) != first
    assert update_of(**{"partition-id": 2, "num-partitions": 10}) != first
    assert update_of(**{"partition-id": 1, "num-partitions": 10, "name": "attic"}) != first


REFUSED = {
    "foreign digest": (lambda: order_of(train_job(), digest="0" * 64), {}, "must run the same digest"),
    "no header": (lambda: RecordDict({"order": ConfigRecord()}), {}, "must have a header"),
    "no order": (lambda: encode_question(code_digest(), DATA, PREPROCESSING, 7), {}, "must hold the record 'order'"),
    "no name": (lambda: order_of(train_job()), {"data": "a.npz"}, "needs a name"),
    "no data": (lambda: order_of(train_job()), {"partition-id": 12, "num-partitions": 10}, "partition"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_served_is_refused_with_its_reason_on_both_sides(case: str, flower_log):
    content, config, reason = REFUSED[case]
    told = refusal(ask(content(), **config))
    assert told is not None
    assert reason in told
    assert f"A message of the server is refused: {told}" in flower_log.text


@pytest.mark.parametrize(
    "field",
    ["seed", "budget", "task", "specs", "trainings", "precision", "job", "trial", "kind", "split", "round", "arrays"],
)
def test_a_malformed_order_is_refused(field: str):
    content = order_of(train_job())
    content.config_records["order"][field] = b"nonsense"
    told = refusal(ask(content))
    assert told is not None
    assert repr(field) in told


def test_the_nodes_log_shows_what_the_reply_does_not_tell(tmp_path, flower_log):
    path = tmp_path / "secret-place.npz"
    content = encode_question(code_digest(), DatasetSettings("local"), PREPROCESSING, 7)
    told = refusal(ask(content, MessageType.QUERY, name="attic", data=str(path)))
    assert told is not None
    assert "secret-place" not in told
    assert "secret-place" in flower_log.text


def test_a_malformed_handshake_is_refused():
    content = encode_question(code_digest(), DATA, PREPROCESSING, 7)
    content.config_records["question"]["dataset"] = '{"nmae": "digits"}'
    told = refusal(ask(content, MessageType.QUERY))
    assert told is not None
    assert "nmae" in told


def test_an_error_that_nobody_foresaw_tells_the_server_its_type_only(monkeypatch, flower_log):
    def broken(*_):
        raise MemoryError("Unable to allocate an array of shape (60000, 3072) for /data/patients.npz")

    monkeypatch.setattr("client_app.app.do_jobs", broken)
    reason = refusal(ask(order_of(train_job())))
    assert "MemoryError" in reason
    assert "60000" not in reason
    assert "patients" in flower_log.text
