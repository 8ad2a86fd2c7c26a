"""How long a round of each aggregation takes: ``PYTHONPATH=. python tests/benchmarks/aggregation.py``.

FedAvg is shown at two sizes beside a plain float64 sum (which depends on the order of replies), the
others at one size. Figures only; nothing is asserted.
"""

from time import perf_counter

import numpy as np

from common.seeding import generator
from server_app.aggregation.base import Aggregation
from server_app.registry import choices, load_choice

NODES = 10
SIZES = (100_000, 10_000_000)


def round_of(aggregation: Aggregation, updates: list[np.ndarray]) -> tuple[float, float]:
    """Run one round; return the seconds of the fastest `add`, and of `begin` and `result` together."""
    adds = []
    start = perf_counter()
    aggregation.begin(updates[0])
    begun = perf_counter() - start
    for index in range(NODES):
        start = perf_counter()
        aggregation.add(f"node-{index}", updates[index % len(updates)], 100 + index, {"loss": 1.0})
        adds.append(perf_counter() - start)
    start = perf_counter()
    aggregation.combined()
    return min(adds), begun + perf_counter() - start


def plain_sum(updates: list[np.ndarray]) -> float:
    """Return the seconds of the fastest ``sum += examples * update``."""
    total = np.zeros(updates[0].size)
    seconds = []
    for index in range(NODES):
        start = perf_counter()
        total += updates[index % len(updates)] * np.float64(100 + index)
        seconds.append(perf_counter() - start)
    return min(seconds)


def main() -> None:
    """Print the table."""
    print(f"{'rule':<16}{'weights':>12}{'ms per add':>14}{'ms begin + result':>20}   ({NODES} replies)")
    for size in SIZES:
        updates = [generator(0, "benchmark", index).normal(size=size).astype(np.float32) for index in range(2)]
        add, rest = min(round_of(load_choice("aggregation", "fedavg")(), updates) for _ in range(3))
        print(f"{'fedavg':<16}{size:>12,}{add * 1e3:>14.2f}{rest * 1e3:>20.2f}")
        print(f"{'(plain float64)':<16}{size:>12,}{plain_sum(updates) * 1e3:>14.2f}")
    updates = [generator(0, "benchmark", index).normal(size=SIZES[0]).astype(np.float32) for index in range(NODES)]
    for name in choices("aggregation"):
        if name != "fedavg":
            add, rest = min(round_of(load_choice("aggregation", name)(), updates) for _ in range(3))
            print(f"{name:<16}{SIZES[0]:>12,}{add * 1e3:>14.2f}{rest * 1e3:>20.2f}")


if __name__ == "__main__":
    main()
