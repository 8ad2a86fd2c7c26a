"""Was it the controller? A random search of the same cost beside a run, and the gain over it.

The control has the run's configuration and seed, and with these its nodes, its data and the seeds of its final
training, which is as long, so that the tests of both winners are pairs. What it does not have is what people or a
controller know: nothing is tried first, and each proposal is drawn from the space. It ends, its final training
included, before it costs more MACs x examples than the run did.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from common.errors import ConfigError, SearchError
from common.groups import NO_LIMITS, NOT_PERSONAL, UNBOUNDED
from common.tasks import task_from_record
from server_app.gains import Gain, over_seeds
from server_app.registry import load_choice
from server_app.reporting.columns import add_rows
from server_app.reporting.judgement import gain_in_words
from server_app.reporting.words import shortened, size

if TYPE_CHECKING:
    from common.config import Config

FOLDER = "control"
"""Of the control, in that of the run."""
SUMMARY = "control.json"

_CURRENCIES = ("mac_examples", "node_seconds", "bytes")


def check_control(config: Config) -> None:
    """Raise `ConfigError` where a control could not be told from here what the run has cost."""
    if config.control is None or config.federation.name == "simulation":
        return
    folder = Path(config.run.dir or ".")
    if not (folder.is_absolute() and folder.parent.is_dir()):
        raise ConfigError(
            "control=random reads the run folder of a deployment, which must be the same here and on the SuperLink's "
            "machine",
            str(folder),
            fix="Set run.dir to such a path, or begin the control by yourself: controller=random search.start=[] "
            "search.budget.mac_examples=..., as result.json tells it",
        )


def control_config(config: Config, result: Mapping[str, Any], folder: Path) -> Config:
    """Return the configuration of the control, whose trials train from scratch, all that are drawn.

    Parameters
    ----------
    config : Config
        Of the run.
    result : mapping
        Its result.json.
    folder : Path
        Of the control.
    """
    budget = replace(NO_LIMITS, mac_examples=_cost(result, "mac_examples"))
    fidelity: Any = load_choice("fidelity", config.fidelity["name"])
    unscreened = {name: value for name, value in config.fidelity.items() if name != "proxy"}
    return replace(
        config,
        control=None,
        controller={"name": "random"},
        weights={"name": "scratch"},
        fidelity=unscreened if fidelity.trains else {"name": "successive_halving"},
        search=replace(config.search, trials=UNBOUNDED, start=[], imports=[], priors=None, budget=budget),
        final=replace(config.final, rounds=result.get("final_rounds") or config.final.rounds),
        personal=NOT_PERSONAL,
        run=replace(config.run, dir=str(folder), resume=False),
    )


def summary(result: Mapping[str, Any], control: Mapping[str, Any]) -> dict[str, Any]:
    """Return what control.json holds: both winners with their tests and costs, and the gain.

    Parameters
    ----------
    result, control : mapping
        The result.json of the run and of its control.

    Raises
    ------
    SearchError
        No seed has a test of both winners.
    """
    metric, better = task_from_record(result["task"]).head.primary
    tests = [(side.get("winner") or {}).get("tests", []) for side in (result, control)]
    pairs = [(ours, theirs) for ours, theirs in zip(*tests, strict=False) if metric in ours and metric in theirs]
    if not pairs:
        raise SearchError("A gain is told of winners that were both tested", fix="See the journal.jsonl of both runs")
    sign = 1 if better == "max" else -1
    gain = over_seeds([sign * (ours[metric] - theirs[metric]) for ours, theirs in pairs])
    return {
        "task": result["task"],
        "found": _side(result),
        "control": _side(control),
        "gain": {"metric": metric, **gain.to_json()},
    }


def _side(result: Mapping[str, Any]) -> dict[str, Any]:
    winner = result["winner"]
    told = {key: winner.get(key) for key in ("architecture", "id", "recipe", "parameters", "macs", "tests")}
    cost = {currency: _cost(result, currency) for currency in _CURRENCIES}
    return {**told, "trials": result["counts"]["trials"], "cost": cost}


def _cost(result: Mapping[str, Any], currency: str) -> float:
    """Return what a run has cost until it had its winner: models of the nodes' own have no part in finding it."""
    cost: float = sum(cost for stage, cost in result[currency].items() if stage != "personal")
    return cost


def render(found: Mapping[str, Any]) -> RenderableType:
    """Return what `summary` found as a table, and the gain in a sentence below it."""
    sides = [found["found"], found["control"]]
    head = task_from_record(found["task"]).head
    table = Table(title="the same cost of random search")
    table.add_column("")
    table.add_column("found", justify="right", style="bold")
    table.add_column("random", justify="right")
    add_rows(table, head, sides)
    table.add_row("trials", *(f"{side['trials']:,}" for side in sides))
    costs = [side["cost"] for side in sides]
    table.add_row("MACs x examples, in all", *(shortened(cost["mac_examples"]).rstrip() for cost in costs))
    table.add_row("node-seconds, in all", *(f"{cost['node_seconds']:,.1f}" for cost in costs))
    table.add_row("bytes, in all", *(size(cost["bytes"]) for cost in costs))
    architectures = [
        Text(f"{name}: {side['architecture']}") for name, side in zip(("found", "random"), sides, strict=True)
    ]
    gain = Gain.from_json({key: value for key, value in found["gain"].items() if key != "metric"})
    who = "one seed has" if len(gain.values) == 1 else "seeds that all gain as much have"
    alone = "" if gain.low is not None else f"; {who} no interval (final.seeds)"
    return Group(table, *architectures, Text(f"Against random search: {gain_in_words(gain, head)}{alone}."))
