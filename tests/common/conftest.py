"""Any architecture on any kind of task, from one seed; and logs that outlive what Hydra does to them."""

from __future__ import annotations

import logging
from collections.abc import Callable

import pytest

from common.architecture.layered import LayeredSpace
from common.architecture.spec import ArchitectureSpec
from common.architecture.task import TaskShape
from common.seeding import generator

TASKS = (
    TaskShape((5,), 3),
    TaskShape((1,), 2),
    TaskShape((3, 21), 4),
    TaskShape((1, 2), 2),
    TaskShape((2, 9, 7), 3),
    TaskShape((1, 1, 4), 2),
)
OPTIONS = LayeredSpace.Options(
    min_layers=0,
    max_layers=6,
    width=[1, 2, 6, 16, 33],
    kernel=[1, 3, 5],
    stride=[1, 2, 3],
    activation=["relu", "gelu", "silu", "tanh", "none"],
    norm=["group", "batch", "none"],
    dropout={"low": 0.0, "high": 0.5},
    skip=0.5,
    reduce=["flatten", "avg", "max"],
    max_parameters=None,
    max_macs=None,
)


@pytest.fixture(autouse=True)
def logs_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let what Hydra's configuration of the logs turns off be on again after the test."""
    monkeypatch.setattr(logging.getLogger("flwr"), "disabled", False)


@pytest.fixture(scope="session")
def spaces() -> list[LayeredSpace]:
    """One space that offers everything for each of a few tasks."""
    return [LayeredSpace(task, OPTIONS) for task in TASKS]


@pytest.fixture(scope="session")
def random_case(spaces: list[LayeredSpace]) -> Callable[[int], tuple[ArchitectureSpec, TaskShape]]:
    """A function from a seed to a legal spec and its task."""

    def draw(seed: int) -> tuple[ArchitectureSpec, TaskShape]:
        rng = generator(seed, "case")
        space = spaces[int(rng.integers(len(spaces)))]
        return space.sample(rng), space.task

    return draw
