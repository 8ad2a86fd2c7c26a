"""The only reader and writer of what travels between the server and the nodes.

A message to a node (records of one `RecordDict`):

    header    ConfigRecord   protocol, version, digest
    order     ConfigRecord   seed, budget, task, dataset and training (JSON), specs (JSON, by id), and
                             the columns trial[], action[], round[], spec[] with one entry a job
    weights   ArrayRecord    one packed float array a job, keyed by the trial

Its reply:

    header    ConfigRecord   protocol, version, digest
    results   ConfigRecord   the columns trial[], action[], round[], status[], reason[]
    metrics   MetricRecord   the columns num-examples[], seconds[] and one for each metric
    updates   ArrayRecord    one packed float array for each job that trained

Nothing here is pickled; arrays travel as flwr Arrays, specs and settings as JSON.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Literal, TypeVar, cast, get_args

import numpy as np
from flwr.app import Array, ArrayRecord, ConfigRecord, MetricRecord, RecordDict
from numpy.typing import NDArray

from common import __version__
from common.architecture.spec import ArchitectureSpec
from common.architecture.task import TaskShape
from common.errors import ConfigError, ProtocolError, SpecError
from common.settings import DatasetSettings, TrainingSettings

PROTOCOL = 1

Action = Literal["train", "score", "score_all", "test"]
Status = Literal["done", "failed", "unfinished"]

Weights = NDArray[np.float32]

T = TypeVar("T")


@dataclass(frozen=True)
class Job:
    """One thing that a node does for one trial.

    Parameters
    ----------
    trial : str
        Name of the trial, unique within a message.
    action : {"train", "score", "score_all", "test"}
        Train on the training split; score on the validation split, on both (a node that never trains), or
        on the test split.
    round : int
        The trial's round, from 1; the seed of the mini-batches comes from it.
    spec : ArchitectureSpec
        What to build.
    weights : Weights
        Packed state, shape ``(size of the state,)``; the order is that of `common.architecture.layout`.
    """

    trial: str
    action: Action
    round: int
    spec: ArchitectureSpec
    weights: Weights


@dataclass(frozen=True)
class Order:
    """All that one message asks of a node.

    Parameters
    ----------
    seed : int
        The run's seed.
    budget : float
        Seconds of compute; a node begins no further job once they are spent.
    task : TaskShape
        Agreed in the handshake; a node's own labels may lack some of its classes.
    dataset, training : DatasetSettings, TrainingSettings
        On what and how.
    jobs : tuple of Job
        Done in this order.
    """

    seed: int
    budget: float
    task: TaskShape
    dataset: DatasetSettings
    training: TrainingSettings
    jobs: tuple[Job, ...]


@dataclass(frozen=True)
class Result:
    """What became of one job.

    Parameters
    ----------
    trial, action, round
        As in the `Job`.
    status : {"done", "failed", "unfinished"}
        ``unfinished``: the budget was spent before the job began.
    reason : str
        Why it failed; empty otherwise.
    num_examples : int
        Examples trained or scored on.
    metrics : dict of str to float
        ``loss`` of a training job; `common.metrics` of a scoring job.
    seconds : float
        Compute time.
    update : Weights, optional
        The packed state after training.
    """

    trial: str
    action: Action
    round: int
    status: Status
    reason: str = ""
    num_examples: int = 0
    metrics: Mapping[str, float] = field(default_factory=dict)
    seconds: float = 0.0
    update: Weights | None = None


@dataclass(frozen=True)
class NodeReport:
    """What a node says of itself in the handshake.

    Parameters
    ----------
    name : str
        Stable: the ``name`` of the node config, else ``partition-<id>``.
    input_shape : list of int
        One example, without the batch axis.
    num_classes, num_train, num_validation : int
        Counts; never per label.
    cores, memory_mb, device
        What the node has to compute with.
    """

    name: str
    input_shape: list[int]
    num_classes: int
    num_train: int
    num_validation: int
    cores: int
    memory_mb: int
    device: str


# ---------------------------------------------------------------- header


def _header(digest: str) -> ConfigRecord:
    return ConfigRecord({"protocol": PROTOCOL, "version": __version__, "digest": digest})


def check_header(content: RecordDict, digest: str, sender: str) -> None:
    """Raise `ProtocolError` unless `sender` runs the same protocol, version and code as we do."""
    header = content.config_records.get("header")
    if header is None:
        raise ProtocolError(f"A message of {sender} must have a header", fix="Run flwr-nas on both sides")
    for key, ours in (("protocol", PROTOCOL), ("version", __version__), ("digest", digest)):
        if header.get(key) != ours:
            raise ProtocolError(
                f"{sender} must run the same {key} as this side ({ours!r})",
                header.get(key),
                fix="Install the same version of flwr-nas on the server and on every node, then restart both",
            )


# ---------------------------------------------------------------- handshake


def encode_question(digest: str, dataset: DatasetSettings, seed: int) -> RecordDict:
    """Ask a node who it is and what data it has under `dataset`."""
    question = ConfigRecord({"dataset": json.dumps(dataset.to_json()), "seed": seed})
    return RecordDict({"header": _header(digest), "question": question})


def decode_question(content: RecordDict) -> tuple[DatasetSettings, int]:
    """Return the data set and the run's seed that `encode_question` sent."""
    record = _config(content, "question")
    return DatasetSettings.from_json(_json(record, "dataset")), _get(record, "seed", int)


def encode_report(digest: str, report: NodeReport) -> RecordDict:
    """Answer the handshake."""
    return RecordDict({"header": _header(digest), "report": ConfigRecord({"node": json.dumps(asdict(report))})})


def decode_report(content: RecordDict) -> NodeReport:
    """Return what the node said of itself; raises `ProtocolError` where it makes no sense."""
    values = _json(_config(content, "report"), "node")
    try:
        report = NodeReport(**values)
    except TypeError as error:
        raise ProtocolError("A node's report has fixed fields", sorted(values), fix=str(error)) from None
    for item in fields(NodeReport):
        kind = {"str": str, "int": int}.get(str(item.type), list)
        if not _is(values[item.name], kind):
            raise ProtocolError(
                f"The field {item.name!r} of a node's report must be a {kind.__name__}", values[item.name]
            )
    if not all(_is(extent, int) for extent in report.input_shape):
        raise ProtocolError("The input shape of a node must be whole numbers", report.input_shape)
    try:
        TaskShape(tuple(report.input_shape), report.num_classes)
    except SpecError as error:
        raise ProtocolError("A node must have data for a classifier", fix=str(error)) from error
    if not report.name or report.num_train < 1:
        raise ProtocolError(
            "A node needs a name and training examples", values, fix="Check the node's data and its config"
        )
    return report


def encode_refusal(digest: str, reason: str) -> RecordDict:
    """Answer that a message cannot be served at all, and why."""
    return RecordDict({"header": _header(digest), "refusal": ConfigRecord({"reason": reason})})


def refusal(content: RecordDict) -> str | None:
    """Return the reason of a refusal, or None for any other reply."""
    record = content.config_records.get("refusal")
    return None if record is None else str(record.get("reason", "no reason given"))


# ---------------------------------------------------------------- orders


def pack(weights: Weights) -> Array:
    """Make the array that travels; share it between the messages that carry the same weights."""
    return Array(np.ascontiguousarray(weights))


def encode_order(digest: str, order: Order, packed: Mapping[str, Array]) -> RecordDict:
    """Write an order.

    Parameters
    ----------
    digest : str
        Digest of this side's code.
    order : Order
        Its jobs' weights are taken from `packed`, so that they are serialized once for all nodes.
    packed : mapping of str to Array
        `pack` of the weights, by trial.
    """
    specs = {job.spec.id: job.spec.to_json() for job in order.jobs}
    record = ConfigRecord(
        {
            "seed": order.seed,
            "budget": float(order.budget),
            "input_shape": list(order.task.input_shape),
            "num_classes": order.task.num_classes,
            "dataset": json.dumps(order.dataset.to_json()),
            "training": json.dumps(order.training.to_json()),
            "specs": json.dumps(specs),
            "trial": [job.trial for job in order.jobs],
            "action": [str(job.action) for job in order.jobs],
            "round": [job.round for job in order.jobs],
            "spec": [job.spec.id for job in order.jobs],
        }
    )
    weights = ArrayRecord({job.trial: packed[job.trial] for job in order.jobs})
    return RecordDict({"header": _header(digest), "order": record, "weights": weights})


def decode_order(content: RecordDict) -> Order:
    """Read an order; raises `ProtocolError` where it is malformed."""
    record = _config(content, "order")
    arrays = content.array_records.get("weights", ArrayRecord())
    try:
        task = TaskShape(tuple(_column(record, "input_shape", int)), _get(record, "num_classes", int))
        specs = {key: ArchitectureSpec.from_json(text) for key, text in _json(record, "specs").items()}
        dataset = DatasetSettings.from_json(_json(record, "dataset"))
        training = TrainingSettings.from_json(_json(record, "training"))
    except (SpecError, ConfigError, TypeError) as error:
        raise ProtocolError("An order must hold legal specs and settings", fix=str(error)) from error
    jobs = []
    for trial, action, number, spec in _rows(record, {"trial": str, "action": str, "round": int, "spec": str}):
        if action not in get_args(Action) or spec not in specs or trial not in arrays:
            raise ProtocolError("A job names an action, a spec and weights of its message", (trial, action, spec))
        jobs.append(Job(trial, cast(Action, action), number, specs[spec], _unpack(trial, arrays[trial])))
    seed, budget = _get(record, "seed", int), _get(record, "budget", float)
    return Order(seed, budget, task, dataset, training, tuple(jobs))


# ---------------------------------------------------------------- results


def encode_results(digest: str, results: Sequence[Result]) -> RecordDict:
    """Write a node's results."""
    names = sorted({name for result in results for name in result.metrics})
    columns: dict[str, list[float]] = {
        name: [float(result.metrics.get(name, math.nan)) for result in results] for name in names
    }
    metrics = MetricRecord(
        {
            "num-examples": [result.num_examples for result in results],
            "seconds": [result.seconds for result in results],
            **columns,
        }
    )
    table = ConfigRecord(
        {
            "trial": [result.trial for result in results],
            "action": [str(result.action) for result in results],
            "round": [result.round for result in results],
            "status": [str(result.status) for result in results],
            "reason": [result.reason for result in results],
        }
    )
    updates = ArrayRecord({r.trial: pack(r.update) for r in results if r.update is not None})
    return RecordDict({"header": _header(digest), "results": table, "metrics": metrics, "updates": updates})


def decode_results(content: RecordDict) -> tuple[Result, ...]:
    """Read a node's results; raises `ProtocolError` where they are malformed.

    Only the form is checked here; whether a result was asked for and its numbers make sense is for
    the strategy to say.
    """
    table = _config(content, "results")
    metrics = content.metric_records.get("metrics", MetricRecord())
    updates = content.array_records.get("updates", ArrayRecord())
    rows = _rows(table, {"trial": str, "action": str, "round": int, "status": str, "reason": str})
    columns = _metrics(metrics, len(rows))
    examples = columns.pop("num-examples", [0.0] * len(rows))
    seconds = columns.pop("seconds", [0.0] * len(rows))
    results = []
    for index, (trial, action, number, status, reason) in enumerate(rows):
        if action not in get_args(Action) or status not in get_args(Status):
            raise ProtocolError("A result names its action and its status", (action, status))
        if not (math.isfinite(examples[index]) and 0 <= seconds[index] < math.inf):
            raise ProtocolError(
                "The number of examples and the seconds of a result must be numbers", (examples[index], seconds[index])
            )
        results.append(
            Result(
                trial=trial,
                action=cast(Action, action),
                round=number,
                status=cast(Status, status),
                reason=reason,
                num_examples=int(examples[index]),
                metrics={name: values[index] for name, values in columns.items() if not math.isnan(values[index])},
                seconds=seconds[index],
                update=_unpack(trial, updates[trial]) if trial in updates else None,
            )
        )
    return tuple(results)


def num_bytes(content: RecordDict) -> int:
    """Count the bytes of the numbers in a message's arrays: what the byte ledger adds up.

    They are those that came, less NumPy's header (NPY format 1.0: a header of as many bytes as bytes 8 and 9 say begins
    at byte 10): what a foreign array says of its own type and shape may be anything.
    """
    arrays = [array.data for record in content.array_records.values() for array in record.values()]
    return sum(max(0, len(data) - 10 - int.from_bytes(data[8:10], "little")) for data in arrays)


# ---------------------------------------------------------------- helpers


def _config(content: RecordDict, name: str) -> ConfigRecord:
    record = content.config_records.get(name)
    if record is None:
        raise ProtocolError(f"A message must hold the record {name!r}", sorted(content))
    return record


def _is(value: Any, kind: type) -> bool:
    """Tell whether `value` is of `kind`; a bool is no whole number."""
    return isinstance(value, kind) and (kind is bool or not isinstance(value, bool))


def _get(record: ConfigRecord, name: str, kind: type[T]) -> T:
    value = record.get(name)
    if not _is(value, kind):
        raise ProtocolError(f"The field {name!r} must be of type {kind.__name__}", value)
    return cast(T, value)


def _column(record: ConfigRecord, name: str, kind: type[T]) -> list[T]:
    values = _get(record, name, list)
    if not all(_is(value, kind) for value in values):
        raise ProtocolError(f"The field {name!r} must be a list of type {kind.__name__}", values)
    return values


def _json(record: ConfigRecord, name: str) -> dict[str, Any]:
    try:
        value = json.loads(_get(record, name, str))
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise ProtocolError(f"The field {name!r} must be a JSON object", record.get(name))
    return value


def _rows(record: ConfigRecord, kinds: Mapping[str, type[Any]]) -> list[Any]:
    """Return one tuple a job, in the order of `kinds`; the trials must differ, for arrays are keyed by them."""
    columns: list[list[Any]] = [_column(record, name, kind) for name, kind in kinds.items()]
    if len({len(column) for column in columns}) > 1:
        raise ProtocolError(f"The columns {list(kinds)} must have one length", [len(c) for c in columns])
    trials = _column(record, "trial", str)
    if len(set(trials)) < len(trials):
        raise ProtocolError("A message must have one job for each trial at most", trials)
    return list(zip(*columns, strict=True))


def _metrics(record: MetricRecord, rows: int) -> dict[str, list[float]]:
    columns: dict[str, list[float]] = {}
    for name, values in record.items():
        if not isinstance(values, list) or len(values) != rows:
            raise ProtocolError(f"The metric {name!r} must have one value for each of {rows} results", values)
        columns[name] = [float(value) for value in values]
    return columns


def _unpack(trial: str, array: Array) -> Weights:
    """Read a received array."""
    try:
        values = array.numpy()
    except Exception as error:  # foreign bytes: numpy's readers raise whatever their parsers do
        raise ProtocolError(f"The array of {trial!r} must be readable", fix=str(error)) from error
    if not isinstance(values, np.ndarray) or values.dtype != np.float32 or values.ndim != 1:
        raise ProtocolError(f"The array of {trial!r} must be one packed float32 array", (array.dtype, array.shape))
    return values
