"""Any architecture on any kind of task, from one seed."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from common.architecture.spec import ArchitectureSpec
from common.seeding import generator
from common.tasks import Task
from tests.support.spaces import everything


@pytest.fixture(scope="session")
def random_case() -> Callable[[int], tuple[ArchitectureSpec, Task]]:
    """A function from a seed to a legal spec and its task."""
    spaces = everything()

    def draw(seed: int) -> tuple[ArchitectureSpec, Task]:
        rng = generator(seed, "case")
        space = spaces[int(rng.integers(len(spaces)))]
        return space.sample(rng), space.task

    return draw
