import time

import numpy as np
import pytest
from flwr.app import ConfigRecord, Context, Message, MessageType, Metadata, RecordDict
from flwr.common.serde import recorddict_from_proto, recorddict_to_proto

from client_app import jobs
from client_app.app import app
from client_app.node import node_of
from common.architecture.initial import initial_weights
from common.architecture.operations import Linear
from common.architecture.spec import ArchitectureSpec
from common.architecture.task import TaskShape
from common.digest import code_digest
from common.jobs import Job, Order
from common.seeding import generator
from common.settings import DatasetSettings, TrainingSettings
from common.wire import packing
from common.wire.handshake import decode_report, encode_question
from common.wire.header import check_header, decode_limits, refusal
from common.wire.order import encode_order
from common.wire.packing import num_bytes, pack
from common.wire.results import decode_results

TASK = TaskShape((32,), 10)
SPEC = ArchitectureSpec((Linear(16, norm="none", dropout=0.2),))
WEIGHTS = initial_weights(SPEC, TASK, generator(0, "weights"))
DATA = DatasetSettings("synthetic")


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


def order_of(*jobs: Job, budget: float = 60.0, digest: str = "") -> RecordDict:
    order = Order(7, budget, TASK, DATA, TrainingSettings(), jobs)
    return encode_order(digest or code_digest(), order, {job.trial: pack(job.weights) for job in jobs})


def train_job(trial: str = "trial-0001", number: int = 1, weights: np.ndarray = WEIGHTS) -> Job:
    return Job(trial, "train", number, SPEC, weights)


def update_of(node_id: int = 4, number: int = 1, **config: object) -> bytes:
    (result,) = decode_results(ask(order_of(train_job(number=number)), node_id=node_id, **config))
    assert result.status == "done", result.reason
    return result.update.tobytes()


def test_the_handshake():
    content = ask(encode_question(code_digest(), DATA, 7), MessageType.QUERY)
    told = decode_report(content)
    assert refusal(content) is None
    assert (told.name, told.input_shape, told.num_classes, told.num_train) == ("partition-1", [32], 10, 200)


@pytest.mark.parametrize("kind", [MessageType.TRAIN, MessageType.EVALUATE])
def test_an_order_of_many_jobs_of_which_some_fail(kind: str):
    jobs = (
        train_job("a"),
        train_job("b", weights=np.full_like(WEIGHTS, np.nan)),
        Job("c", "score", 1, SPEC, WEIGHTS),
        Job("d", "score", 1, SPEC, WEIGHTS[1:]),
        Job("e", "test", 1, SPEC, WEIGHTS),
    )
    results = sorted(decode_results(ask(order_of(*jobs), kind)), key=lambda result: result.trial)
    assert [(r.trial, r.action, r.round, r.status) for r in results] == [
        ("a", "train", 1, "done"),
        ("b", "train", 1, "failed"),
        ("c", "score", 1, "done"),
        ("d", "score", 1, "refused"),
        ("e", "test", 1, "done"),
    ]
    assert [r.update is not None for r in results] == [True, False, False, False, False]
    assert "finite" in results[1].reason
    assert f"array of {len(WEIGHTS)} numbers" in results[3].reason
    assert set(results[0].metrics) == {"loss"}
    assert set(results[2].metrics) == set(results[4].metrics) == {"accuracy", "balanced_accuracy", "macro_f1", "loss"}


def test_a_spec_above_the_limits_is_refused_with_the_limits_and_the_others_are_done(flower_log):
    small = ArchitectureSpec()
    weights = initial_weights(small, TASK, generator(0))
    config = {"partition-id": 1, "num-partitions": 10, "max-params": len(weights)}
    content = ask(order_of(train_job("a"), Job("b", "score", 1, small, weights)), **config)
    done, refused = decode_results(content)
    assert (done.trial, done.status, refused.trial, refused.status) == ("b", "done", "a", "refused")
    assert f"takes {len(weights)} parameters at most (max-params), and this spec needs 698" in refused.reason
    assert decode_limits(content) == node_of(config).limits
    assert f"a, train: refused: {refused.reason}" in flower_log.text


def test_nothing_is_allocated_for_a_spec_above_the_limits(monkeypatch: pytest.MonkeyPatch):
    touched = []
    for module, name in ((jobs, "load_node_data"), (jobs, "build"), (packing.np, "frombuffer")):
        monkeypatch.setattr(module, name, lambda *_, name=name, **__: touched.append(name))
    content = ask(order_of(train_job()), **{"partition-id": 1, "num-partitions": 10, "max-macs": 1})
    assert [result.status for result in decode_results(content)] == ["refused"]
    assert touched == []


def test_weights_travel_back_in_the_precision_of_the_order():
    order = Order(7, 60.0, TASK, DATA, TrainingSettings(), (train_job(),), precision="float16")
    content = ask(encode_order(code_digest(), order, {"trial-0001": pack(WEIGHTS, "float16")}))
    assert num_bytes(content) == 2 * len(WEIGHTS)
    (result,) = decode_results(content, "float16")
    assert result.status == "done"
    assert result.update.dtype == np.float32


def test_a_spent_budget():
    results = decode_results(ask(order_of(train_job("a"), train_job("b"), budget=0.0)))
    assert [(r.trial, r.status) for r in results] == [("a", "done"), ("b", "unfinished")]
    assert results[1].update is None


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
    "no order": (lambda: encode_question(code_digest(), DATA, 7), {}, "must hold the record 'order'"),
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
    "field", ["seed", "budget", "input_shape", "specs", "classes", "precision", "trial", "action", "round", "training"]
)
def test_a_malformed_order_is_refused(field: str):
    content = order_of(train_job())
    content.config_records["order"][field] = b"nonsense"
    told = refusal(ask(content))
    assert told is not None
    assert repr(field) in told


def test_the_nodes_log_shows_what_the_reply_does_not_tell(tmp_path, flower_log):
    path = tmp_path / "secret-place.npz"
    content = encode_question(code_digest(), DatasetSettings("local"), 7)
    told = refusal(ask(content, MessageType.QUERY, name="attic", data=str(path)))
    assert told is not None
    assert "secret-place" not in told
    assert "secret-place" in flower_log.text


def test_a_malformed_handshake_is_refused():
    content = encode_question(code_digest(), DATA, 7)
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
