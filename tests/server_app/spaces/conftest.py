"""Spaces that offer everything."""

import pytest

from server_app.spaces.layered import LayeredSpace
from tests.support.spaces import everything


@pytest.fixture(scope="session")
def spaces() -> list[LayeredSpace]:
    """Spaces that offer everything for each of a few tasks."""
    return everything()
