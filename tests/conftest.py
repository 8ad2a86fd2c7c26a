"""One thread for torch, here and in all that is started from here: small models on busy cores crawl with more."""

import logging
import os
from collections.abc import Iterator

import pytest

os.environ["OMP_NUM_THREADS"] = "1"

_REAL = {"deployment", "simulation", "containers"}


@pytest.hookimpl(tryfirst=True)  # xdist reads the marks in the same hook
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Say what goes to one worker, where there are several (``-n 2 --dist loadgroup``).

    Tests that start Flower's processes take turns, for each of them wants the whole machine now and then, and begin at
    once, for together they take longest; all others are dealt out file by file.
    """
    if not hasattr(config, "workerinput"):
        return
    starts_flower = [any(mark.name in _REAL for mark in item.iter_markers()) for item in items]
    for item, real in zip(items, starts_flower, strict=True):
        item.add_marker(pytest.mark.xdist_group("flower" if real else str(item.path)))
    items[:] = [item for _, item in sorted(zip(starts_flower, items, strict=True), key=lambda pair: not pair[0])]


@pytest.fixture
def flower_log(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    """What Flower's logger says, also after something has configured logging for the whole process, as Hydra does."""
    logger = logging.getLogger("flwr")
    before, logger.propagate, logger.disabled = (logger.propagate, logger.disabled), False, False
    logger.addHandler(caplog.handler)
    yield caplog
    logger.removeHandler(caplog.handler)
    logger.propagate, logger.disabled = before
