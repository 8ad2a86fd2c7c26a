"""One thread for torch, here and in all that is started from here: small models on busy cores crawl with more."""

import logging
import os
from collections.abc import Iterator

import pytest

os.environ["OMP_NUM_THREADS"] = "1"


def pytest_itemcollected(item: pytest.Item) -> None:
    """Say which tests share a worker, where there are several (``-n 2 --dist loadgroup``): see `_starts_flower`."""
    item.add_marker(pytest.mark.xdist_group("flower" if _starts_flower(item) else item.path.stem))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Begin with the tests that take longest, where there are several workers."""
    if hasattr(config, "workerinput"):
        items.sort(key=lambda item: not _starts_flower(item))


def _starts_flower(item: pytest.Item) -> bool:
    """Tell whether a test starts Flower's processes: these take turns, each wants the whole machine now and then."""
    return any(mark.name in ("deployment", "simulation", "containers") for mark in item.iter_markers())


@pytest.fixture(autouse=True)
def logs_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let what Hydra's configuration of the logs turns off be on again after the test."""
    monkeypatch.setattr(logging.getLogger("flwr"), "disabled", False)


@pytest.fixture
def flower_log(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    """What Flower's logger says, also after something has configured logging for the whole process, as Hydra does."""
    logger = logging.getLogger("flwr")
    before, logger.propagate, logger.disabled = (logger.propagate, logger.disabled), False, False
    logger.addHandler(caplog.handler)
    yield caplog
    logger.removeHandler(caplog.handler)
    logger.propagate, logger.disabled = before
