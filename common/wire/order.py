"""Orders: the jobs that one message asks of a node."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import cast, get_args

from flwr.app import Array, ArrayRecord, ConfigRecord, RecordDict

from common.architecture.layout import layout, state_size
from common.architecture.spec import ArchitectureSpec
from common.architecture.task import TaskShape
from common.errors import ConfigError, FlwrNasError, ProtocolError, SpecError
from common.jobs import Action, Job, Order, Result
from common.limits import NO_LIMITS, Limits, needs_of
from common.precision import Precision
from common.settings import DatasetSettings, TrainingSettings
from common.wire.fields import column_of, field_of, json_of, record_of, rows_of
from common.wire.header import header_of
from common.wire.packing import unpack


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
    return RecordDict({"header": header_of(digest), "order": record, "weights": weights})


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
    record = record_of(content, "order")
    arrays = content.array_records.get("weights", ArrayRecord())
    texts = column_of(record, "specs", str)
    order = _read_settings(record)
    jobs, refused = [], []
    for trial, action, number, index in rows_of(record, {"trial": str, "action": str, "round": int, "spec": int}):
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
    precision, classes = field_of(record, "precision", str), tuple(column_of(record, "classes", str))
    try:
        task = TaskShape(tuple(column_of(record, "input_shape", int)), field_of(record, "num_classes", int))
        dataset = DatasetSettings.from_json(json_of(record, "dataset"))
        training = TrainingSettings.from_json(json_of(record, "training"))
    except (SpecError, ConfigError) as error:
        raise ProtocolError("An order must hold a legal task and settings", fix=str(error)) from error
    if precision not in get_args(Precision):
        raise ProtocolError(f"The precision must be one of {get_args(Precision)}", precision)
    if classes and len(set(classes)) != task.num_classes:
        raise ProtocolError(f"The names of {task.num_classes} classes must be as many, and differ", classes)
    seed, budget = field_of(record, "seed", int), field_of(record, "budget", float)
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
