"""Ways to spend the same compute on one data set: a search, the portfolio with all of it, a random search.

The search runs with its default options, and what it costs in all, its final training included, is what the others
have. Each arm picks one model by validation data and tests that one.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from common.architecture.cost import cost_of
from common.architecture.spec import ArchitectureSpec
from common.groups import UNBOUNDED
from common.tasks import task_from_record
from server_app.run_folder import JOURNAL, RESULT

ARMS = ("search", "portfolio", "random")


@dataclass(frozen=True)
class Reached:
    """What one arm came to with one seed.

    Parameters
    ----------
    metric : str
        That `value` is of: the primary one of the task, or of a regression R2, which has no unit.
    value : float
        Of the model picked, on the test data, mean over its runs; more is better.
    macs : int
        Of that model, for one example.
    from_portfolio : bool
        Whether it is one of the portfolio, as it was given.
    cost : float
        Of the whole run, in MACs x examples.
    seconds : float
        That it took.
    """

    metric: str
    value: float
    macs: int
    from_portfolio: bool
    cost: float
    seconds: float


def reached(folder: Path) -> Reached:
    """Read the folder of a run that has finished."""
    result = _read(folder / RESULT)
    winner, (metric, better) = result["winner"], task_from_record(result["task"]).head.primary
    if "r2" in winner["test"]:
        metric, better = "r2", "max"
    return Reached(
        metric,
        winner["test"][metric] * (1 if better == "max" else -1),
        winner["macs"],
        winner["origin"] == "portfolio",
        float(sum(result["mac_examples"].values())),
        sum(result["seconds"].values()),
    )


def as_dear(search: Path) -> list[str]:
    """Return the overrides of a search that tries as much as it can at the cost of another one that has finished.

    The final training is as long, and part of the cost.

    Parameters
    ----------
    search : Path
        The run folder of the other.
    """
    result = _read(search / RESULT)
    cost = sum(result["mac_examples"].values())
    limits = [f"search.trials={UNBOUNDED}", f"search.budget.mac_examples={cost:.0f}"]
    return [*limits, f"final.rounds={result['final_rounds']}"]


def random_search(search: Path) -> list[str]:
    """Return the overrides of a random search at the cost of a search that has finished."""
    return ["controller=random", "search.start=[]", *as_dear(search)]


def portfolio(search: Path) -> list[str]:
    """Return the overrides with which all of the portfolio trains at the cost of a search that has finished.

    Each entry trains one round, then all of them are finalists: with each seed for as many rounds as can be paid, and
    the winner is tested as it is. That is what somebody does who has the compute of a search and trusts none.

    Parameters
    ----------
    search : Path
        The run folder of the search.
    """
    result, entries = _read(search / RESULT), entries_of(search)
    events = _events(search / JOURNAL)
    nodes = [event for event in events if event["event"] == "node"]
    held_out = any(event["held_out"] for event in events if event["event"] == "search")
    task = task_from_record(result["task"])
    macs = [cost_of(ArchitectureSpec.from_dict(row["spec"]).lower(task)).macs for row in entries]
    epochs = [row["recipe"]["epochs"] for row in entries]
    total = float(sum(result["mac_examples"].values()))
    seeds = len(result["winner"]["tests"])
    rounds = rounds_that_cost(total, macs, epochs, Examples.of(nodes), seeds, again=held_out)
    return [
        f"search.trials={len(entries)}",
        "fidelity=full",
        "fidelity.max_rounds=1",
        f"final.finalists={len(entries)}",
        f"final.rounds={rounds}",
    ]


def entries_of(search: Path) -> list[dict[str, Any]]:
    """Return of the history of a search the trials that are entries of the portfolio."""
    return [row for row in _read(search / "history.json") if row["origin"] == "portfolio"]


@dataclass(frozen=True)
class Examples:
    """What all nodes have together, by split."""

    train: int
    validation: int
    test: int

    @classmethod
    def of(cls, nodes: Sequence[Mapping[str, Any]]) -> Examples:
        """Sum over the ``node`` events of a journal, of which the last one of each node counts."""
        last = {event["node"]: event for event in nodes}.values()
        return cls(*(sum(event[split] for event in last) for split in ("examples", "validation", "test")))


def rounds_that_cost(
    total: float, macs: Sequence[int], epochs: Sequence[int], examples: Examples, seeds: int, *, again: bool = False
) -> int:
    """Return the rounds for which all entries can train with each seed, at a cost of `total`; at least 1.

    Taken off first are one round of each and its score, the finalists' scores, and the test of the dearest. What the
    linear and the constant model cost is left out: next to nothing.

    Parameters
    ----------
    total : float
        In MACs x examples.
    macs, epochs : sequence of int
        Of each entry.
    examples : Examples
        Of all nodes.
    seeds : int
        Of the final.
    again : bool
        Whether the winner trains once more, since people were held out of what the finalists trained on.
    """
    each = [m * e * examples.train for m, e in zip(macs, epochs, strict=True)]
    scores = sum(macs) * examples.validation
    fixed = sum(each) + scores + seeds * (scores + max(macs) * examples.test)
    one_round = seeds * (sum(each) + (max(each) if again else 0))
    return max(1, int((total - fixed) / one_round))


def _read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def _events(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
