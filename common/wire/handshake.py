"""The handshake: a node's name, and what it says of itself."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from typing import Any

import numpy as np
from flwr.app import ConfigRecord, RecordDict

from common.errors import ProtocolError, SpecError
from common.jobs import NodeReport
from common.preprocessing.base import Sums
from common.preprocessing.schema import Schema
from common.preprocessing.statistics import STATISTICS
from common.settings import DatasetSettings, PreprocessingSettings
from common.tasks import Head, Task, head_from_dict
from common.wire.fields import column_of, field_of, is_a, json_of, record_of
from common.wire.header import MAX_NAME, decode_limits, header_of, is_name, limits_record

_SUMS = "sums/"
"""Begins the names of the records that hold a node's sums, one for each statistic."""
_COUNTS = "counts"
"""Names the record that holds how many examples there are of each class: thousands would not fit into a text."""
_SCHEMA = "schema"
"""Names the record that holds what the columns of a node's table mean, where it says so."""
_APART = ("limits", "sums", "counts", "schema")
"""Fields of a report that have records of their own."""
_LONGEST_SCHEMA = 2**21
"""Characters."""
_MOST_HELD = 2**25
"""Examples of one kind that a node may say it holds: it weighs in every mean by what it says."""
_MACHINE = {"cores": (1, 2**16), "memory_mb": (0, 2**32), "macs_per_second": (0, 10**17)}
"""Least and most that a machine can be: 4 PiB, and a thousand times what a GPU does."""
_MAX_DEVICE = 50


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


def encode_question(
    digest: str, dataset: DatasetSettings, preprocessing: PreprocessingSettings, seed: int, counts: bool = False
) -> RecordDict:
    """Ask a node who it is, what data it has under `dataset`, and for the sums that `preprocessing` needs.

    Where the classes count, as `counts` says, also for how many examples it has of each.
    """
    question = ConfigRecord(
        {
            "dataset": json.dumps(dataset.to_json()),
            "preprocessing": json.dumps(preprocessing.to_json()),
            "seed": seed,
            "counts": counts,
        }
    )
    return RecordDict({"header": header_of(digest), "question": question})


def decode_question(content: RecordDict) -> tuple[DatasetSettings, PreprocessingSettings, int, bool]:
    """Return what `encode_question` sent: data set, preprocessing, the run's seed, and whether classes are counted."""
    record = record_of(content, "question")
    return (
        DatasetSettings.from_json(json_of(record, "dataset")),
        PreprocessingSettings.from_json(json_of(record, "preprocessing")),
        field_of(record, "seed", int),
        field_of(record, "counts", bool),
    )


def encode_report(digest: str, report: NodeReport) -> RecordDict:
    """Answer the handshake."""
    values = {item.name: getattr(report, item.name) for item in fields(report) if item.name not in _APART}
    record = ConfigRecord({"node": json.dumps(values | {"head": report.head.to_dict()})})
    sums = {_SUMS + name: _sums_record(each) for name, each in report.sums.items()}
    counts = {_COUNTS: ConfigRecord({"train": report.counts})} if report.counts else {}
    schema = {_SCHEMA: ConfigRecord({"json": json.dumps(report.schema.to_dict())})} if report.schema else {}
    said = {"limits": limits_record(report.limits), "report": record}
    return RecordDict({"header": header_of(digest), **said, **sums, **counts, **schema})


def decode_report(content: RecordDict) -> NodeReport:
    """Return what the node said of itself; raises `ProtocolError` where it makes no sense."""
    values = json_of(record_of(content, "report"), "node")
    apart = {
        "limits": decode_limits(content),
        "sums": {},
        "counts": _read_counts(content),
        "schema": _read_schema(content),
    }
    try:
        report = NodeReport(**values | apart)
    except TypeError as error:
        raise ProtocolError("A node's report has fixed fields", sorted(values), fix=str(error)) from None
    report = replace(report, head=_head_of(report.head))
    for item in fields(NodeReport):
        if item.name in _APART:
            continue
        kind = {"str": str, "int": int, "Head": Head}.get(str(item.type), list)
        if not is_a(getattr(report, item.name), kind):
            raise ProtocolError(
                f"The field {item.name!r} of a node's report must be a {kind.__name__}", values[item.name]
            )
    _check_task(report)
    _check_name(report.name)
    _check_counts(report)
    _check_machine(report)
    _check_classes(report)
    return replace(report, sums=_read_sums(content, report))


def _sums_record(sums: Sums) -> ConfigRecord:
    return ConfigRecord({"examples": sums.examples, **{name: list(row) for name, row in sums.values.items()}})


def _read_sums(content: RecordDict, report: NodeReport) -> dict[str, Sums]:
    """Return a node's sums by statistic; raises `ProtocolError` where they can be none of its training examples."""
    found = {}
    for name, statistic in STATISTICS.items():
        record = content.config_records.get(_SUMS + name)
        if record is None:
            continue
        values = {field: tuple(column_of(record, field, float)) for field in statistic.fields}
        found[name] = Sums(field_of(record, "examples", int), values)
        if found[name].examples > report.num_train:
            raise ProtocolError("Sums are over training examples that a node has", found[name].examples)
        statistic.check(found[name], Task(tuple(report.input_shape), report.head, schema=report.schema).inputs)
    return found


def _read_counts(content: RecordDict) -> list[int]:
    record = content.config_records.get(_COUNTS)
    return [] if record is None else column_of(record, "train", int)


def _read_schema(content: RecordDict) -> Schema | None:
    record = content.config_records.get(_SCHEMA)
    if record is None:
        return None
    try:
        return Schema.from_dict(json_of(record, "json", _LONGEST_SCHEMA))
    except SpecError as error:
        raise ProtocolError("A node's schema must be one", fix=str(error)) from error


def _head_of(value: Any) -> Head:
    try:
        return head_from_dict(value)
    except SpecError as error:
        raise ProtocolError("A node must say what its data are for", fix=str(error)) from error


def _check_name(name: str) -> None:
    if not is_name(name):
        raise ProtocolError(
            f"Names must be printable, with 1 to {MAX_NAME} characters", fix="Choose another in the node's config"
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


def _check_machine(report: NodeReport) -> None:
    """Raise `ProtocolError` unless a node computes with something that there is."""
    for name, (least, most) in _MACHINE.items():
        if not least <= getattr(report, name) <= most:
            raise ProtocolError(f"The {name} of a node must be {least} to {most:,}", getattr(report, name))
    if not (report.device.isprintable() and 0 < len(report.device) <= _MAX_DEVICE):
        raise ProtocolError(f"The device of a node must be printable, with 1 to {_MAX_DEVICE} characters")


def _check_classes(report: NodeReport) -> None:
    """Raise `ProtocolError` unless a node counts each of its classes, or none, and no more examples than it has."""
    classes = len(report.head.counts(np.zeros(0, np.int64), 1))
    counts, held = report.counts, report.num_train
    beyond = min(counts, default=0) < 0 or max(counts, default=0) > held or sum(counts) > held * report.head.most_each
    if len(counts) not in (0, classes) or beyond:
        raise ProtocolError(
            f"A node counts the training examples of its {classes} classes, {report.num_train} in all", report.counts
        )


def _check_task(report: NodeReport) -> None:
    """Raise `ProtocolError` unless the shape of a node's examples is one."""
    if not all(is_a(extent, int) for extent in report.input_shape):
        raise ProtocolError("The input shape of a node must be whole numbers", report.input_shape)
    try:
        Task(tuple(report.input_shape), report.head, schema=report.schema)
    except SpecError as error:
        raise ProtocolError("A node's examples must have a shape", fix=str(error)) from error
    labels = () if report.schema is None else report.schema.labels
    if report.schema is not None and labels:
        told = report.head.facts().get("classes" if len(labels) == 1 else "labels")
        if told != list(report.schema.classes):
            raise ProtocolError(
                "A node's classes must be those of its schema", fix="Run the same version on both sides"
            )
