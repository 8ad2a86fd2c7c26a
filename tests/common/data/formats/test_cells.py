"""Columns as texts and as numbers, and some of their rows."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from common.data.formats.cells import Column, in_order, number_text, one_form

TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=4)
CELLS = st.lists(st.lists(TEXTS, min_size=1), min_size=1)


@given(blocks=CELLS, data=st.data())
def test_some_rows_of_a_column_are_those_rows(blocks: list[list[str]], data: st.DataObject) -> None:
    column = Column("a", tuple(np.array([text.encode() for text in block]) for block in blocks))
    whole = list(column.texts())
    kept = np.array(data.draw(st.lists(st.booleans(), min_size=len(whole), max_size=len(whole))))
    assert whole == [one_form(text) for block in blocks for text in block]
    assert list(column.at(kept).texts()) == [text for text, there in zip(whole, kept, strict=True) if there]


def test_numbers_are_texts_as_people_write_them() -> None:
    column = Column("a", values=np.array([1.0, 2.5, np.nan, -3.0]))
    assert list(column.texts()) == ["1", "2.5", "", "-3"]
    assert list(column.at(np.array([True, False, True, False])).texts()) == ["1", ""]
    assert number_text(2.0**60) == "1.152921504606847e+18"


def test_texts_have_one_form() -> None:
    assert [one_form(text) for text in (" 1.0 ", "01", "1.50", "-2.", "e\u0301")] == ["1", "01", "1.50", "-2", "\u00e9"]


def test_whole_numbers_come_first_and_by_what_they_are() -> None:
    assert in_order({"b", "10", "9", "-1", "a"}) == ["-1", "9", "10", "a", "b"]
