"""Importances of choices, on trials whose scores follow from them by a known rule."""

from __future__ import annotations

import math

import pytest

from common.seeding import generator
from server_app.report.choices import LEAST, choices_of, columns_of

KINDS = ("conv", "pool", "linear")


def trials(count, rule):
    """Return what trials chose at random, and their scores at rung 1."""
    rng = generator(0, "choices")
    chosen = {
        n: {"width": int(rng.choice([8, 16, 32])), "op": str(rng.choice(KINDS)), "noise": float(rng.random())}
        for n in range(count)
    }
    return chosen, [{"trial": n, "rung": 1, "value": rule(row)} for n, row in chosen.items()]


def by_width(row):
    return 0.5 + row["width"] / 100 + (0.1 if row["op"] == "conv" else 0.0)


def test_what_decides_is_important_and_what_does_not_is_not():
    chosen, scores = trials(120, by_width)
    found = choices_of(chosen, scores, 1.0, seed=0)
    assert [one["name"] for one in found["importance"]] == ["width", "op", "noise"]
    # shuffled, a choice explains nothing any more and misleads as much: twice its part of the variance is lost
    widths, convs = (
        [row["width"] / 100 for row in chosen.values()],
        [0.1 * (r["op"] == "conv") for r in chosen.values()],
    )
    variances = [sum((v - sum(own) / 120) ** 2 for v in own) / 120 for own in (widths, convs)]
    for one, variance in zip(found["importance"], variances, strict=False):
        assert one["mean"] == pytest.approx(2 * variance / sum(variances), rel=0.35)
    assert abs(found["importance"][2]["mean"]) < 0.05
    assert found["foreseen"] > 0.8
    assert (found["trials"], found["rung"]) == (120, 1)


def test_effects_tell_what_was_observed_with_each_value_and_what_the_forest_would_give():
    chosen, scores = trials(120, by_width)
    width = next(one for one in choices_of(chosen, scores, 1.0, seed=0)["effects"] if one["name"] == "width")
    assert [value["label"] for value in width["values"]] == ["8", "16", "32"]
    for value in width["values"]:
        own = [by_width(row) for row in chosen.values() if row["width"] == int(value["label"])]
        assert value["trials"] == len(own)
        assert value["mean"] == pytest.approx(sum(own) / len(own))
        assert value["adjusted"] == pytest.approx(value["mean"], abs=0.03)
    noise = next(one for one in choices_of(chosen, scores, 1.0, seed=0)["effects"] if one["name"] == "noise")
    assert len(noise["values"]) == 6
    assert sum(value["trials"] for value in noise["values"]) == 120


def test_where_less_is_better_values_stay_in_their_unit():
    chosen, scores = trials(120, by_width)
    more, less = (choices_of(chosen, scores, sign, seed=0) for sign in (1.0, -1.0))
    assert [one["name"] for one in more["importance"]] == [one["name"] for one in less["importance"]]
    for one, other in zip(more["effects"][0]["values"], less["effects"][0]["values"], strict=True):
        assert other["mean"] == pytest.approx(one["mean"])
        assert other["adjusted"] == pytest.approx(one["adjusted"], abs=0.02)


def test_scores_of_the_rung_that_most_trials_reached_are_taken():
    chosen, scores = trials(60, by_width)
    higher = [{"trial": n, "rung": 2, "value": 0.0} for n in range(30)]
    assert choices_of(chosen, [*higher, *scores], 1.0, seed=0)["rung"] == 1


def test_noise_has_no_importance_to_tell():
    noise = generator(1, "noise")
    chosen, scores = trials(60, lambda _: float(noise.random()))
    found = choices_of(chosen, scores, 1.0, seed=0)
    assert "importance" not in found
    assert found["why"].startswith("What trials chose does not foretell what unseen trials score")


@pytest.mark.parametrize(
    ("count", "rule", "why"),
    [
        (
            LEAST - 1,
            by_width,
            f"It takes {LEAST} trials with a score at one rung to tell which choices mattered, and 19 have.",
        ),
        (0, by_width, "and none has one."),
        (30, lambda _: 0.5, "so no choice can be told from another"),
        (30, lambda _: math.nan, "and none has one."),
    ],
)
def test_where_nothing_can_be_told_a_sentence_says_why(count, rule, why):
    chosen, scores = trials(count, rule)
    assert why in choices_of(chosen, scores, 1.0, seed=0)["why"]


def test_columns_are_ordered_by_variety_and_those_without_are_left_out():
    rows = [{"all": n, "two": n % 2, "one": 0, "asked": "x"} if n else {"all": n, "two": 0, "one": 0} for n in range(8)]
    columns = columns_of(rows)
    assert [column.name for column in columns] == ["all", "two", "asked"]
    assert columns[2].labels == ("x",)
    assert math.isnan(columns[2].values[0])
