"""Which lines a report has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from common.tasks import Head, Row

_SPREAD = ("std", "worst_decile")
"""What `common.metrics.over_nodes` tells of how far apart nodes or people are."""


def rows_to_show(head: Head, tests: Sequence[Mapping[str, float]]) -> list[Row]:
    """Return the lines of a head that tests have something to say for.

    How far apart nodes or people are is left out where each test was over one of them only. A mean over some of them is
    followed by how many these are.

    Parameters
    ----------
    head : Head
        Of the task.
    tests : sequence of mappings
        The tables of tests, as `Head.summarise` gives them; that of a model which was not tested is empty.
    """
    spread = {f"{head.primary[0]}_{part}" for part in _SPREAD}
    alone = all(test.get("nodes") == 1 for test in tests if test)
    found = []
    for row in head.rows:
        if not (alone and row.metric in spread):
            found += [row, Row(f"{row.title}: nodes or people with one", f"{row.metric}_nodes", "{:.0f}")]
    return [row for row in found if any(row.metric in test for test in tests)]
