"""What comments of YAML files say, and that those of conf/ say it of every option."""

from __future__ import annotations

import pytest

from common.comments import Option, header_of, options_in
from common.config import CONF

TEXT = """# @package _global_
# What it is, in a line
# and another.
name: mine
size: 5        # of what: {a: [1, 2]}, "quoted" # and more
               # in a second line,
               #   and a third
text: "a # b"  # no comment begins in a text
flow: {a: 1, b: [2,
  3]}          # behind the end of it
bare: 1
# of nothing
${x}: y        # an odd key
group:
  inner: null  # one
  deeper:
    inmost: 2  # two
whole:         # speaks for both
  one: 1       # not told
  two: 2
limits:        # of all
  least: 1     # three
  most: {}     # four
items:         # a list
  - 1          # not told
empty: {}
"""


def test_the_header_is_one_line_without_directives():
    assert header_of(TEXT) == "What it is, in a line and another."
    assert header_of("name: x  # y\n") == header_of("") == ""


def test_each_option_has_the_comment_behind_it():
    assert options_in(TEXT) == [
        Option(("name",), ""),
        Option(("size",), 'of what: {a: [1, 2]}, "quoted" # and more in a second line, and a third'),
        Option(("text",), "no comment begins in a text"),
        Option(("flow",), "behind the end of it"),
        Option(("bare",), ""),
        Option(("${x}",), "an odd key"),
        Option(("group", "inner"), "one"),
        Option(("group", "deeper", "inmost"), "two"),
        Option(("whole",), "speaks for both"),
        Option(("limits",), "of all"),
        Option(("limits", "least"), "three"),
        Option(("limits", "most"), "four"),
        Option(("items",), "a list"),
        Option(("empty",), ""),
    ]


@pytest.mark.parametrize("text", ["", "# only words\n", "- 1\n", "text"])
def test_a_file_without_options_has_none(text):
    assert options_in(text) == []


_OF_NO_OPTIONS = ("experiment", "portfolio")
FILES = [
    CONF / "config.yaml",
    *sorted(path for path in CONF.glob("*/*.yaml") if path.parent.name not in _OF_NO_OPTIONS),
]


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_every_option_says_what_it_is(path):
    """But for the name that chose the file; an experiment sets options that are explained elsewhere."""
    options = [option for option in options_in(path.read_text()) if option.path[0] not in ("name", "defaults", "hydra")]
    assert [".".join(option.path) for option in options if not option.comment] == []


@pytest.mark.parametrize("path", sorted(CONF.glob("*/*.yaml")), ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_every_choice_says_what_it_is(path):
    assert header_of(path.read_text()).endswith(".")
