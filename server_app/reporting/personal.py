"""What the nodes' own models are worth beside the common one, as a table and in sentences."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from rich.table import Table
from rich.text import Text

from common.tasks import Head
from server_app.reporting.rows import rows_to_show
from server_app.reporting.words import counted

METHODS = {"head": "last layer fine-tuned", "all": "fine-tuned", "mix": "mixed"}
"""What is called personal, by method."""
_WAYS = {"common": "common", "personal": "personal", "local": "local only", "kept": "kept"}
_KEEP = {"common": "the common model", "personal": "their personal one", "local": "what they trained alone"}
_REASONS = 3
"""Reasons that are told."""


def personal_of_result(result: Mapping[str, Any], head: Head) -> tuple[list[Table], list[Text]]:
    """Return the table of a result.json, and the sentences below it; nothing where nodes made no models."""
    told = result.get("personal")
    if not told:
        return [], []
    return _tables(told, head), [Text(sentence) for sentence in sentences(told, head)]


def _tables(told: Mapping[str, Any], head: Head) -> list[Table]:
    tests, validation, kept = told["test"], told["validation"], told["kept"]
    columns = [way for way in _WAYS if way in (tests or validation)]
    if not columns:
        return []
    nodes = int((tests or validation)[columns[0]]["nodes"])
    table = Table(title=f"The winner on {counted(nodes, 'node')}, each for itself")
    table.add_column("")
    for way in columns:
        title = f"personal ({METHODS[told['method']]})" if way == "personal" else _WAYS[way]
        table.add_column(title, justify="right", style="bold" if way == "kept" else None)
    metric, form = head.primary[0], head.rows[0].form
    if validation:
        title = f"validation {metric.replace('_', ' ')}"
        table.add_row(title, *(_cell(validation.get(way, {}), metric, form) for way in columns))
    for row in rows_to_show(head, list(tests.values())):
        table.add_row(row.title, *(_cell(tests.get(way, {}), row.metric, row.form) for way in columns))
    keepers = {**kept, "kept": sum(kept.values())}
    table.add_row("nodes that keep it", *(f"{keepers[way]:,}" for way in columns))
    return [table]


def _cell(metrics: Mapping[str, float], metric: str, form: str) -> str:
    return form.format(metrics[metric]) if metric in metrics else "-"


def sentences(told: Mapping[str, Any], head: Head) -> Iterator[str]:
    """Yield what nodes keep, what they gain by it, and who has nothing of it.

    Parameters
    ----------
    told : mapping
        ``personal`` of a result.json.
    head : Head
        Of the task.
    """
    if told["failure"]:
        yield f"No node has a model of its own: {told['failure'].rstrip('.')}."
        return
    if parts := [f"{number:,} {_KEEP[way]}" for way, number in told["kept"].items() if number]:
        yield f"By their own validation examples, of {counted(told['num_nodes'], 'node')} keep: {', '.join(parts)}."
    if (gain := told["gain"]) is not None:
        yield gain_in_words(gain, head)
    by_node = told["by_node"].values()
    if untested := sum(not found["test"] for found in by_node):
        yield f"Without test examples of their own: {counted(untested, 'node')}."
    if notes := [found["note"] for found in by_node if found["note"]]:
        yield f"Something is missing on {counted(len(notes), 'node')}: {_reasons(notes)}."
    if left_out := told["left_out"]:
        yield f"Left out: {counted(len(left_out), 'node')} ({_reasons(left_out.values())})."


def gain_in_words(gain: Mapping[str, Any], head: Head) -> str:
    """Return what nodes gain by what they keep over the common model, in a sentence."""
    form, metric = head.rows[0].form, gain["metric"].replace("_", " ")
    better = f" (by {form.format(gain['mean_better'])} on average)" if gain["better"] else ""
    worse = f" (by {form.format(-gain['mean_worse'])})" if gain["worse"] else ""
    return (
        f"In {gain['split']} {metric} what they keep is better than the common model on "
        f"{counted(gain['better'], 'node')}{better}, worse on {gain['worse']:,}{worse}, as good on {gain['same']:,}: "
        f"mean gain {form.format(gain['mean'])}, worst decile {form.format(gain['worst_decile'])}."
    )


def _reasons(told: Collection[str]) -> str:
    return "; ".join(sorted({reason.rstrip(".") for reason in told})[:_REASONS])
