"""What left the nodes in a run: what SECURITY.md says in general, with this run's numbers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from common.config import Config
from common.tasks import Classification, Regression, Task
from server_app.reporting.words import counted, size
from server_app.score_interval import MANY

Events = Sequence[Mapping[str, Any]]


def leaving_of(
    events: Events,
    result: Mapping[str, Any],
    ledgers: Mapping[str, Sequence[int]],
    config: Config | None,
    task: Task | None,
) -> list[dict[str, str]]:
    """Return what left the nodes: ``what``, ``how_much`` and ``to_know``, in words.

    Parameters
    ----------
    events, result, ledgers
        As of `server_app.report.costs`.
    config : Config, optional
        Of the run; what follows from it alone is left out where it is not known.
    task : Task, optional
        Likewise.
    """
    rows = [
        *_weights(events, result, ledgers),
        *_metrics(events),
        *_of_own(events),
        *_tests(events, config, task),
        *_handshake(events),
        *_classes(events, config, task),
        *_sums(events, config),
        *_proxies(events),
        *_targets(config, task),
        *_reasons(events),
    ]
    return [dict(zip(("what", "how_much", "to_know"), row, strict=True)) for row in rows]


def _of(events: Events, *kinds: str) -> list[Mapping[str, Any]]:
    return [event for event in events if event["event"] in kinds]


def _weights(
    events: Events, result: Mapping[str, Any], ledgers: Mapping[str, Sequence[int]]
) -> Iterator[tuple[str, str, str]]:
    rounds = _of(events, "round")
    if not rounds:
        return
    updates = sum(event["num_nodes"] for event in rounds)
    counts = result.get("counts") or {}
    amount = (
        f"{size(counts['bytes_up'])} up, all told"
        if "bytes_up" in counts
        else f"{size(sum(b for _, b in ledgers.values()))} in both directions"
    )
    mixed = any(str(event["trial"]).startswith("mixed") for event in rounds)
    beside = ", architecture weights, and the loss on the examples that are theirs" if mixed else ""
    yield (
        f"Weights of models after local training{beside}",
        f"{counted(updates, 'update')} in {counted(len(rounds), 'round')}, {amount}",
        "Updates can tell of the data that they were trained on.",
    )


def _metrics(events: Events) -> Iterator[tuple[str, str, str]]:
    scored = _of(events, "scored")
    if scored:
        number = sum(int((event.get("metrics") or {}).get("nodes") or 0) for event in scored)
        yield (
            "Metrics of models on a node's own data: loss, accuracy and the like",
            f"{counted(number, 'table')} for {counted(len(scored), 'score')}",
            "Of few examples a metric tells much about each.",
        )


def _of_own(events: Events) -> Iterator[tuple[str, str, str]]:
    for event in _of(events, "personalized"):
        yield (
            "Metrics of the common model, of the node's own, of one trained alone, and which it keeps",
            f"from {counted(event['num_nodes'], 'node')}",
            "The models stayed there.",
        )


def _tests(events: Events, config: Config | None, task: Task | None) -> Iterator[tuple[str, str, str]]:
    if task is None or not _of(events, "scored"):
        return
    if isinstance(task.head, Classification) and task.head.num_classes == 2:
        yield (
            "The probability above which the second class is best answered",
            "with each score",
            "It lies between two probabilities that a model gave to validation examples.",
        )
    if config is not None and config.final.bootstrap and len(_of(events, "node")) < MANY:
        yield "One standard error of the test score, over the node's own test examples", "with each test", ""


def _handshake(events: Events) -> Iterator[tuple[str, str, str]]:
    nodes = {event["node"]: event for event in _of(events, "node")}
    if nodes:
        yield (
            "Name, shapes, and how many examples there are for training, validation and test",
            f"once from each of {counted(len(nodes), 'node')}",
            "Counts are exact.",
        )
        yield "Cores, memory, kind of device, a measured speed, and limits", f"from {counted(len(nodes), 'node')}", ""


def _classes(events: Events, config: Config | None, task: Task | None) -> Iterator[tuple[str, str, str]]:
    if task is None or isinstance(task.head, Regression):
        return
    if task.head.names:
        yield "Names of classes", f"{len(task.head.names)} names, which every node got", ""
    weighed = [] if config is None else _of(events, "weighted", "unweighted")
    if config is not None and (config.objective["name"] == "primary" or weighed):
        least = config.preprocessing.min_examples
        yield (
            "How many training examples there are of each class",
            f"from {counted(len(_of(events, 'node')), 'node')}, rounded down to multiples of {least}",
            f"Nothing of a node with fewer than {least} examples.",
        )


def _sums(events: Events, config: Config | None) -> Iterator[tuple[str, str, str]]:
    for event in _of(events, "scaled")[:1]:
        least = "so many" if config is None else str(config.preprocessing.min_examples)
        yield (
            "Sum and sum of squares of each feature or channel over the training examples",
            f"from {counted(event['num_nodes'], 'node')}; of fewer than {least} examples none, which are "
            f"{counted(event['left_out'], 'node')}",
            "Their means and deviations are part of the model, and reached every node.",
        )


def _proxies(events: Events) -> Iterator[tuple[str, str, str]]:
    if screened := _of(events, "screened"):
        specs = sum(len(event["candidates"]) for event in screened)
        yield (
            "Scores of untrained networks on one mini-batch",
            f"for {counted(specs, 'network')}, from each node of the panel with enough examples",
            "",
        )


def _targets(config: Config | None, task: Task | None) -> Iterator[tuple[str, str, str]]:
    if task is not None and isinstance(task.head, Regression):
        least = "so many" if config is None else str(config.preprocessing.min_examples)
        yield (
            "Mean and standard deviation of the training targets",
            f"once from each node with {least} training examples or more",
            "Those of all together reached every node.",
        )


def _reasons(events: Events) -> Iterator[tuple[str, str, str]]:
    told = [
        event for event in _of(events, "refused", "absent", "unable", "scoreless", "node_refused") if event.get("node")
    ]
    if told:
        yield (
            "Why something failed, as one line of text",
            counted(len(told), "line"),
            "At most that; some were found by the server.",
        )
