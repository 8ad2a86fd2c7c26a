"""The final training is as long as its optimizer steps take, where nobody says how long."""

from __future__ import annotations

import pytest

from common.groups import FinalConfig
from server_app.final_rounds import with_rounds


def final(rounds=None, min_steps=400):
    return FinalConfig(rounds=rounds, min_steps=min_steps, finalists=3, seeds=3, baseline="portfolio")


@pytest.mark.parametrize(
    ("steps", "rounds"),
    [(1, 50), (8, 50), (8.1, 50), (11, 37), (16, 25), (17, 25), (1000, 25), (None, 25)],
)
def test_so_many_rounds_have_the_steps_within_the_least_and_the_most(steps, rounds):
    assert with_rounds(final(), steps) == final(rounds)


def test_rounds_that_are_named_are_kept():
    assert with_rounds(final(3), 1) == final(3)


def test_without_steps_there_are_the_least_rounds():
    assert with_rounds(final(min_steps=0), 1).rounds == 25
