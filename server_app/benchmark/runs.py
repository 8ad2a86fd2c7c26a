"""All runs of a benchmark, in parallel over the cores; the results do not depend on how many there are."""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass

from common.errors import FlwrNasError, SearchError
from common.seeding import child_seed
from server_app.benchmark.drive import Trace, drive
from server_app.benchmark.settings import Contender
from server_app.spaces.table import Table
from server_app.spaces.tabular import TabularSpace


@dataclass(frozen=True)
class Course:
    """What is the same for all runs.

    Parameters
    ----------
    table : Table
        What is searched.
    options : Options
        Constraints of the space.
    budget, parallel : int
        As of `drive`.
    """

    table: Table
    options: TabularSpace.Options
    budget: int
    parallel: int


def seeds_of(seed: int, count: int) -> list[int]:
    """Return the seeds of the runs of each contender: all have the same, so that they can be compared in pairs."""
    return [child_seed(seed, "benchmark", number) for number in range(count)]


def run_all(
    course: Course,
    contenders: Sequence[Contender],
    seeds: Sequence[int],
    workers: int,
    told: Callable[[Contender], None] = lambda _: None,
) -> dict[str, list[Trace]]:
    """Run every contender with every seed.

    Parameters
    ----------
    course : Course
        What is searched, and for how long.
    contenders, seeds : sequences
        Who runs, and how often.
    workers : int
        Processes; 1 works in this one.
    told : callable
        Called after each run.

    Returns
    -------
    dict of str to list of Trace
        By name of a contender, in the order of `seeds`.

    Raises
    ------
    SearchError
        A run failed, or a process ended.
    """
    # the first seed of all, then the second: so the bars of all contenders move together
    pairs = [(contender, seed) for seed in seeds for contender in contenders]
    found: dict[tuple[str, int], Trace] = {}
    for (contender, seed), trace in _traces(course, pairs, min(workers, len(pairs))):
        found[contender.name, seed] = trace
        told(contender)
    return {contender.name: [found[contender.name, seed] for seed in seeds] for contender in contenders}


Pair = tuple[Contender, int]


def _traces(course: Course, pairs: Sequence[Pair], workers: int) -> Iterator[tuple[Pair, Trace]]:
    if workers == 1:
        space = TabularSpace(course.table, course.options)
        yield from ((pair, drive(space, *pair, course.budget, course.parallel)) for pair in pairs)
        return
    # a fresh interpreter: what was forked while threads run may hang, and rich has one for its bars
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, context, _begin, (course,)) as pool:
        waiting: dict[Future[Trace], Pair] = {pool.submit(_drive, *pair): pair for pair in pairs}
        try:
            while waiting:
                for future in wait(waiting, return_when=FIRST_COMPLETED).done:
                    yield waiting.pop(future), future.result()
        except BrokenProcessPool:
            raise SearchError("A worker must not end before its work", fix="Set workers=1 to see why it did") from None
        except FlwrNasError as error:  # which came from another process, and has its full stop already
            raise SearchError(str(error).rstrip(".")) from None
        finally:
            pool.shutdown(cancel_futures=True)  # or leaving the pool would wait for all that is left


_course: Course | None = None
"""Of a worker: what it was begun with."""
_space: TabularSpace | None = None


def _begin(course: Course) -> None:
    """Prepare a worker: it builds the space once, and leaves it to the command to hear of an interrupt."""
    global _course, _space  # an initializer has no other way to hand over
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _course, _space = course, TabularSpace(course.table, course.options)


def _drive(contender: Contender, seed: int) -> Trace:
    assert _course is not None
    assert _space is not None
    return drive(_space, contender, seed, _course.budget, _course.parallel)
