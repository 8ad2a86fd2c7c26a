import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.data.base import Examples
from common.data.classes import numbers_of, renumber
from common.errors import DataError

NAMES = st.lists(st.text(min_size=1, max_size=5), min_size=1, max_size=8, unique=True)


@given(own=NAMES, others=NAMES, data=st.data())
def test_every_example_keeps_its_name(own: list[str], others: list[str], data: st.DataObject) -> None:
    agreed = tuple(sorted({*own, *others}))
    y = np.array(data.draw(st.lists(st.integers(0, len(own) - 1), max_size=9)), dtype=np.int64)
    examples = Examples(np.zeros((len(y), 1), np.float32), y)
    numbered = renumber(examples, tuple(own), agreed)
    assert [agreed[label] for label in numbered.y] == [own[label] for label in y]
    assert numbered.y.dtype == np.int64
    assert numbered.x is examples.x


def test_where_nothing_was_agreed_on_nothing_changes() -> None:
    examples = Examples(np.zeros((2, 1), np.float32), np.array([1, 0]))
    assert renumber(examples, ("dog", "cat"), ()) is examples
    assert renumber(examples, (), ()) is examples


@pytest.mark.parametrize(
    ("own", "rule", "detail"),
    [
        ((), "labels of these data are numbers", ""),
        (("cat", "Dog", "eel"), "these hold others", "'Dog', 'eel'"),
    ],
)
def test_what_was_not_agreed_on_is_refused(own: tuple[str, ...], rule: str, detail: str) -> None:
    with pytest.raises(DataError, match=rule) as caught:
        numbers_of(own, ("cat", "dog"))
    assert caught.value.detail == detail
