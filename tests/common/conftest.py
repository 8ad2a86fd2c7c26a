"""Any architecture on any kind of task, from one seed; and logs that outlive what Hydra does to them."""

from __future__ import annotations

import logging
from collections.abc import Callable

import pytest

from common.architecture.spec import ArchitectureSpec
from common.seeding import generator
from common.tasks import Task
from tests.support.spaces import everything


@pytest.fixture(autouse=True)
def logs_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let what Hydra's configuration of the logs turns off be on again after the test."""
    monkeypatch.setattr(logging.getLogger("flwr"), "disabled", False)


@pytest.fixture(scope="session")
def random_case() -> Callable[[int], tuple[ArchitectureSpec, Task]]:
    """A function from a seed to a legal spec and its task."""
    spaces = everything()

    def draw(seed: int) -> tuple[ArchitectureSpec, Task]:
        rng = generator(seed, "case")
        space = spaces[int(rng.integers(len(spaces)))]
        return space.sample(rng), space.task

    return draw
