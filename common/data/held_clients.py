"""Whose examples are for the test only, where no file says so: clients by their numbers."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from common.data.pool import Pool
from common.errors import ConfigError

_WAY = "Write numbers and ranges, such as 3,7,33-42"


def numbers_of(text: str) -> NDArray[np.int64]:
    """Return the numbers that a text such as ``3,7,33-42`` names, both ends of a range included.

    Raises
    ------
    ConfigError
        It is no such text.
    """
    found: list[int] = []
    for part in text.split(","):
        ends = re.fullmatch(r"\s*(\d{1,9})(?:\s*-\s*(\d{1,9}))?\s*", part)
        first, last = (0, -1) if ends is None else (int(ends[1]), int(ends[2] or ends[1]))
        if not first <= last < first + 1_000_000:
            raise ConfigError("dataset.test_clients must name clients by their numbers", text, fix=_WAY)
        found += range(first, last + 1)
    return np.unique(found)


def with_test_clients(pool: Pool, text: str) -> Pool:
    """Return a pool whose test part are the examples of these clients.

    Raises
    ------
    ConfigError
        It has a test part, does not say whose its examples are, lacks one of these clients, or has no other.
    """
    numbers = numbers_of(text)
    if pool.people is None or pool.test is not None:
        rule = "know whose each example is" if pool.people is None else "have no test part of their own"
        raise ConfigError(f"With dataset.test_clients data must {rule}", text, fix="Leave it out")
    missing = np.setdiff1d(numbers, pool.people)
    if len(missing):
        raise ConfigError("Every client of dataset.test_clients must have examples", int(missing[0]), fix=_WAY)
    test = np.isin(pool.people, numbers)
    if test.all():
        raise ConfigError("dataset.test_clients must leave clients to train on", text, fix=_WAY)
    return replace(pool, test=test)
