"""Which paths train in a round."""

from __future__ import annotations

import numpy as np
import pytest

from common.models.proxies.entropy import score as entropy
from server_app.supernet.blocks import blocks_of
from server_app.supernet.paths import LARGEST, SAMPLINGS, SMALLEST, Paths
from tests.support.kinds import TASKS, space_of

SPACE = space_of("mobile", "image")
TASK = TASKS["image"]


@pytest.fixture(autouse=True)
def few(monkeypatch):
    """Ends and fronts are looked for among few, or each test would take seconds."""
    monkeypatch.setattr("server_app.supernet.paths._DRAWN", 60)


def paths(sampling, count=4, seed=0, given=()):
    return Paths(SPACE, sampling, count, seed, given)


@pytest.mark.parametrize("sampling", SAMPLINGS)
@pytest.mark.parametrize("count", [1, 2, 5])
def test_a_round_has_so_many_legal_paths_the_same_whenever_it_is_drawn(sampling, count):
    drawn = paths(sampling, count).of_round(3, [])
    assert len(drawn) == count
    for spec, _ in drawn:
        SPACE.check(spec)
    assert drawn == paths(sampling, count).of_round(3, [])


@pytest.mark.parametrize("sampling", ["uniform", "sandwich", "fair"])
def test_rounds_and_seeds_differ(sampling):
    drawn = {tuple(paths(sampling, seed=seed).of_round(number, [])) for seed in (0, 1) for number in (1, 2, 3)}
    assert len(drawn) == 6


def test_nothing_that_is_drawn_is_beyond_the_ends():
    largest, smallest = paths("sandwich").ends
    rng = np.random.default_rng(0)
    macs = [SPACE.cost(SPACE.sample(rng)).macs for _ in range(30)]
    assert SPACE.cost(smallest).macs <= min(macs)
    assert SPACE.cost(largest).macs >= max(macs)
    drawn = paths("sandwich").of_round(1, [])
    assert [origin for _, origin in drawn] == [LARGEST, SMALLEST, "sample", "sample"]
    assert [spec for spec, _ in drawn[:2]] == [largest, smallest]


def test_no_place_of_the_front_has_more_macs_and_no_more_entropy_than_another():
    front = paths("pareto").front
    points = [(SPACE.cost(spec).macs, entropy(spec.lower(TASK))) for spec in front]
    assert points == sorted(points)
    assert len({worth for _, worth in points}) == len(points) > 2
    assert [worth for _, worth in points] == sorted(worth for _, worth in points)
    assert {spec for spec, _ in paths("pareto", 8).of_round(1, [])} <= set(front)


def test_fair_paths_bring_training_to_what_has_had_little():
    """After some rounds the part that trained least has trained more often than with uniform paths."""
    least = {}
    for sampling in ("uniform", "fair"):
        trained, counts = [], {}
        for number in range(1, 9):
            trained += [spec for spec, _ in paths(sampling).of_round(number, trained)]
        for spec in trained:
            for block in blocks_of(spec.lower(TASK)):
                counts[block.key] = counts.get(block.key, 0) + 1
        least[sampling] = (len(counts), np.quantile(list(counts.values()), 0.1))
    assert least["fair"] > least["uniform"]


def test_given_specs_take_turns_beside_what_is_drawn():
    rng = np.random.default_rng(0)
    given = [SPACE.sample(rng), SPACE.sample(rng)]
    drawn = [paths("uniform", 3, given=given).of_round(number, []) for number in (1, 2, 3)]
    assert [row[0] for row in drawn] == [(given[0], "given"), (given[1], "given"), (given[0], "given")]
    assert {len(row) for row in drawn} == {3}
