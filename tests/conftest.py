"""One thread for torch, here and in all that is started from here: small models on busy cores crawl with more."""

import logging
import os
from collections.abc import Iterator

import pytest

os.environ["OMP_NUM_THREADS"] = "1"


@pytest.fixture
def flower_log(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    """What Flower's logger says, also after something has configured logging for the whole process, as Hydra does."""
    logger = logging.getLogger("flwr")
    before, logger.propagate, logger.disabled = (logger.propagate, logger.disabled), False, False
    logger.addHandler(caplog.handler)
    yield caplog
    logger.removeHandler(caplog.handler)
    logger.propagate, logger.disabled = before
