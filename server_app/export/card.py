"""The card of an exported model: what it is, how it is used, what it was trained on, how good it is, and what for.

M. Mitchell et al., "Model Cards for Model Reporting", FAT* 2019. Its head is that which model hubs read.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from common import __version__
from common.architecture.cost import cost_of
from common.preprocessing.scaling import Scaling
from common.tasks import Head
from common.tasks.base import Row, names_of
from server_app.export.base import Format
from server_app.export.found import Told
from server_app.export.measure import Measured
from server_app.export.python import AS_IN_THE_DATA
from server_app.export.source import batch_of
from server_app.export.trained import Trained
from server_app.interval import paired
from server_app.reporting.words import counted, size

_NORMAL = 1.96
"""What the absolute value of a normal number exceeds in 1 of 20 cases."""
_AXES = {1: "features", 2: "channels and steps", 3: "channels, height and width"}
_STAGES = {"search": "the search", "finalists": "the finalists' training", "final": "the final training"}


def card(
    model: Trained,
    told: Told,
    form: Format,
    measured: Measured,
    before_after: Mapping[str, Mapping[str, float]],
    tried_on: str,
    license_name: str,
) -> str:
    """Return the card as Markdown.

    Parameters
    ----------
    model, told
        What is exported, and what its run says of it.
    form : Format
        As what.
    measured : Measured
        What was measured of it.
    before_after : mapping
        Of a model of 8 bits, by metric: ``before`` and ``after``, on the same examples; else empty.
    tried_on : str
        What these examples are, and those of `measured`.
    license_name : str
        Under which it may be used; empty where nobody has said so.
    """
    parts = [
        _front(model, license_name),
        [f"# {model.name[:1].upper()}{model.name[1:]}", "", _what(model, told)],
        ["## Use", "", "```python", *form.usage(model).splitlines(), "```", "", *_interface(model)],
        ["## Trained on", "", *_training(told)],
        ["## Scores", "", *_scores(model.task.head, told)],
        ["## This file", "", *_file(form, measured, before_after, tried_on)],
        ["## Limits", "", *_limits(model, told)],
        ["## License", "", license_name or "Not chosen yet: say here under which terms it may be used."],
    ]
    return "\n\n".join("\n".join(part) for part in parts) + "\n"


def wilson(part: float, number: float) -> tuple[float, float]:
    """Return the 95 % interval of a part, such as an accuracy, that was seen over so many examples.

    E. B. Wilson, "Probable inference, the law of succession, and statistical inference", JASA 1927. Examples of one
    person or device are more alike than others, and then it is too narrow.

    Examples
    --------
    >>> [round(end, 3) for end in wilson(0.5, 100)]
    [0.404, 0.596]
    """
    square = _NORMAL**2 / number
    middle = (part + square / 2) / (1 + square)
    half = _NORMAL / (1 + square) * math.sqrt(part * (1 - part) / number + square / (4 * number))
    return max(0.0, middle - half), min(1.0, middle + half)


def _front(model: Trained, license_name: str) -> list[str]:
    tags = ["federated-learning", "neural-architecture-search", "flwr-nas", f"{model.task.kind}-{model.task.head.kind}"]
    return ["---", f"license: {license_name or 'unknown'}", "tags:", *[f"- {tag}" for tag in tags], "---"]


def _what(model: Trained, told: Told) -> str:
    cost = cost_of(model.graph)
    metric, _ = model.task.head.primary
    return (
        f"`{model.spec.describe()}`, found by federated architecture search with flwr-nas, for "
        f"{model.task.head.kind} of {model.task.kind}s by {metric}. It has {counted(cost.parameters, 'parameter')} and "
        f"takes {cost.macs:,} multiply-accumulates an example. Id of the architecture: `{model.spec.id}`"
        + (f", origin: {told.entry['origin']}." if told.entry.get("origin") else ".")
    )


def _interface(model: Trained) -> Iterator[str]:
    task = model.task
    yield f"- `x`: float32 {batch_of(task.input_shape)}: n examples, each of {_AXES[len(task.input_shape)]}."
    if isinstance(task.scaling, Scaling):
        yield (
            f"- {AS_IN_THE_DATA} The first step of the network takes from each its mean and divides by its deviation, "
            "and cuts off at 10 deviations; mean and deviation are in the file."
        )
    else:
        yield f"- {AS_IN_THE_DATA} Nothing else is done to them."
    if model.outputs == "logits":
        yield f"- `{model.outputs}`: float32 {batch_of((task.head.output_width,))}; their softmax are probabilities."
        yield f"- Classes, in the order of the {model.outputs}: {', '.join(names_of(task.head))}."
    elif model.outputs == "probabilities":
        yield (
            f"- `{model.outputs}`: float32 {batch_of((task.head.output_width,))}, each for itself: an example has any "
            "number of labels."
        )
        yield f"- Labels, in their order: {', '.join(names_of(task.head))}."
    else:
        yield f"- `{model.outputs}`: float32 {batch_of((task.head.output_width,))}, in the units of the targets."


def _training(told: Told) -> Iterator[str]:
    result, dataset = told.result, told.config.get("dataset", {})
    if not result:
        yield "It was copied out of its run, which would say on what it was trained."
        return
    name = dataset.get("name", "unknown")
    if dataset.get("path"):
        name = f"{name}, {Path(dataset['path']).name}"
    counts, federation = result.get("counts", {}), told.config.get("federation", {})
    where = {"simulation": "simulated nodes", "deployment": "nodes"}.get(federation.get("name"), "nodes")
    shared = f", shared out as {dataset['partition']}" if federation.get("name") == "simulation" else ""
    yield f"- Data: {name}{shared}; they never left the nodes."
    yield f"- Nodes: {counts.get('nodes', 'unknown')} {where}."
    trained = result.get("model") or {}
    if trained:
        run = f", run {trained['run'] + 1} of {len(told.entry.get('tests', [])) or 1}" if "run" in trained else ""
        stage = _STAGES.get(trained["stage"], trained["stage"])
        yield f"- Weights: of {counted(trained['rounds'], 'round')} of {stage}{run}."
    if recipe := told.entry.get("recipe"):
        yield f"- Recipe: {', '.join(f'{key} {value}' for key, value in recipe.items())}."
    yield f"- Seed of the search: {result.get('seed')}; {counted(counts.get('trials', 0), 'trial')} were tried."
    if versions := result.get("versions"):
        yield f"- Versions: {', '.join(f'{package} {version}' for package, version in versions.items())}."
    yield f"- Finished: {result.get('finished_at', 'unknown')}."


def _scores(head: Head, told: Told) -> Iterator[str]:
    own = told.metadata.get("test") or {}
    tests = [test for test in told.entry.get("tests", []) if test]
    if not tests and not own:
        yield "It was not tested: what it is worth on other data is not known."
        return
    yield "Of the test, which no part of the search had seen.\n"
    yield "| metric | these weights | mean over seeds, 95 % interval |"
    yield "| --- | ---: | ---: |"
    for row in head.rows:
        if row.metric not in own and not any(row.metric in test for test in tests):
            continue
        mine = _form(row.form, own.get(row.metric))
        if row.metric == "accuracy" and "accuracy" in own and own.get("examples"):
            low, high = wilson(own["accuracy"], own["examples"])
            mine = f"{mine} ({low:.4f} to {high:.4f})"
        yield f"| {row.title} | {mine} | {_over_seeds(head, row, tests)} |"
    yield ""
    examples = (
        f", on {own['examples']:,.0f} examples of {counted(int(own.get('nodes', 1)), 'holder')}"
        if own.get("examples")
        else ""
    )
    yield f"Trained with {counted(len(tests) or 1, 'seed')}{examples}. Behind an accuracy is Wilson's interval."
    for other, gain in told.entry.get("gain_over", {}).items():
        yield f"Gain over the {other}: {gain['mean']:+.4f} ({_ends(gain)}), over {gain['number']} {gain['over']}."


def _ends(gain: Mapping[str, Any]) -> str:
    low, high = gain.get("low"), gain.get("high")
    return "no interval" if low is None or math.isnan(low) else f"{low:+.4f} to {high:+.4f}"


def _over_seeds(head: Head, row: Row, tests: Sequence[Mapping[str, float]]) -> str:
    """Return the mean, and of a metric that every score has the interval, no further than the metric reaches."""
    if not tests or not all(row.metric in test for test in tests):
        return "-"
    interval = paired([test[row.metric] for test in tests], [0.0] * len(tests))
    least, most = {**head.may_have, **head.ranges}.get(row.metric, (math.nan, math.nan))
    mean = row.form.format(interval.mean)
    if math.isnan(least) or not interval.known:
        return mean
    return f"{mean} ({row.form.format(max(least, interval.low))} to {row.form.format(min(most, interval.high))})"


def _form(form: str, value: float | None) -> str:
    return "-" if value is None else form.format(value)


def _file(
    form: Format, measured: Measured, before_after: Mapping[str, Mapping[str, float]], tried_on: str
) -> Iterator[str]:
    yield f"- Format: {form.name}, {form.about}; {', '.join(form.files)}, {size(measured.bytes)} together."
    middle, slow, torch = (1e3 * one for one in (measured.seconds, measured.slow_seconds, measured.torch_seconds))
    yield (
        f"- Latency of one example, on one thread of the machine that wrote the file: {middle:.3f} ms (median; 9 of 10 "
        f"below {slow:.3f} ms); in torch as it was trained {torch:.3f} ms."
    )
    yield (
        f"- Outputs differ by {measured.difference:.1e} at most from those of what was trained, the largest being "
        f"{measured.largest:.3g}, over {counted(measured.examples, 'example')} ({tried_on})."
    )
    for metric, of in before_after.items():
        yield f"- With 8 bits: {metric} {of['after']:.4f}, before {of['before']:.4f}, on {tried_on}."


def _limits(model: Trained, told: Told) -> Iterator[str]:
    yield (
        "- It knows what its training data had. On data of other people, devices or times it may be worse than the "
        "test says, and does not say so itself: its outputs are no measure of whether an input is like those."
    )
    if model.outputs == "logits":
        yield "- Probabilities were not calibrated. It always answers one of its classes."
    metric = f"{model.task.head.primary[0]}_worst_decile"
    if metric in (test := told.entry.get("test") or {}) and test.get("nodes", 1) > 1:
        holders = f"the worst tenth of {int(test['nodes'])} holders has {test[metric]:.4f}"
        yield f"- It is not equally good for all: {holders}."
    if told.entry.get("one_class"):
        yield f"- In {counted(told.entry['one_class'], 'test')} it answered one class only."
    if told.entry.get("feasible") is False:
        yield "- It breaks a constraint of its search."
    yield "- What may be told of single people from the weights was not looked into (membership inference)."
    yield f"- Written by flwr-nas {__version__}, which is not needed to use it."
