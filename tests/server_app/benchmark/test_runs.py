"""All runs of a benchmark, in one process or several."""

from dataclasses import replace

import pytest

from common.errors import SearchError
from server_app.benchmark.runs import Course, run_all, seeds_of
from server_app.benchmark.settings import contenders_of
from server_app.spaces.tabular import TabularSpace
from tests.support.tables import table

COURSE = Course(table(), TabularSpace.Options(max_parameters=80), budget=12, parallel=2)
CONTENDERS = contenders_of(["controller=random,evolution", "controller.population_size=5"], COURSE.table)


def without_times(found):
    return {name: [(trace.best_seen, trace.incumbent) for trace in traces] for name, traces in found.items()}


def test_the_number_of_workers_changes_nothing_but_the_time():
    told, seeds = [], seeds_of(0, 3)
    alone = run_all(COURSE, CONTENDERS, seeds, 1)
    together = run_all(COURSE, CONTENDERS, seeds, 2, told.append)
    assert without_times(alone) == without_times(together)
    assert list(together) == ["random", "evolution"]
    assert sorted(contender.name for contender in told) == ["evolution"] * 3 + ["random"] * 3


def test_seeds_are_different_and_their_own():
    assert len({*seeds_of(0, 50), *seeds_of(1, 50)}) == 100
    assert seeds_of(0, 50)[:3] == seeds_of(0, 3)


def test_a_run_that_fails_says_why_from_another_process_too():
    broken = [replace(CONTENDERS[0], controller="nobody")]
    with pytest.raises(SearchError, match=r"controller must be one of .*, got 'nobody'\. Choose one of them\.$"):
        run_all(COURSE, broken, seeds_of(0, 2), 2)
