"""The only reader and writer of what travels between the server and the nodes.

A message to a node (records of one `RecordDict`):

    header    ConfigRecord   protocol, version, digest
    order     ConfigRecord   seed, budget, task, classes, precision, dataset and training (JSON), specs[] (JSON), and
                             the columns trial[], action[], round[], spec[] (which of specs) with one entry a job
    weights   ArrayRecord    one packed array a job, keyed by the trial

Its reply:

    header    ConfigRecord   protocol, version, digest
    limits    ConfigRecord   the node's limits, those that are set
    results   ConfigRecord   the columns trial[], action[], round[], status[], reason[]
    metrics   MetricRecord   the columns num-examples[], seconds[] and one for each metric
    updates   ArrayRecord    one packed array for each job that trained

Nothing here is pickled; arrays travel as flwr Arrays, specs and settings as JSON. What arrives is measured before it
is parsed, and a job's weights are looked at last: a spec that the node cannot hold costs it nothing.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields, replace
from typing import Any, TypeVar, cast, get_args

from flwr.app import Array, ArrayRecord, ConfigRecord, MetricRecord, RecordDict

from common import __version__
from common.architecture.layout import layout, state_size
from common.architecture.spec import ArchitectureSpec
from common.architecture.task import MOST_CLASSES, TaskShape
from common.errors import ConfigError, FlwrNasError, ProtocolError, SpecError
from common.jobs import Action, Job, NodeReport, Order, Result, Status
from common.limits import NO_LIMITS, Limits, needs_of
from common.packing import pack, unpack
from common.precision import Precision
from common.settings import DatasetSettings, TrainingSettings

PROTOCOL = 3

_MAX_SETTINGS = 64 * 1024
_MAX_REASON = 1000
_MAX_NAME = 200
_MAX_EXAMPLES = 2**40
_MOST_HELD = 2**25
"""Examples of one kind that a node may say it holds: it weighs in every mean by what it says."""
_MAX_METRIC = 1e30
"""Squares of larger ones overflow."""

T = TypeVar("T")


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


def encode_call(digest: str) -> RecordDict:
    """Ask a node what it is called, and nothing that costs it time."""
    return RecordDict({"header": _header(digest), "call": ConfigRecord()})


def is_call(content: RecordDict) -> bool:
    """Tell whether a message asks for the node's name alone."""
    return "call" in content.config_records


def encode_name(digest: str, name: str) -> RecordDict:
    """Answer a call."""
    return RecordDict({"header": _header(digest), "name": ConfigRecord({"name": name})})


def decode_name(content: RecordDict) -> str:
    """Return what the node that was called is called; raises `ProtocolError` for what is no name."""
    name = _get(_config(content, "name"), "name", str)
    _check_names(name)
    return name


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
    values = {key: value for key, value in asdict(report).items() if key != "limits"}
    record = ConfigRecord({"node": json.dumps(values)})
    return RecordDict({"header": _header(digest), "limits": _limits(report.limits), "report": record})


def decode_report(content: RecordDict) -> NodeReport:
    """Return what the node said of itself; raises `ProtocolError` where it makes no sense."""
    values = _json(_config(content, "report"), "node")
    try:
        report = NodeReport(**values | {"limits": decode_limits(content)})
    except TypeError as error:
        raise ProtocolError("A node's report has fixed fields", sorted(values), fix=str(error)) from None
    for item in fields(NodeReport):
        kind = {"str": str, "int": int, "Limits": Limits}.get(str(item.type), list)
        if not _is(getattr(report, item.name), kind):
            raise ProtocolError(
                f"The field {item.name!r} of a node's report must be a {kind.__name__}", values[item.name]
            )
    _check_task(report)
    _check_names(report.name, *report.classes)
    _check_counts(report)
    return report


def _check_names(*names: str) -> None:
    if not all(name.isprintable() and 0 < len(name) <= _MAX_NAME for name in names):
        raise ProtocolError(
            f"Names must be printable, with 1 to {_MAX_NAME} characters", fix="Choose others in the node's config"
        )


def _check_counts(report: NodeReport) -> None:
    """Raise `ProtocolError` unless a node has training examples, and no more of any kind than can be."""
    counts = (report.num_train, report.num_validation, report.num_test)
    if report.num_train < 1 or min(counts) < 0 or max(counts) > _MOST_HELD:
        raise ProtocolError(
            f"A node holds 1 to {_MOST_HELD} training examples, and {_MOST_HELD} others at most",
            counts,
            fix="Check the node's data and its config",
        )


def _check_task(report: NodeReport) -> None:
    """Raise `ProtocolError` unless the node has data for a classifier; one whose classes have names may have one."""
    if not all(_is(extent, int) for extent in report.input_shape):
        raise ProtocolError("The input shape of a node must be whole numbers", report.input_shape)
    names = report.classes
    if max(report.num_classes, len(names)) > MOST_CLASSES:
        raise ProtocolError(f"A node has {MOST_CLASSES} classes at most", report.num_classes, fix="Check its labels")
    if not all(_is(name, str) for name in names) or len(set(names)) < len(names):
        raise ProtocolError("The classes of a node must be names that differ", names)
    try:
        TaskShape(tuple(report.input_shape), max(2, len(names)) if names else report.num_classes)
    except SpecError as error:
        raise ProtocolError("A node must have data for a classifier", fix=str(error)) from error


def decode_limits(content: RecordDict) -> Limits:
    """Return the limits that a node's reply carries; raises `ProtocolError` where they make no sense."""
    try:
        return Limits.from_dict(_config(content, "limits"))
    except ConfigError as error:
        raise ProtocolError("The limits of a node must be readable", fix=str(error)) from None


def _limits(limits: Limits) -> ConfigRecord:
    return ConfigRecord(dict(limits.to_dict()))


def encode_refusal(digest: str, reason: str) -> RecordDict:
    """Say why a message cannot be served at all, or to a node why it is left out."""
    return RecordDict({"header": _header(digest), "refusal": ConfigRecord({"reason": reason[:_MAX_REASON]})})


def refusal(content: RecordDict) -> str | None:
    """Return the reason of a refusal, or None for any other message."""
    record = content.config_records.get("refusal")
    return None if record is None else str(record.get("reason", "no reason given"))


# ---------------------------------------------------------------- orders


def encode_order(digest: str, order: Order, packed: Mapping[str, Array]) -> RecordDict:
    """Write an order.

    Parameters
    ----------
    digest : str
        Digest of this side's code.
    order : Order
        Its jobs' weights are taken from `packed`, so that they are serialized once for all nodes.
    packed : mapping of str to Array
        `pack` of the weights in the order's precision, by trial.
    """
    specs = list(dict.fromkeys(job.spec for job in order.jobs))
    record = ConfigRecord(
        {
            "seed": order.seed,
            "budget": float(order.budget),
            "input_shape": list(order.task.input_shape),
            "num_classes": order.task.num_classes,
            "classes": list(order.classes),
            "precision": str(order.precision),
            "dataset": json.dumps(order.dataset.to_json()),
            "training": json.dumps(order.training.to_json()),
            "specs": [spec.to_json() for spec in specs],
            "trial": [job.trial for job in order.jobs],
            "action": [str(job.action) for job in order.jobs],
            "round": [job.round for job in order.jobs],
            "spec": [specs.index(job.spec) for job in order.jobs],
        }
    )
    weights = ArrayRecord({job.trial: packed[job.trial] for job in order.jobs})
    return RecordDict({"header": _header(digest), "order": record, "weights": weights})


def decode_order(content: RecordDict, limits: Limits = NO_LIMITS) -> tuple[Order, tuple[Result, ...]]:
    """Read an order.

    Parameters
    ----------
    content : RecordDict
        From `encode_order`, or from anybody.
    limits : Limits
        Of this node.

    Returns
    -------
    Order
        With the jobs that this node can do.
    tuple of Result
        The others, ``refused`` with the reason: their spec is malformed, too long, of another version, or above
        the limits, or their weights are not those of the spec.

    Raises
    ------
    ProtocolError
        What all jobs have in common is malformed.
    """
    record = _config(content, "order")
    arrays = content.array_records.get("weights", ArrayRecord())
    texts = _column(record, "specs", str)
    order = _read_settings(record)
    jobs, refused = [], []
    for trial, action, number, index in _rows(record, {"trial": str, "action": str, "round": int, "spec": int}):
        if action not in get_args(Action):
            raise ProtocolError("A job names its action", action)
        try:
            spec = _read_spec(texts, index, order, limits)
            size = state_size(layout(spec, order.task))
            weights = unpack(trial, arrays, order.precision, size)
            jobs.append(Job(trial, cast(Action, action), number, spec, weights))
        except FlwrNasError as error:
            refused.append(Result(trial, cast(Action, action), number, "refused", str(error)))
    return replace(order, jobs=tuple(jobs)), tuple(refused)


def _read_settings(record: ConfigRecord) -> Order:
    """Return what all jobs of an order have in common."""
    precision, classes = _get(record, "precision", str), tuple(_column(record, "classes", str))
    try:
        task = TaskShape(tuple(_column(record, "input_shape", int)), _get(record, "num_classes", int))
        dataset = DatasetSettings.from_json(_json(record, "dataset"))
        training = TrainingSettings.from_json(_json(record, "training"))
    except (SpecError, ConfigError) as error:
        raise ProtocolError("An order must hold a legal task and settings", fix=str(error)) from error
    if precision not in get_args(Precision):
        raise ProtocolError(f"The precision must be one of {get_args(Precision)}", precision)
    if classes and len(set(classes)) != task.num_classes:
        raise ProtocolError(f"The names of {task.num_classes} classes must be as many, and differ", classes)
    seed, budget = _get(record, "seed", int), _get(record, "budget", float)
    return Order(seed, budget, task, dataset, training, (), classes, cast(Precision, precision))


def _read_spec(texts: Sequence[str], index: int, order: Order, limits: Limits) -> ArchitectureSpec:
    """Return a job's spec; raises `SpecError` or `ProtocolError` where this node cannot hold it."""
    if not 0 <= index < len(texts):
        raise ProtocolError(f"A job names one of the {len(texts)} specs of its message", index)
    spec = ArchitectureSpec.from_json(texts[index])
    reason = limits.exceeded(needs_of(spec, order.task, order.training))
    if reason:
        raise ProtocolError(f"A spec must stay within the node's limits: {reason}")
    return spec


# ---------------------------------------------------------------- results


def encode_results(
    digest: str, results: Sequence[Result], limits: Limits = NO_LIMITS, precision: Precision = "float32"
) -> RecordDict:
    """Write a node's results, and the limits that it has now: it may have started again with others."""
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
            "reason": [result.reason[:_MAX_REASON] for result in results],
        }
    )
    updates = ArrayRecord({r.trial: pack(r.update, precision) for r in results if r.update is not None})
    head = {"header": _header(digest), "limits": _limits(limits)}
    return RecordDict({**head, "results": table, "metrics": metrics, "updates": updates})


def decode_results(content: RecordDict, precision: Precision = "float32") -> tuple[Result, ...]:
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
        if not (abs(examples[index]) <= _MAX_EXAMPLES and 0 <= seconds[index] < math.inf):
            raise ProtocolError(
                f"The number of examples of a result (at most {_MAX_EXAMPLES}) and its seconds must be numbers",
                (examples[index], seconds[index]),
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
                update=unpack(trial, updates, precision) if trial in updates else None,
            )
        )
    return tuple(results)


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
    text = _get(record, name, str)
    if len(text) > _MAX_SETTINGS:
        raise ProtocolError(f"The field {name!r} must have {_MAX_SETTINGS} characters at most", len(text))
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise ProtocolError(f"The field {name!r} must be a JSON object", text[:80])
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
        if any(math.isfinite(value) and abs(value) > _MAX_METRIC for value in columns[name]):
            raise ProtocolError(f"The metric {name!r} must lie within {_MAX_METRIC:g} of 0", values)
    return columns
