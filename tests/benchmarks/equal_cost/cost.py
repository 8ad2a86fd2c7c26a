"""What the training of a run costs, by its journal, whichever version wrote it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

Event = Mapping[str, Any]


def training_cost(journal: Iterable[Event], epochs: int) -> float:
    """Return the cost of a run: over its trials, MACs of one example forward x training examples seen.

    A trial sees, in each of its rounds, the training examples of the nodes that trained in it, once an epoch. What
    follows the search has trials of its own, which count too. Scores and tests do not.

    Parameters
    ----------
    journal : iterable of mapping
        Events of journal.jsonl, in their order.
    epochs : int
        Of a round, where a trial does not say: before 0.2 all trials trained alike.

    Returns
    -------
    float
        In MACs x examples.
    """
    examples: dict[str, int] = {}
    each: dict[str, int] = {}
    cost = 0.0
    for event in journal:
        match event["event"]:
            case "node":
                examples[event["node"]] = event["examples"]
            case "proposed":
                each[event["trial"]] = event["macs"] * event.get("recipe", {}).get("epochs", epochs)
            case "round":
                cost += each[event["trial"]] * examples_of_round(event, examples)
    return cost


def examples_of_round(event: Event, examples: Mapping[str, int]) -> float:
    """Return how many training examples the nodes of a round have.

    A line names only so many of them. The others are among those that it does not name: all of these, in which case the
    number is exact, or some, which are taken to have as many as these have in the mean.

    Parameters
    ----------
    event : mapping
        A ``round`` of the journal.
    examples : mapping
        Training examples of every node, by name.
    """
    named = event["nodes"]
    known, more = sum(examples[node] for node in named), int(event["num_nodes"]) - len(named)
    if not more:
        return known
    others = [size for node, size in examples.items() if node not in {*named, *event["left_out"]}]
    return known + sum(others) * more / len(others)
