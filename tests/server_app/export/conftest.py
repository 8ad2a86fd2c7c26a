"""One run for all tests of what is exported of it."""

import shutil

import pytest

from tests.support.exported import write_run


@pytest.fixture(scope="session")
def run(tmp_path_factory):
    """The folder of a finished run, with a front of two; nobody writes into it."""
    folder = tmp_path_factory.mktemp("run")
    write_run(folder)
    return folder


@pytest.fixture
def copied(run, tmp_path):
    """A copy of that run which a test may damage."""
    return shutil.copytree(run, tmp_path / "run")
