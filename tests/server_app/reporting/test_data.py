"""What is said about data: one is no plural."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest
from rich.console import Console

from common.data.tools.suitability import Finding
from common.data.tools.summary import ClassCount, Summary
from server_app.reporting.data import found, what

ONE = Summary(
    input_shape=(1,),
    train=1,
    test=0,
    counts=(ClassCount("cat", 1, 0),),
    named=True,
    has_test=False,
    people=None,
    constant=(0,),
    deviations=(),
    copies=1,
    overlapping=1,
    nbytes=8,
)


@pytest.mark.parametrize(
    ("shape", "one", "two"),
    [
        ((1,), "1 example of 1 number each", "2 examples of 1 number each"),
        ((1, 1), "1 sequence of 1 time step in 1 channel", "2 sequences of 1 time step in 1 channel"),
        ((1, 4, 5), "1 grey image of 5 x 4 pixels", "2 grey images of 5 x 4 pixels"),
        ((3, 4, 5), "1 colour image of 5 x 4 pixels", "2 colour images of 5 x 4 pixels"),
        ((2, 4, 5), "1 image with 2 channels of 5 x 4 pixels", "2 images with 2 channels of 5 x 4 pixels"),
    ],
)
def test_examples_are_called_what_they_are(shape, one, two):
    assert what(replace(ONE, input_shape=shape)) == one
    assert what(replace(ONE, input_shape=shape, train=2)) == two


def text_of(summary, parts=(1, 1, 1)):
    console = Console(record=True, width=200, file=io.StringIO())
    for line in found("a.csv", Finding(summary, None, parts, ())):
        console.print(line)
    return console.export_text()


def test_notes_on_one_example():
    text = text_of(ONE)
    assert "1 of 1 column never changes: number 1." in text
    assert "1 example is a copy of another." in text
    assert "1 sequence overlaps the one before it by half." in text
    assert "at its end tests on 1 example\n" in text.replace(" \n", "\n")
    tested = text_of(replace(ONE, test=1, has_test=True))
    assert "1 test example is trained on too." in tested
    assert "1 example\n" in tested


def test_notes_on_several():
    several = replace(ONE, input_shape=(3,), train=1200, copies=1200, constant=(0, 2), overlapping=2)
    text = text_of(several, (1200, 10, 1500))
    assert "2 of 3 columns never change: number 1, 3." in text
    assert "1,200 examples are copies of others." in text
    assert "2 sequences overlap the one before them by half." in text
    assert "trains on 1,200, validates on 10 and at its end tests on 1,500 examples" in text


def test_a_note_on_numbers_that_may_be_no_classes():
    many = replace(ONE, train=30, counts=tuple(ClassCount(str(number), 1, 0) for number in range(25)))
    note = "25 classes of 30 training examples are more than can be learnt."
    assert note in text_of(many)
    assert note not in text_of(replace(many, train=60))
