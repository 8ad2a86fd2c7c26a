"""One thread for torch, here and in all that is started from here: small models on busy cores crawl with more."""

import logging
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

os.environ["OMP_NUM_THREADS"] = "1"

settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


def pytest_itemcollected(item: pytest.Item) -> None:
    """Say which tests share a worker, where there are several (``-n 2 --dist loadgroup``).

    Deployments mostly wait, and take turns; so do simulations, which want the whole machine now and then. All others
    are dealt out file by file.
    """
    item.add_marker(pytest.mark.xdist_group(_started(item) or item.path.stem))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Begin with the tests that take longest, where there are several workers."""
    if hasattr(config, "workerinput"):
        items.sort(key=lambda item: not _started(item))


def _started(item: pytest.Item) -> str:
    """Return which of Flower's processes a test starts; empty for most."""
    marks = [mark.name for mark in item.iter_markers()]
    return next((name for name in ("deployment", "simulation", "containers") if name in marks), "")


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


@pytest.fixture
def shared_data() -> Path:
    """The folder of data files that are not part of the project."""
    default = Path(__file__).parents[2] / "shared" / "data"
    folder = Path(os.environ.get("FLWR_NAS_DATA", default))
    if not (folder / "uci_har.npz").exists():
        pytest.skip("the shared data are not here")
    return folder
