"""Small tables of evaluated architectures."""

import itertools
import json

from server_app.spaces.table import Table, parse_table
from server_app.spaces.tabular import TabularSpace


def entries(places: int = 4, digits: str = "012", epochs: int = 0) -> dict[str, dict[str, object]]:
    """Return all keys of `places` digits; a higher digit is worth more, the more so the further it is to the left.

    The two seeds lie 0.5 above and below the mean. The n-th key (from 0) has 10 + n parameters and 100 n MACs. With
    `epochs`, a training is worth a part of that until its end.
    """
    table: dict[str, dict[str, object]] = {}
    for number, key in enumerate(map("".join, itertools.product(digits, repeat=places))):
        mean = 50.0 + sum(digits.index(digit) * (places - place) for place, digit in enumerate(key))
        seeds = [mean - 0.5, mean + 0.5]
        table[key] = {"test_acc": seeds, "params": 10 + number, "flops": 100 * number}
        if epochs:
            table[key]["curves"] = [[end * (epoch + 1) / epochs for epoch in range(epochs)] for end in seeds]
    return table


def table(places: int = 4, digits: str = "012", epochs: int = 0) -> Table:
    """Return `entries` as they are read."""
    return parse_table(json.dumps(entries(places, digits, epochs)))


def sparse_table() -> Table:
    """Return a table of a third of all keys, in which some have no neighbour."""
    whole = entries(5)
    return parse_table(json.dumps({key: whole[key] for key in whole if int(key, 3) % 3 == int(key[:2], 3) % 3}))


def tabular_space(**constraints: int) -> TabularSpace:
    """Return the space of `table`."""
    return TabularSpace(table(), TabularSpace.Options(**constraints))
