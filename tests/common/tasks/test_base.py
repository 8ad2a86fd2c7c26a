"""What all heads share."""

import math
from pathlib import Path

import pytest

from common.errors import ProtocolError, SpecError
from common.tasks import HEADS, Classification, head_from_dict


def test_every_head_of_the_package_is_in_the_table() -> None:
    modules = {path.stem for path in Path(__file__).parents[3].joinpath("common", "tasks").glob("*.py")}
    heads = {name for name in modules if not name.endswith("_metrics")}
    assert heads - {"__init__", "base", "bootstrap", "checks", "task"} == set(HEADS)


@pytest.mark.parametrize(
    "values",
    [
        None,
        [],
        {},
        {"kind": "os"},
        {"kind": ["classification"]},
        {"kind": "classification"},
        {"kind": "classification", "num_classes": 2},
        {"kind": "classification", "num_classes": 2, "classes": [], "goes_by": "loss", "more": 1},
        {"kind": "classification", "num_classes": 2.0, "classes": [], "goes_by": "loss"},
        {"kind": "classification", "num_classes": 2, "classes": "ab", "goes_by": "loss"},
        {"kind": "classification", "num_classes": 2, "classes": [1, 2], "goes_by": "loss"},
        {"kind": "classification", "num_classes": 2, "classes": []},
        {"kind": "classification", "num_classes": 2, "classes": [], "goes_by": "luck"},
        {"kind": "classification", "num_classes": 2, "classes": [], "goes_by": ["loss"]},
    ],
)
def test_what_is_no_head_is_refused(values: object) -> None:
    with pytest.raises(SpecError):
        head_from_dict(values)


@pytest.mark.parametrize(("metrics", "examples"), [({"accuracy": 0.5}, 0), ({"accuracy": 0.5, "loss": math.nan}, 3)])
def test_a_score_is_finite_and_over_examples(metrics: dict[str, float], examples: int) -> None:
    with pytest.raises(ProtocolError, match="A score must be"):
        Classification(2).check_metrics(metrics, examples)
