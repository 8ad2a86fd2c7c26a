"""Entries of tables: names of networks that nobody can build."""

import pytest

from common.architecture.kinds.tabular import MAX_PLACES, TabularSpec
from common.architecture.spec import ArchitectureSpec
from common.errors import SpecError
from common.tasks import Classification, Task


def test_json_names_the_key_and_nothing_else():
    spec = ArchitectureSpec.from_json('{"kind":"tabular","version":1,"key":"01a"}')
    assert spec == TabularSpec("01a")
    assert spec.to_json() == '{"key":"01a","kind":"tabular","version":1}'
    assert spec.describe() == "01a"


@pytest.mark.parametrize("key", ["", "0-1", "0 1", "é", "0\n", "0" * (MAX_PLACES + 1), 12, None, ["0"]])
def test_a_key_is_made_of_digits(key):
    with pytest.raises(SpecError, match="A key has one to 256 digits, each 0 to 9 or a letter, got"):
        TabularSpec(key)
    with pytest.raises(SpecError):
        ArchitectureSpec.from_dict({"kind": "tabular", "version": 1, "key": key})


def test_a_key_must_be_there():
    with pytest.raises(SpecError, match="needs its key"):
        ArchitectureSpec.from_dict({"kind": "tabular", "version": 1})


def test_it_is_no_network():
    with pytest.raises(SpecError, match=r"what networks scored and not what they are.*got '01'\. .*space=layered"):
        TabularSpec("01").lower(Task((4,), Classification(2)))
