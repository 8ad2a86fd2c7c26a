"""Each mistake in the file of an own space is one sentence with the key, the value and the way out."""

from __future__ import annotations

import re

import pytest

from common.errors import ConfigError
from server_app.spaces.own_network import parse_network

CONV = {"op": "conv2d", "width": 8}
CHOICES = {"size": ["small", "large"]}
IN_LARGE = {"$size": "large"}


def test_fields_come_after_what_they_depend_on():
    layer = {"merge": "add", "kernel": {"values": 3, "when": {"stride": 2}}, "stride": [1, 2], "skip": [None, 1]}
    (part,) = parse_network({}, [{**layer, "width": 8, "op": "conv2d"}]).parts
    order = list(part.fields)
    assert order[0] == "op"
    assert order.index("stride") < order.index("kernel")
    assert order.index("skip") < order.index("merge")


def test_a_value_that_follows_others_need_not_suit_what_they_took():
    kernel = [{"values": [3, 5], "when": {"op": "conv2d"}}, {"values": [2, 4]}]
    (part,) = parse_network({}, [{"op": ["conv2d", "max_pool"], "width": 8, "kernel": kernel}]).parts
    assert [source.domain.values for source in part.fields["kernel"]] == [(3, 5), (2, 4)]


@pytest.mark.parametrize(
    ("layers", "sentence"),
    [
        ([8], "space.layers.0 must be a layer with an op, got 8. Write {op: conv2d, width: 16}."),
        ([{"width": 8}], "space.layers.0 must be a layer with an op, got {'width': 8}"),
        ([{"op": "conv3d", "width": 8}], "space.layers.0.op must be one of linear, conv1d"),
        ([CONV, {**CONV, "widht": 8}], "space.layers.1.widht: conv2d knows only width, activation"),
        ([{"op": "conv2d"}], "space.layers.0 must have a width under all conditions where it is conv2d."),
        ([{**CONV, "kernel": [3, 4]}], "space.layers.0.kernel must be an odd whole number from 1 to 255, got 4."),
        ([{**CONV, "skip": -1}], "space.layers.0.skip must be a whole number from 1 to 64, got -1."),
        ([{**CONV, "repeat": [1, 65]}], "space.layers.0.repeat must be a whole number from 0 to 64, got 65."),
        ([{**CONV, "repeat": 33}] * 2, "space.layers must be 64 at most, repeated ones included, got 66."),
        ([{**CONV, "dropout": [0.1, 0.10001]}], "space.layers.0.dropout must not repeat a choice, got [0.1, 0.1]."),
        ([{**CONV, "width": "$widht"}], "space.layers.0.width must name one of space.choices ($size), got '$widht'."),
        (
            [{**CONV, "width": {"values": 8, "when": IN_LARGE}}],
            "space.layers.0 must have a width under all conditions where it is conv2d. Add width, or to its list",
        ),
        (
            [{**CONV, "kernel": {"values": 5, "when": {"$sise": "large"}}}],
            "space.layers.0.kernel must name one of space.choices ($size), got '$sise'.",
        ),
        (
            [{**CONV, "kernel": {"values": 5, "when": {"size": "large"}}}],
            "must name what is chosen (op, width, kernel, $size) in its when, got 'size'. A shared choice is written $",
        ),
        ([{**CONV, "when": {"op": "conv2d"}}], "space.layers.0.when must name what is chosen ($size) in its when"),
        (
            [{**CONV, "kernel": {"values": 5, "when": {"$size": "big"}}}],
            "space.layers.0.kernel: $size can be small, large, got 'big'. Change its when.",
        ),
        (
            [{**CONV, "op": ["conv2d", "max_pool"], "width": {"values": 8, "when": {"op": "max_pool"}}}],
            "space.layers.0.width must be of a layer that has it (conv2d), got 'op is max_pool'.",
        ),
        (
            [{**CONV, "kernel": [{"values": 3}, {"values": 5, "when": IN_LARGE}]}],
            "space.layers.0.kernel must be of a layer that has it (conv2d), got '$size is large'.",
        ),
        (
            [
                {
                    **CONV,
                    "kernel": {"values": [3, 5], "when": {"stride": 2}},
                    "stride": {"values": [1, 2], "when": {"kernel": 3}},
                }
            ],
            "Conditions in space.layers.0 must not go round in a circle, got 'kernel -> stride -> kernel'. Remove one.",
        ),
        ([CONV], "Each of space.choices must be used, got '$size'. Write $size for a value, or remove it."),
    ],
)
def test_a_mistake_in_a_layer_is_told(layers, sentence):
    with pytest.raises(ConfigError, match=re.escape(sentence)):
        parse_network(CHOICES, layers)


@pytest.mark.parametrize(
    ("choices", "sentence"),
    [
        ({"a": "$b", "b": [1, 2]}, "space.choices.a must have values of its own, got '$b'. List them."),
        (
            {"a": {"values": [1, 2], "when": {"b": 1}}},
            "space.choices.a.when must name another choice, such as $a, got 'b'. Write $b if that is one of the",
        ),
        (
            {"a": {"values": [8, 16], "when": {"$b": 8}}, "b": {"values": [8, 16], "when": {"$a": 8}}},
            "Conditions in space.choices must not go round in a circle, got '$a -> $b -> $a'.",
        ),
        (
            {"a": {"values": [8, 16], "when": {"$c": 1}}},
            "space.choices.a must name one of space.choices ($a), got '$c'",
        ),
        ({"a": [8, 0]}, "space.layers.0.width = $a must be a whole number from 1 to 65536, got 0."),
    ],
)
def test_a_mistake_in_the_choices_is_told(choices, sentence):
    with pytest.raises(ConfigError, match=re.escape(sentence)):
        parse_network(choices, [{**CONV, "width": "$a"}])


@pytest.mark.parametrize(
    ("ends", "sentence"),
    [
        ({"reduce": ["avg", "mean"]}, "space.reduce must be one of flatten, avg, max, avg+max, log_std, got 'mean'."),
        ({"join": CONV}, "space.join must be null or a front end such as {op: log_energy}, got"),
        (
            {"reduce": {"values": ["avg", "max"], "when": IN_LARGE}},
            "space.reduce must have a value under all conditions. Add one without when.",
        ),
        ({"normalise": {"values": "none", "when": {"op": "gru"}}}, "space.normalise must name what is chosen ($size)"),
    ],
)
def test_a_mistake_at_the_end_is_told(ends, sentence):
    with pytest.raises(ConfigError, match=re.escape(sentence)):
        parse_network(CHOICES, [{**CONV, "when": IN_LARGE}], **ends)
