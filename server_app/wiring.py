"""The choice that a configuration makes on an axis, as a class with its options; and what all stages are told."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from common.config import Choice, Config, options_of
from common.tasks import Task
from server_app.capacity import excess_of_node
from server_app.footprint import footprints
from server_app.journal import Journal
from server_app.objectives.base import Objectives
from server_app.pace import pace_of
from server_app.registry import load_choice
from server_app.roster import Roster


def chosen(config: Config, axis: str) -> tuple[Any, Any]:
    """Return the class and the options of the choice on an axis; raises `ConfigError` for what is none."""
    choice: Choice = getattr(config, axis)
    cls: Any = load_choice(axis, choice["name"])
    return cls, options_of(choice, cls.Options, axis)


def maker(config: Config, axis: str) -> Callable[[], Any]:
    """Return a function that makes the choice on an axis, each time anew."""
    cls, options = chosen(config, axis)
    return lambda: cls(options)


def objectives_of(config: Config, task: Task) -> Objectives:
    """Return the objectives for a task."""
    cls, options = chosen(config, "objective")
    objectives: Objectives = cls(task.head, options, footprints(task, options.latency))
    return objectives


def told_to_all(config: Config, task: Task, journal: Journal, roster: Roster) -> dict[str, Any]:
    """Return what every stage is told of the run; see `Stage`."""
    return {
        "deadline": config.federation.deadline,
        "journal": journal,
        "excess": excess_of_node(roster, task),
        "held": roster.held,
        "lacks": roster.lacks,
        "precision": config.federation.precision,
        "pace": pace_of(config, task, roster, journal),
    }
