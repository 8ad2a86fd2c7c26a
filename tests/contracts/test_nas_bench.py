"""Regret on a table of real trainings: NAS-Bench-Macro (Su et al., CVPR 2021), 3**8 CIFAR-10 networks.

A reimplementation elsewhere had the mean regrets below (percentage points) of the best seen. The limits leave room for
the spread of 12 seeds.
"""

import os
from pathlib import Path

import pytest

from server_app.benchmark.drive import drive
from server_app.benchmark.runs import seeds_of
from server_app.benchmark.settings import contenders_of
from server_app.spaces.table import parse_table
from server_app.spaces.tabular import TabularSpace

DATA = Path(os.environ.get("FLWR_NAS_DATA") or Path(__file__).parents[3] / "shared" / "data")
TABLE = DATA / "nas-bench-macro_cifar10.json"

pytestmark = [
    pytest.mark.shared_data,
    pytest.mark.skipif(not TABLE.exists(), reason="NAS-Bench-Macro is not part of the project"),
]


@pytest.fixture(scope="module")
def space():
    return TabularSpace(parse_table(TABLE.read_text()))


def test_the_table_is_read_as_it_came(space):
    assert space.size() == 3**8
    assert (space.table.seeds, space.table.epochs, space.table.has_curves) == (3, 1, False)
    assert space.best().describe() == "22212220"
    assert space.entry(space.best()).mean == pytest.approx(93.13, abs=0.005)


@pytest.mark.parametrize(("place", "pixels"), [(1, 16**2), (3, 8**2), (6, 4**2)])
def test_its_flops_are_multiply_accumulates(space, place, pixels):
    """Pointwise convolutions multiply by each weight once a pixel; additions, if they counted, would double that."""
    without, with_block = (space.cost(space.specs["1" * place + digit + "1" * (7 - place)]) for digit in "01")
    ratio = (with_block.macs - without.macs) / (with_block.parameters - without.parameters)
    assert ratio == pytest.approx(pixels, rel=0.05)


@pytest.mark.parametrize(
    ("name", "elsewhere"),
    [("random", (0.35, 0.27, 0.18)), ("hill_climb", (0.19, 0.09, 0.07)), ("evolution", (0.20, 0.05, 0.01))],
)
def test_mean_regret_is_near_to_what_others_found(space, name, elsewhere):
    (contender,) = contenders_of([f"controller={name}"], space.table)
    traces = [drive(space, contender, seed, 200) for seed in seeds_of(0, 12)]
    best = space.entry(space.best()).mean
    for evaluations, expected in zip((50, 100, 200), elsewhere, strict=True):
        mean = sum(best - trace.best_seen[evaluations - 1] for trace in traces) / len(traces)
        assert mean == pytest.approx(expected, abs=0.1)
