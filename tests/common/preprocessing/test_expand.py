"""Vectors from columns, by hand."""

import numpy as np

from common.preprocessing.expand import EMPTY, OTHER, expand, expansion_of
from common.preprocessing.schema import Declared, Schema

NAN = np.nan
LABEL = Declared("y", "label", classes=("a", "b"))
SCHEMA = Schema(
    (
        LABEL,
        Declared("age", "number"),
        Declared("chol", "number", zero_means_missing=True),
        Declared("cp", "category", values=("1", "2"), other=True, missing=True),
        Declared("hidden", "number", missing=True, indicator=False),
        Declared("sex", "yes_no", missing=True),
        Declared("when", "date"),
        Declared("zone", "category", values=("n", "s")),
    )
)


def test_the_vector_follows_from_the_schema_alone():
    expansion = expansion_of(SCHEMA)
    assert expansion.names == (
        "age",
        *("chol", "chol is missing"),
        *("cp = 1", "cp = 2", "cp = any other", "cp is missing"),
        "hidden",
        *("sex", "sex is missing"),
        "when",
        *("zone = n", "zone = s"),
    )
    assert [expansion.names[place] for place in expansion.fitted] == ["age", "chol", "hidden", "when"]
    assert [expansion.names[place] for place in expansion.gaps] == ["chol", "hidden", "sex"]


def test_rows_are_expanded_by_hand():
    columns = {
        "age": [50.0, 60.0, 70.0],
        "chol": [NAN, 200.0, 210.0],
        "cp": [0.0, OTHER, EMPTY],
        "hidden": [1.0, NAN, 2.0],
        "sex": [1.0, 0.0, NAN],
        "when": [0.0, 1.0, 20_000.0],
        "zone": [1.0, 0.0, 1.0],
    }
    x = expand(SCHEMA, {name: np.array(values) for name, values in columns.items()})
    assert x.dtype == np.float32
    np.testing.assert_array_equal(
        x,
        np.array(
            [
                [50, NAN, 1, 1, 0, 0, 0, 1, 1, 0, 0, 0, 1],
                [60, 200, 0, 0, 0, 1, 0, NAN, 0, 0, 1, 1, 0],
                [70, 210, 0, 0, 0, 0, 1, 2, NAN, 1, 20_000, 0, 1],
            ],
            np.float32,
        ),
    )
    assert len(expansion_of(SCHEMA).names) == x.shape[1]
