"""What may stand for a value in the file of an own space, and what may not."""

from __future__ import annotations

import re

import pytest

from common.errors import ConfigError
from server_app.spaces.domains import Choices
from server_app.spaces.own_slots import Condition, Source, parse_sources
from server_app.spaces.priors import Expected


@pytest.mark.parametrize(
    ("written", "read"),
    [
        (3, (Source(Choices((3,))),)),
        (None, (Source(Choices((None,))),)),
        ([3, 5], (Source(Choices((3, 5))),)),
        ([[3, 5], [3, 7]], (Source(Choices(((3, 5), (3, 7)))),)),
        ("$width", (Source(Choices(()), "$width"),)),
        ({"values": 2}, (Source(Choices((2,))),)),
        (
            {"values": [3, 5], "expected": 3, "confidence": 0.5},
            (Source(Expected((3, 5), 3, 0.5)),),
        ),
        (
            [{"values": "$width", "when": {"$size": "large", "op": ["gru", "linear"]}}, {"values": [8]}],
            (
                Source(
                    Choices(()),
                    "$width",
                    (Condition("$size", ("large",)), Condition("op", ("gru", "linear"))),
                ),
                Source(Choices((8,))),
            ),
        ),
    ],
)
def test_a_value_is_one_or_several_under_conditions_and_beliefs(written, read):
    assert parse_sources("layers.0.width", written) == read


@pytest.mark.parametrize(
    ("written", "sentence"),
    [
        ([], "space.layers.0.width must offer a value, got []. Name one value"),
        ([8, 8], "space.layers.0.width must not repeat a choice, got [8, 8]."),
        ([8, "$width"], "a list of {values: ..., when: ...} only, got '$width'."),
        ({"value": 8}, "must be a value, a list of choices, or have the keys values, expected, confidence, when, got"),
        ({"values": 8, "wen": {}}, "knows only values, expected, confidence, when, got ['wen']."),
        ({"values": 8, "when": "conv"}, "space.layers.0.width.when must name what has which values, got 'conv'."),
        ({"values": 8, "when": {"op": []}}, "space.layers.0.width.when.op must offer a value, got []."),
        ({"values": [8, 16], "expected": 9, "confidence": 0.5}, "expected must be one of 8, 16, got 9."),
        ({"values": [8, 16], "expected": 8}, "must have both expected and confidence, or neither, got {'expected': 8}"),
        ({"values": [8, 16], "expected": 8, "confidence": 1}, "confidence must lie between 0 and 1, neither included"),
        ({"values": [8, 16], "expected": 8, "confidence": "much"}, "neither included, got 'much'."),
        ({"values": "$width", "expected": 8, "confidence": 0.5}, "into space.choices.width."),
    ],
)
def test_a_mistake_is_told_with_its_key_and_the_way_out(written, sentence):
    with pytest.raises(ConfigError, match=re.escape(sentence)):
        parse_sources("layers.0.width", written)
