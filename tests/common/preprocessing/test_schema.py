"""Schemas: one canonical form, JSON, and what makes no sense."""

import json
from dataclasses import replace

import pytest

from common.errors import SpecError
from common.preprocessing.schema import Declared, Schema

COLUMNS = {
    "disease": {"role": "label", "classes": ["no", "yes"]},
    "age": {"role": "number", "unit": "years", "range": [0, 120]},
    "cp": {"role": "category", "values": ["1", "2"], "other": True, "missing": True, "indicator": False},
    "when": {"role": "date"},
    "exang": {"role": "yes_no", "missing": True},
    "chol": {"role": "number", "zero_means_missing": True},
    "comment": {"role": "ignore"},
    "patient": {"role": "client"},
    "part": {"role": "split"},
}


def schema(**changes):
    return Schema.from_dict({"columns": {**COLUMNS, **changes}})


def test_the_order_of_columns_says_nothing():
    one, other = schema(), Schema.from_dict({"columns": dict(reversed(COLUMNS.items()))})
    assert (one, hash(one), one.digest) == (other, hash(other), other.digest)
    assert [column.name for column in one.features] == ["age", "chol", "cp", "exang", "when"]
    assert one.classes == ("no", "yes")
    assert schema(disease={"role": "label", "classes": ["yes", "no"]}).digest != one.digest


def test_json_goes_there_and_back():
    one = schema()
    assert Schema.from_dict(json.loads(json.dumps(one.to_dict()))) == one
    assert one.to_dict()["columns"]["when"] == {"role": "date"}


def test_several_labels_are_named_by_their_columns():
    one = schema(disease={"role": "label"}, cough={"role": "label"})
    assert one.classes == ("cough", "disease")
    assert [column.name for column in one.learnt] == ["cough", "disease"]
    assert Schema.from_dict(json.loads(json.dumps(one.to_dict()))) == one


BAD = [
    ({"age": {"role": "numbers"}}, "role of a column is one of"),
    ({"age": {}}, "role of a column is one of"),
    ({"age": {"role": "number", "values": ["1"]}}, "has these options: indicator, missing, range, unit"),
    ({"part": {"role": "split", "missing": True}}, "A split must be said in each row"),
    ({"who": {"role": "client", "missing": True}}, "A client must be said in each row.*or leave those rows out"),
    ({"part": {"role": "split", "unit": "mm"}}, "has these options: none"),
    ({"age": {"role": "number", "zero_means_missing": True, "missing": False}}, "whose 0 means missing may be missing"),
    ({"age": {"role": "number", "colour": "red"}}, "A schema says of a column"),
    ({"age": {"role": "number", "missing": "perhaps"}}, "missing of a column is no bool"),
    ({"age": {"role": "number", "range": [1]}}, "A range is two numbers"),
    ({"age": {"role": "number", "range": [1, "2"]}}, "A range is two numbers"),
    ({"age": {"role": "number", "range": [2, 1]}}, "from one number to a larger one"),
    ({"age": {"role": "number", "range": [0, float("inf")]}}, "from one number to a larger one"),
    ({"age": {"role": "number", "unit": 3}}, "unit of a column is no str"),
    ({"cp": {"role": "category", "values": []}}, "names 1 to 1024 different values"),
    ({"cp": {"role": "category", "values": ["a", "a"]}}, "different values"),
    ({"cp": {"role": "category", "values": [1, 2]}}, "values of a column are texts"),
    ({"disease": {"role": "label", "classes": ["no"]}}, "names 2 to 1024 different classes"),
    ({"disease": {"role": "ignore"}}, "one label, or several, or else targets"),
    ({"age": {"role": "target"}}, "one label, or several, or else targets"),
    ({"age": {"role": "label", "classes": ["a", "b"]}}, "Each of several labels is yes or no, and names no classes"),
    ({"age": {"role": "label"}}, "Each of several labels is yes or no"),
    ({"disease": {"role": "label"}}, "only one names its classes"),
    ({"age": {"role": "client"}}, "one client at most"),
    ({"": {"role": "number"}}, "must be printable"),
    ({"a\n": {"role": "number"}}, "must be printable"),
    ({name: {"role": "ignore"} for name in ("age", "cp", "when", "exang", "chol")}, "must have a feature"),
]


@pytest.mark.parametrize(("changes", "rule"), BAD, ids=[rule for _, rule in BAD])
def test_what_makes_no_sense_is_refused(changes, rule):
    with pytest.raises(SpecError, match=rule):
        schema(**changes)


@pytest.mark.parametrize("values", [None, [], {}, {"columns": []}, {"columns": {"a": 3}}, {"columns": {}, "more": 1}])
def test_what_is_no_schema_is_refused(values):
    with pytest.raises(SpecError):
        Schema.from_dict(values)


def test_columns_of_one_name_are_refused():
    columns = schema().columns
    with pytest.raises(SpecError, match="different names"):
        Schema((*columns, columns[0]))


def test_a_difference_is_said_by_column():
    one = schema()
    other = schema(age={"role": "number", "unit": "months", "range": [0, 120]}, more={"role": "ignore"})
    assert one.difference(other) == "'more' is not in it, 'age' has another unit"
    assert other.difference(one) == "'more' is missing, 'age' has another unit"
    assert one.difference(one) == ""
    few = Schema(tuple(replace(column, name=column.name * 2) for column in one.columns))
    assert one.difference(few).endswith("and 13 more")


def test_several_targets_are_learnt_together():
    two = schema(disease={"role": "target", "unit": "points"}, more={"role": "target"})
    assert [column.name for column in two.targets] == ["disease", "more"]
    assert two.classes == ()


def test_a_column_says_where_values_may_lack():
    assert [column.name for column in schema().columns if column.may_lack] == ["chol", "cp", "exang"]
    assert not Declared("a", "number").may_lack
