"""The handshake: a node's name, and what it says of itself."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from typing import Any

from flwr.app import ConfigRecord, RecordDict

from common.errors import ProtocolError, SpecError
from common.jobs import NodeReport
from common.limits import Limits
from common.settings import DatasetSettings
from common.tasks import Head, Task, head_from_dict
from common.wire.fields import field_of, is_a, json_of, record_of
from common.wire.header import decode_limits, header_of, limits_record

_MAX_NAME = 200
_MOST_HELD = 2**25
"""Examples of one kind that a node may say it holds: it weighs in every mean by what it says."""


def encode_call(digest: str) -> RecordDict:
    """Ask a node what it is called, and nothing that costs it time."""
    return RecordDict({"header": header_of(digest), "call": ConfigRecord()})


def is_call(content: RecordDict) -> bool:
    """Tell whether a message asks for the node's name alone."""
    return "call" in content.config_records


def encode_name(digest: str, name: str) -> RecordDict:
    """Answer a call."""
    return RecordDict({"header": header_of(digest), "name": ConfigRecord({"name": name})})


def decode_name(content: RecordDict) -> str:
    """Return what the node that was called is called; raises `ProtocolError` for what is no name."""
    name = field_of(record_of(content, "name"), "name", str)
    _check_name(name)
    return name


def encode_question(digest: str, dataset: DatasetSettings, seed: int) -> RecordDict:
    """Ask a node who it is and what data it has under `dataset`."""
    question = ConfigRecord({"dataset": json.dumps(dataset.to_json()), "seed": seed})
    return RecordDict({"header": header_of(digest), "question": question})


def decode_question(content: RecordDict) -> tuple[DatasetSettings, int]:
    """Return the data set and the run's seed that `encode_question` sent."""
    record = record_of(content, "question")
    return DatasetSettings.from_json(json_of(record, "dataset")), field_of(record, "seed", int)


def encode_report(digest: str, report: NodeReport) -> RecordDict:
    """Answer the handshake."""
    values = {item.name: getattr(report, item.name) for item in fields(report) if item.name != "limits"}
    record = ConfigRecord({"node": json.dumps(values | {"head": report.head.to_dict()})})
    return RecordDict({"header": header_of(digest), "limits": limits_record(report.limits), "report": record})


def decode_report(content: RecordDict) -> NodeReport:
    """Return what the node said of itself; raises `ProtocolError` where it makes no sense."""
    values = json_of(record_of(content, "report"), "node")
    try:
        report = NodeReport(**values | {"limits": decode_limits(content)})
    except TypeError as error:
        raise ProtocolError("A node's report has fixed fields", sorted(values), fix=str(error)) from None
    report = replace(report, head=_head_of(report.head))
    for item in fields(NodeReport):
        kind = {"str": str, "int": int, "Limits": Limits, "Head": Head}.get(str(item.type), list)
        if not is_a(getattr(report, item.name), kind):
            raise ProtocolError(
                f"The field {item.name!r} of a node's report must be a {kind.__name__}", values[item.name]
            )
    _check_task(report)
    _check_name(report.name)
    _check_counts(report)
    return report


def _head_of(value: Any) -> Head:
    try:
        return head_from_dict(value)
    except SpecError as error:
        raise ProtocolError("A node must say what its data are for", fix=str(error)) from error


def _check_name(name: str) -> None:
    if not (name.isprintable() and 0 < len(name) <= _MAX_NAME):
        raise ProtocolError(
            f"Names must be printable, with 1 to {_MAX_NAME} characters", fix="Choose another in the node's config"
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
    """Raise `ProtocolError` unless the shape of a node's examples is one."""
    if not all(is_a(extent, int) for extent in report.input_shape):
        raise ProtocolError("The input shape of a node must be whole numbers", report.input_shape)
    try:
        Task(tuple(report.input_shape), report.head)
    except SpecError as error:
        raise ProtocolError("A node's examples must have a shape", fix=str(error)) from error
