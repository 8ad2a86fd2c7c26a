"""One run that scores specs without training: from a run config to proxies.json, whatever happens in between."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

from common import __version__
from common.errors import ConfigError
from common.models.proxies import PROXIES
from server_app.budget import Spent
from server_app.build import check, without_foreign_options
from server_app.build_proxies import build_proxies
from server_app.federation import facts_of
from server_app.journal import Journal
from server_app.one_stage import run_one_stage
from server_app.proxy_plan import ProxyPlan
from server_app.proxy_ranking import MEAN_RANK, best, rank_all
from server_app.run import read_config
from server_app.run_folder import SCORES

if TYPE_CHECKING:
    from flwr.serverapp import Grid

    from common.config import Config


def run_proxies(grid: Grid, run_config: Mapping[str, Any]) -> None:
    """Score specs of a space without training, and leave a run folder, also where it ends early.

    Parameters
    ----------
    grid : Grid
        Flower's way to the nodes.
    run_config : mapping
        As of `server_app.run.run`, and ``proxies``: how many specs.
    """
    count = _count_of(run_config["proxies"])
    config = read_config(run_config, "simulation" if type(grid).__name__ == "InMemoryGrid" else "deployment")
    run_one_stage(
        grid,
        config,
        {"proxies": count},
        lambda journal, stop, _: proxy_plan(config, count, journal, stop),
        SCORES,
        lambda plan, status: record(config, plan, status),
    )


def proxy_plan(
    config: Config, count: int, journal: Journal, stop: Callable[[], str | None] = lambda: None
) -> ProxyPlan:
    """Build the plan that a configuration describes; raises `ConfigError` for what is wrong with it."""
    config, _ = without_foreign_options(config)
    check(config)
    return ProxyPlan(
        lambda task, limits, roster: build_proxies(config, count, task, journal, roster, limits),
        count,
        # nobody trains or is ranked, so no node need count its classes
        facts=replace(facts_of(config, lambda head: head.primary[0]), weighs=False),
        journal=journal,
        stop=stop,
    )


def record(config: Config, plan: ProxyPlan, status: str) -> dict[str, Any]:
    """Return the content of proxies.json: all specs with their scores and ranks, best mean rank first.

    Parameters
    ----------
    config : Config
        What was run.
    plan : ProxyPlan
        What was found, perhaps not all of it.
    status : str
        ``finished``, ``failed`` or ``stopped``.
    """
    stage = plan.stage
    found = [] if stage is None else stage.found()
    ranks = rank_all(found)
    order = best(found, ranks[MEAN_RANK], len(found)) if found else []
    spent = Spent.of([] if stage is None else stage.trials)
    return {
        "flwr_nas": __version__,
        "status": status,
        "name": config.run.name,
        "seed": config.seed,
        "task": None if plan.task is None else plan.task.to_record(),
        "proxies": [name for name in PROXIES if name in ranks],
        "nodes": [] if stage is None else list(stage.nodes),
        "specs": [
            {**found[place].to_json(), "ranks": {name: column[place] for name, column in ranks.items()}}
            for place in order
        ],
        "counts": asdict(plan.counts),
        "mac_examples": spent.mac_examples,
        "node_seconds": round(spent.node_seconds, 3),
        "seconds": {name: round(value, 3) for name, value in plan.seconds.items()},
        "config": asdict(config),
    }


def _count_of(value: Any) -> int:
    """Read how many specs a run config wants."""
    text = str(value)
    if not text.isdecimal() or not int(text):
        raise ConfigError("proxies must be a whole number of specs", value, fix="Write proxies=500")
    return int(text)
