"""Weights alone first, then sharper from round to round, level by level."""

from __future__ import annotations

import itertools

import pytest

from server_app.controllers.darts import Darts
from server_app.darts.schedule import Schedule, level_ends, temperature_in


def test_temperatures_fall_by_one_factor_from_the_first_to_the_last():
    found = [temperature_in(step, 5, 10.0, 0.1) for step in range(1, 6)]
    assert found[0] == 10.0
    assert found[-1] == pytest.approx(0.1)
    assert [b / a for a, b in itertools.pairwise(found)] == pytest.approx([0.01**0.25] * 4)


def test_one_round_has_the_first_temperature():
    assert temperature_in(1, 1, 3.0, 0.5) == 3.0


@pytest.mark.parametrize(("rounds", "warm_up", "levels"), [(20, 5, 3), (7, 0, 7), (40, 10, 1), (11, 1, 3)])
def test_levels_share_the_rounds_after_the_warm_up(rounds, warm_up, levels):
    ends = level_ends(rounds, warm_up, levels)
    sizes = [end - start for start, end in zip((warm_up, *ends), ends, strict=False)]
    assert len(ends) == levels
    assert ends[-1] == rounds
    assert sum(sizes) == rounds - warm_up
    assert max(sizes) - min(sizes) <= 1
    assert min(sizes) >= 1


def test_a_node_is_told_what_its_round_does():
    options = Darts.Options(
        rounds=7, warm_up=2, levels=2, order="mixed", blend=0.5, temperature=16.0, last_temperature=1.0, mixing="gumbel"
    )
    schedule = Schedule(options)
    told = [schedule.settings(number) for number in range(1, 8)]
    assert [one.steps_alphas for one in told] == [False] * 2 + [True] * 5
    assert [one.temperature for one in told] == pytest.approx([16, 16, 16, 8, 4, 2, 1])
    assert {(one.order, one.blend, one.mixing, one.fraction) for one in told} == {("mixed", 0.5, "gumbel", 0.5)}
    assert [schedule.level_end(rounds) for rounds in range(7)] == [5, 5, 5, 5, 5, 7, 7]
