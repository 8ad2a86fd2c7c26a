"""What a small benchmark found."""

import pytest

from server_app.benchmark.record import record
from server_app.benchmark.runs import Course, run_all, seeds_of
from server_app.benchmark.settings import contenders_of, settings_of
from server_app.spaces.tabular import TabularSpace
from tests.support.tables import table


@pytest.fixture(scope="session")
def found():
    """Three contenders, 6 runs of each, 30 evaluations of a table of 81; half of it may be proposed."""
    settings = settings_of(["budget=30", "seeds=6", "space.table=small.json"])
    space = TabularSpace(table(), TabularSpace.Options(max_parameters=50))
    contenders = contenders_of(["controller=random,evolution,hill_climb", "controller.population_size=5"], space.table)
    seeds = seeds_of(0, 6)
    course = Course(space.table, TabularSpace.Options(max_parameters=50), 30, 1)
    return record(settings, space, contenders, seeds, run_all(course, contenders, seeds, 1))
