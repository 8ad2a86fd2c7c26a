"""Errors for people: the rule, the value, the way out; one tree, and it is drawn."""

from __future__ import annotations

import inspect
import re
import sys

import pytest

from common import errors
from common.errors import ConfigError, DataError, FlwrNasError

CLASSES = [cls for cls in vars(errors).values() if inspect.isclass(cls) and issubclass(cls, FlwrNasError)]


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ((("Seeds are whole numbers",), {}), "Seeds are whole numbers."),
        ((("Seeds are whole numbers", "x"), {}), "Seeds are whole numbers, got 'x'."),
        ((("Seeds are whole numbers", None), {}), "Seeds are whole numbers, got None."),
        ((("Seeds are whole numbers",), {"fix": "Set seed=0"}), "Seeds are whole numbers. Set seed=0."),
        ((("Seeds are whole numbers", 1.5), {"fix": "Set seed=0"}), "Seeds are whole numbers, got 1.5. Set seed=0."),
    ],
)
def test_the_text_has_rule_value_and_way_out(arguments, text):
    positional, named = arguments
    assert str(ConfigError(*positional, **named)) == text


def test_the_detail_of_data_is_told_only_where_they_are():
    error = DataError("Cells must be full", fix="Fill them", detail="row 7")
    assert str(error) == "Cells must be full. Fill them."
    assert str(error.in_full()) == "Cells must be full (row 7). Fill them."
    assert str(DataError("Cells must be full").in_full()) == "Cells must be full."


def test_what_a_node_sends_cannot_fill_the_journal():
    poem = "roses are red " * 100_000
    assert len(str(ConfigError(f"The node failed: {poem}"))) < 3000
    assert len(str(ConfigError("Seeds are whole numbers", poem, fix="Set seed=0"))) < 3000
    assert str(ConfigError("Seeds are whole numbers", poem)).startswith("Seeds are whole numbers, got 'roses are red")


def test_what_python_refuses_to_write_is_an_error_like_any_other():
    nested: list[object] = []
    for _ in range(sys.getrecursionlimit() + 100):
        nested = [nested]
    assert str(ConfigError("Seeds are whole numbers", nested)) == (
        "Seeds are whole numbers, got something of type list that cannot be shown."
    )
    assert str(ConfigError("Seeds are small", 10**5000)).endswith("got something of type int that cannot be shown.")


def test_the_tree_in_the_docstring_is_the_tree():
    drawn = re.findall(r"[├└]── (\w+) +(.+)", errors.__doc__)
    assert {name for name, _ in drawn} == {cls.__name__ for cls in CLASSES} - {"FlwrNasError"}
    for name, meaning in drawn:
        documented = inspect.getdoc(getattr(errors, name)).splitlines()[0]
        assert documented.lower().rstrip(".") == meaning.lower()


@pytest.mark.parametrize("cls", [cls for cls in CLASSES if cls is not FlwrNasError])
def test_catching_the_base_catches_all_and_each_alone(cls):
    assert cls.__bases__ == (FlwrNasError,)
    with pytest.raises(FlwrNasError):
        raise cls("A rule")


def test_no_error_of_ours_passes_for_one_of_pythons():
    """An `except ValueError` must not swallow what was meant for a person."""
    assert FlwrNasError.__bases__ == (Exception,)
