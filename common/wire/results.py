"""Results: what a node made of the jobs of an order."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import cast, get_args

from flwr.app import ArrayRecord, ConfigRecord, MetricRecord, RecordDict

from common.errors import ProtocolError
from common.jobs import Result, Status
from common.limits import NO_LIMITS, Limits
from common.precision import Precision
from common.wire.arrays import Packer, ReceivedSets, record_of_sets
from common.wire.fields import metrics_of, record_of, rows_of
from common.wire.header import MAX_REASON, header_of, limits_record

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
            "job": [result.job for result in results],
            "status": [str(result.status) for result in results],
            "reason": [result.reason[:MAX_REASON] for result in results],
        }
    )
    packer = Packer(precision)
    arrays = record_of_sets({index: packer.packed(result.arrays) for index, result in enumerate(results)})
    head = {"header": header_of(digest), "limits": limits_record(limits)}
    return RecordDict({**head, "results": table, "metrics": metrics, "arrays": arrays})


def decode_results(content: RecordDict, precision: Precision = "float32") -> tuple[Result, ...]:
    """Read a node's results; raises `ProtocolError` where they are malformed.

    Only the form is checked here; whether a result was asked for and its numbers make sense is for
    the strategy to say.
    """
    table = record_of(content, "results")
    metrics = content.metric_records.get("metrics", MetricRecord())
    sets = ReceivedSets(content.array_records.get("arrays", ArrayRecord()), precision)
    rows = rows_of(table, {"job": str, "status": str, "reason": str})
    columns = metrics_of(metrics, len(rows))
    examples = columns.pop("num-examples", [0.0] * len(rows))
    seconds = columns.pop("seconds", [0.0] * len(rows))
    results = []
    for index, (job, status, reason) in enumerate(rows):
        if status not in get_args(Status):
            raise ProtocolError("A result names its status", status)
        if not (abs(examples[index]) <= _MAX_EXAMPLES and 0 <= seconds[index] < math.inf):
            raise ProtocolError(
                f"The number of examples of a result (at most {_MAX_EXAMPLES}) and its seconds must be numbers",
                (examples[index], seconds[index]),
            )
        results.append(
            Result(
                job=job,
                status=cast(Status, status),
                reason=reason,
                num_examples=int(examples[index]),
                metrics={name: values[index] for name, values in columns.items() if not math.isnan(values[index])},
                seconds=seconds[index],
                arrays=sets.read(index, job),
            )
        )
    return tuple(results)
