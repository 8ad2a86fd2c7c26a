"""All that a node may send, by what was asked of it, looked at as it travels.

Who adds a record or a field to a reply writes it down here, and says in SECURITY.md what of a node's data it tells.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from flwr.app import RecordDict

from client_app.jobs import do_jobs
from client_app.node import Node
from common.architecture.initial import initial_weights
from common.architecture.kinds.layered import LayeredSpec
from common.architecture.kinds.layers import Linear
from common.architecture.spec import ArchitectureSpec
from common.data import Holder, load_node_data
from common.data.formats import Reading
from common.jobs import Arrays, Job, Order, Work
from common.limits import Limits
from common.seeding import generator
from common.settings import BilevelSettings, DatasetSettings, PersonalSettings
from common.wire.handshake import encode_name
from common.wire.header import encode_refusal
from common.wire.results import encode_results
from tests.support.mixed import mixed_layers
from tests.support.wire import DIGEST, over_the_wire

HEADER = {"protocol", "version", "digest"}
LIMITS = {"max_parameters", "max_macs", "max_memory_mb"}
OF_A_JOB = {"job", "status", "reason"}
OF_COMPUTING = {"num-examples", "seconds"}

OF_CLASSES = {"loss", "accuracy", "balanced_accuracy", "macro_f1", "auroc"}
SCORES = {
    "two classes": OF_CLASSES | {"average_precision", "brier", "ece", "threshold"},
    "three classes": OF_CLASSES,
    "labels": {"loss", "average_precision", "auroc", "macro_f1", "micro_f1", "subset_accuracy"},
    "targets": {"mse", "rmse", "mae", "r2", "mse_of_mean", "offset_0"},
}
"""What a score tells, by what the labels are; a metric that the examples do not have is left out."""

OF_A_TEST = {
    "two classes": {
        "accuracy_error",
        *(f"{name}_at_threshold" for name in ("accuracy", "balanced_accuracy", "macro_f1")),
    },
    "three classes": {"accuracy_error"},
    "labels": {"average_precision_error"},
    "targets": {"mse_error"},
}
"""What a test tells besides, with ``bootstrap``, and with ``threshold`` where there are two classes."""

SPLITS, WAYS = ("validation", "test"), ("common", "personal", "local")
HEADS = sorted(SCORES)
TASKS = {"labels": "multilabel", "targets": "regression"}
SPEC = LayeredSpec((Linear(4),))
MIXED = mixed_layers([Linear(4, activation="tanh"), Linear(4)], [Linear(3), Linear(3, norm="none")])
ALPHAS = np.zeros(4, np.float32)
NUMBER, TESTED = 200, 50


@pytest.fixture(params=HEADS)
def head(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def node(head: str, tmp_path: Path) -> Node:
    """Return a node with a file of its own, a quarter of which is its test part."""
    x = np.random.default_rng(0).normal(size=(NUMBER, 4)).astype(np.float32)
    y = {"two classes": x[:, 0] > 0, "three classes": np.digitize(x[:, 0], [-0.5, 0.5]), "labels": x[:, :2] > 0}
    labels = x[:, :1] if head == "targets" else y[head].astype(np.int64)
    np.savez(tmp_path / "a.npz", x=x, y=labels, split=(np.arange(NUMBER) % (NUMBER // TESTED) == 0).astype(int))
    reading = Reading(task=TASKS.get(head, "classification"))
    return Node("attic", Holder(path=str(tmp_path / "a.npz"), reading=reading), Limits(10**6, 10**9, 1000))


def reply(node: Node, work: Work, spec: ArchitectureSpec = SPEC, given: Arrays | None = None) -> RecordDict:
    """Return the answer to an order of one job, as it arrives."""
    dataset = DatasetSettings("local")
    task = load_node_data(dataset, node.holder, 7).task
    arrays = {"weights": initial_weights(spec.lower(task), generator(0)), **(given or {})}
    job = Job("job", "trial-0001", spec, {} if work.kind == "proxy" else arrays, work)
    order = Order(seed=7, budget=60.0, task=task, dataset=dataset, jobs=(job,))
    results = do_jobs(order, node)
    assert [result.status for result in results] == ["done"], results[0].reason
    content = over_the_wire(encode_results(DIGEST, results, node.limits))
    assert set(content) == {"header", "limits", "results", "metrics", "arrays"}
    assert set(content.config_records["header"]) == HEADER
    assert set(content.config_records["limits"]) == LIMITS
    assert set(content.config_records["results"]) == OF_A_JOB
    assert all(len(column) == 1 for column in content.metric_records["metrics"].values())
    sizes = {name: len(arrays[name.removeprefix("0/")]) for name in content.array_records["arrays"]}
    assert {name: array.numpy().size for name, array in content.array_records["arrays"].items()} == sizes
    return content


def metrics_of(content: RecordDict) -> set[str]:
    """Return what it tells of the node's examples, besides how many there are and how long it took."""
    told = set(content.metric_records["metrics"])
    assert told >= OF_COMPUTING
    return told - OF_COMPUTING


def arrays_of(content: RecordDict) -> set[str]:
    return set(content.array_records["arrays"])


def test_training_tells_weights_and_one_loss(node: Node) -> None:
    content = reply(node, Work("train", "train", 1))
    assert (metrics_of(content), arrays_of(content)) == ({"loss"}, {"0/weights"})


def test_a_step_of_architecture_weights_tells_these_and_two_losses(node: Node) -> None:
    content = reply(node, Work("bilevel", "train", 1, bilevel=BilevelSettings()), MIXED, {"alphas": ALPHAS})
    assert metrics_of(content) == {"loss", "architecture_loss"}
    assert arrays_of(content) == {"0/weights", "0/alphas"}


def test_a_score_tells_metrics_over_all_of_its_examples(node: Node, head: str) -> None:
    content = reply(node, Work("score", "validation", 1))
    assert (metrics_of(content), arrays_of(content)) == (SCORES[head], set())


def test_a_test_tells_a_standard_error_and_what_comes_of_the_threshold_too(node: Node, head: str) -> None:
    threshold = 0.4 if head == "two classes" else None
    content = reply(node, Work("score", "test", 1, threshold=threshold, bootstrap=5))
    assert (metrics_of(content), arrays_of(content)) == (SCORES[head] | OF_A_TEST[head], set())
    assert list(content.metric_records["metrics"]["num-examples"]) == [TESTED]


def test_proxies_tell_one_number_each(node: Node) -> None:
    content = reply(node, Work("proxy", "train", 0))
    assert (metrics_of(content), arrays_of(content)) == ({"grad_norm", "naswot", "synflow"}, set())


def test_models_of_a_nodes_own_tell_metrics_and_stay(node: Node, head: str) -> None:
    content = reply(node, Work("personal", "train", 1, personal=PersonalSettings("mix", epochs=1)))
    scores = {f"{split}/{way}/{name}" for split in SPLITS for way in WAYS for name in SCORES[head]}
    assert metrics_of(content) == {
        "kept",
        "written",
        "coefficient",
        *(f"{split}/examples" for split in SPLITS),
        *scores,
    }
    assert arrays_of(content) == set()


def test_a_call_is_answered_with_a_name_and_a_refusal_is_a_reason_with_one() -> None:
    """What the handshake tells is in tests/contracts/test_preprocessing.py."""
    called, refused = over_the_wire(encode_name(DIGEST, "attic")), over_the_wire(encode_refusal(DIGEST, "why", "attic"))
    assert {name: set(record) for name, record in called.items()} == {"header": HEADER, "name": {"name"}}
    assert {name: set(record) for name, record in refused.items()} == {"header": HEADER, "refusal": {"reason", "name"}}
