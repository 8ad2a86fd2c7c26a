"""What every statistic of inputs must do: of what a node sends, each number stands for many, and it sends no others.

The message is looked at as it travels, whole: numbers that were not declared would be seen wherever they are.
"""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from common.errors import ProtocolError
from common.jobs import NodeReport
from common.preprocessing.base import Inputs, total
from common.preprocessing.schema import Declared, Schema
from common.preprocessing.statistics import STATISTICS
from common.tasks import Classification, Task
from common.wire.handshake import decode_report, encode_report
from tests.support.wire import DIGEST, over_the_wire

CASES = sorted(STATISTICS)

RANGES = {1: (-20.0, 20.0), 2: (-100.0, 30.0)}

SHAPES = [
    *(Inputs((3,)), Inputs((2, 5)), Inputs((3, 2, 2)), Inputs((4,), (1, 2), gaps=True), Inputs((3,), gaps=True)),
    *(Inputs((4,), (1, 2, 3), True, RANGES), Inputs((3,), ranges=RANGES)),
]


def examples(n: int, inputs: Inputs, seed: int = 0) -> np.ndarray:
    x = np.random.default_rng(seed).normal(3, 2, (n, *inputs.shape)).astype(np.float32)
    if inputs.gaps:
        x[np.random.default_rng(seed + 1).random(x.shape) < 0.3] = np.nan
    return x


@pytest.fixture(params=CASES)
def statistic(request):
    return STATISTICS[request.param]


@pytest.mark.parametrize("inputs", SHAPES, ids=str)
def test_sums_of_nodes_are_the_sums_of_all_examples_together(statistic, inputs):
    parts = {str(n): statistic.over(examples(n, inputs, n), inputs) for n in (30, 7, 300)}
    pooled = statistic.over(np.concatenate([examples(n, inputs, n) for n in (30, 7, 300)]), inputs)
    added = total(parts)
    assert added.examples == pooled.examples
    for name in statistic.fields:
        np.testing.assert_allclose(added.values[name], pooled.values[name], rtol=1e-9)
    assert statistic.fit(total(dict(reversed(parts.items()))), inputs) == statistic.fit(added, inputs)


@pytest.mark.parametrize("inputs", SHAPES, ids=str)
def test_the_order_of_examples_says_nothing(statistic, inputs):
    x = examples(60, inputs)
    one, other = (statistic.over(each, inputs) for each in (x, x[::-1].copy()))
    for name in statistic.fields:
        np.testing.assert_allclose(one.values[name], other.values[name], rtol=1e-9)


@pytest.mark.parametrize("inputs", SHAPES, ids=str)
def test_what_is_not_fitted_changes_nothing_that_is_sent(statistic, inputs):
    x = examples(40, inputs)
    other = x.copy()
    rest = sorted(set(range(inputs.shape[0])) - set(statistic.places(inputs)))
    other[:, rest] = 77
    assert set(statistic.places(inputs)) <= set(inputs.places)
    assert statistic.measured(x, inputs, 10) == statistic.measured(other, inputs, 10)


FLOORS = st.integers(1, 12)


@given(
    x=arrays(np.float32, st.tuples(st.integers(1, 25), st.just(4)), elements=st.sampled_from([np.nan, -2.0, 0.0, 5.5])),
    floor=FLOORS,
    name=st.sampled_from(CASES),
)
def test_no_number_of_fewer_than_the_floor_leaves_a_node(x: np.ndarray, floor: int, name: str) -> None:
    """Of a column of which fewer have a value, all that is sent is 0, as of one that nobody has a value of."""
    statistic, inputs = STATISTICS[name], Inputs((4,), (0, 1, 3), True, {1: (-3.0, 6.0), 3: (-50.0, 50.0)})
    sent = statistic.measured(x, inputs, floor)
    there = (~np.isnan(x)).sum(axis=0)[list(statistic.places(inputs))]
    if len(x) < floor or not (there >= floor).any():
        assert sent is None
        return
    assert sent is not None
    statistic.check(sent, inputs)
    for place, count in enumerate(there):
        row = {field: sent.values[field][place] for field in statistic.fields}
        if count < floor:
            assert set(row.values()) == {0.0}
        else:
            assert row["count"] >= floor
            if name == "quantiles":
                assert {count % floor for count in row.values()} == {0}


def report_of(x: np.ndarray, inputs: Inputs, floor: int) -> NodeReport:
    sums = {name: STATISTICS[name].measured(x, inputs, floor) for name in CASES}
    head = Classification(2)
    told = NodeReport("attic", list(inputs.shape), head, len(x), 5, 2, 512, "cpu")
    return replace(told, sums={name: each for name, each in sums.items() if each is not None})


def test_the_message_holds_the_declared_numbers_and_no_others():
    """Two nodes whose sums agree, and whose examples do not, send the same bytes."""
    inputs = Inputs((1,), ranges={0: (0.0, 10.0)})
    one = np.array([[0.0], [2.0], [4.0], [6.0]] * 5, np.float32)
    # the same mean, and the same mean square: 0, 2, 4, 6 and two values twice
    mean, deviation = one.astype(np.float64).mean(), one.astype(np.float64).std()
    other = np.array([[mean - deviation], [mean + deviation]] * 10, np.float64)
    sums = [STATISTICS["moments"].over(x, inputs).values for x in (one, other)]
    for name in ("count", "sum", "square"):
        np.testing.assert_allclose(sums[0][name], sums[1][name])
    content = encode_report(DIGEST, report_of(one, inputs, 10))
    assert set(content) == {"header", "limits", "report", *(f"sums/{name}" for name in CASES)}
    for name in CASES:
        record = content.config_records[f"sums/{name}"]
        assert set(record) == {"examples", *STATISTICS[name].fields}
        assert all(len(record[field]) == 1 for field in STATISTICS[name].fields)
    assert not content.array_records
    assert not content.metric_records


def test_sums_travel_to_the_bit_and_false_ones_are_refused(statistic):
    schema = Schema((Declared("a", "number", range=(-20.0, 20.0)), Declared("y", "label", classes=("0", "1"))))
    inputs = Task((1,), Classification(2), schema=schema).inputs
    told = replace(report_of(examples(40, inputs), inputs, 10), schema=schema, head=Classification(2, ("0", "1")))
    assert set(told.sums) == set(CASES)
    assert decode_report(over_the_wire(encode_report(DIGEST, told))) == told
    for field in statistic.fields:
        for value in (float("inf"), -1.0, 1e30):
            wrong = {**told.sums[statistic.name].values, field: (value,)}
            sums = {**told.sums, statistic.name: replace(told.sums[statistic.name], values=wrong)}
            if (statistic.name, field, value) in ((("moments", "sum", -1.0)), ("moments", "square", 1e30)):
                continue  # some examples have these
            with pytest.raises(ProtocolError):
                decode_report(encode_report(DIGEST, replace(told, sums=sums)))


def test_a_report_has_no_other_place_for_what_is_told_of_inputs():
    """Who adds a field looks here, and into SECURITY.md: what of it does a node tell?"""
    assert {item.name for item in fields(NodeReport)} == {
        *("name", "input_shape", "head", "num_train", "num_validation", "num_test"),
        *("cores", "memory_mb", "device", "macs_per_second", "limits", "sums", "counts", "schema"),
    }
