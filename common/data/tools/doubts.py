"""What may not be meant as it was read: what a check asks the people who have the data, and a node does not."""

from __future__ import annotations

from collections.abc import Iterator

from common.data.formats.cells import listed
from common.data.pool import Pool
from common.data.tools.proposal import PEOPLE, stand_ins


def doubts(pool: Pool) -> Iterator[str]:
    """Yield what is to be asked of data that can be read."""
    if pool.task.schema is None:
        people = [name for name in pool.features if PEOPLE.fullmatch(name.lower())]
        if people:
            yield (
                f"{listed(people)} {'is' if len(people) == 1 else 'are'} read as any number, and called as what says "
                "whose an example is. A network must not learn that: call it client, or declare it in a schema (role: "
                "client, or ignore; --write-schema proposes one)."
            )
    if pool.task.kind == "vector" and pool.x.dtype.kind == "f":
        yield from _stand_ins(pool)


def _stand_ins(pool: Pool) -> Iterator[str]:
    names = pool.features or tuple(f"number {place + 1}" for place in range(pool.x.shape[1]))
    columns = dict(zip(names, pool.x.T, strict=True))
    if pool.y.dtype.kind == "f":
        columns |= {
            f"what is learnt ({place + 1})": column for place, column in enumerate(pool.y.reshape(len(pool.y), -1).T)
        }
    found = {name: stand_ins(column) for name, column in columns.items()}
    for name in [name for name, odd in found.items() if odd][:5]:
        for odd in found[name]:
            rows = int((columns[name] == odd).sum())
            yield (
                f"in the column {name!r}, {rows} rows have {odd}, far from all others. If that stands for missing, "
                "empty these cells, and say missing: true in a schema."
            )
