"""Results: what a node made of the jobs of an order."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import cast, get_args

from flwr.app import ArrayRecord, ConfigRecord, MetricRecord, RecordDict

from common.errors import ProtocolError
from common.jobs import Action, Result, Status
from common.limits import NO_LIMITS, Limits
from common.precision import Precision
from common.wire.fields import metrics_of, record_of, rows_of
from common.wire.header import MAX_REASON, header_of, limits_record
from common.wire.packing import pack, unpack

_MAX_EXAMPLES = 2**40


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
            "reason": [result.reason[:MAX_REASON] for result in results],
        }
    )
    updates = ArrayRecord({r.trial: pack(r.update, precision) for r in results if r.update is not None})
    head = {"header": header_of(digest), "limits": limits_record(limits)}
    return RecordDict({**head, "results": table, "metrics": metrics, "updates": updates})


def decode_results(content: RecordDict, precision: Precision = "float32") -> tuple[Result, ...]:
    """Read a node's results; raises `ProtocolError` where they are malformed.

    Only the form is checked here; whether a result was asked for and its numbers make sense is for
    the strategy to say.
    """
    table = record_of(content, "results")
    metrics = content.metric_records.get("metrics", MetricRecord())
    updates = content.array_records.get("updates", ArrayRecord())
    rows = rows_of(table, {"trial": str, "action": str, "round": int, "status": str, "reason": str})
    columns = metrics_of(metrics, len(rows))
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
