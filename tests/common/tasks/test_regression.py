"""Numbers for each example: scaled targets, scores in their units, and what several nodes come to."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from common.errors import ConfigError, DataError, FederationError, ProtocolError, SpecError
from common.tasks import Classification, Regression
from common.tasks.regression import LARGEST

HEAD = Regression((10.0, -1.0), (2.0, 0.5))


def column(*values: float) -> np.ndarray:
    return np.array(values, np.float32)[:, None]


def split(y: np.ndarray, sizes: list[int]) -> list[np.ndarray]:
    return np.split(y, np.cumsum(sizes)[:-1])


# ---------------------------------------------------------------- labels


def test_targets_are_scaled_by_output() -> None:
    scaled = HEAD.targets(np.array([[12.0, -1.5], [8.0, 0.0]], np.float32))
    assert (scaled.dtype, scaled.tolist()) == (np.float32, [[1.0, -1.0], [-1.0, 2.0]])


def test_targets_that_never_change_are_centred_only() -> None:
    assert Regression((7.0,), (0.0,)).targets(column(7, 9)).tolist() == [[0.0], [2.0]]


def test_a_nodes_own_head_has_its_mean_and_its_standard_deviation() -> None:
    # around 3 the deviations are -2, -1 and 3: their squares sum to 14
    own = Regression().fitted(column(1, 2, 6))
    assert (own.mean, own.scale) == ((3.0,), pytest.approx((math.sqrt(14 / 3),)))


@pytest.mark.parametrize(
    ("y", "rule"),
    [
        (np.zeros(3, np.float32), "float32, 1 for each example"),
        (np.zeros((3, 2), np.float32), "float32, 1 for each example"),
        (np.zeros((3, 1)), "float32"),
        (column(1, math.nan), "must be finite"),
        (column(1, math.inf), "must be finite"),
        (column(31337, 2 * LARGEST), "lie within 1e\\+12 of 0"),
    ],
)
def test_what_are_no_targets_are_refused_without_a_value(y: np.ndarray, rule: str) -> None:
    for look in (Regression().check_labels, Regression().fitted, lambda y: Regression().relabel(y, Regression())):
        with pytest.raises(DataError, match=rule) as caught:
            look(y)
        assert "31337" not in str(caught.value)


def test_targets_are_no_classes_and_classes_no_targets() -> None:
    assert Regression().strata(column(1, 2)) is None
    with pytest.raises(DataError, match="these are for classification"):
        Regression().relabel(np.array([0, 1]), Classification(2))


@pytest.mark.parametrize(
    ("mean", "scale", "rule"),
    [
        ((), (), "each with a mean and a scale"),
        ((1.0,), (1.0, 2.0), "each with a mean and a scale"),
        ((1.0,), (-1.0,), "scales between 0"),
        ((math.nan,), (1.0,), "Means lie within"),
        ((1.0,), (math.inf,), "Means lie within"),
    ],
)
def test_a_head_that_makes_no_sense_cannot_be_made(mean: tuple, scale: tuple, rule: str) -> None:
    with pytest.raises(SpecError, match=rule):
        Regression(mean, scale)


@pytest.mark.parametrize("values", [0, "1", ["1"], [True], [None], [10**400], [math.nan], [], [[1.0]]])
def test_json_that_is_no_head_is_refused(values: object) -> None:
    for change in ({"mean": values, "scale": [1.0]}, {"mean": [1.0], "scale": values}):
        with pytest.raises(SpecError):
            Regression.from_values({"goes_by": "mse", **change})
    with pytest.raises(SpecError, match="primary metric of a regression"):
        Regression.from_values({"mean": [1.0], "scale": [1.0], "goes_by": values})


# ---------------------------------------------------------------- the model's side


def test_the_readout_puts_outputs_into_the_units_of_the_targets() -> None:
    y = np.array([[12.0, -1.5], [8.0, 0.0]], np.float32)
    readout = HEAD.readout()
    assert readout(torch.from_numpy(HEAD.targets(y))).tolist() == y.tolist()
    assert not list(readout.parameters())


def test_the_loss_is_the_mean_square_of_scaled_errors() -> None:
    outputs, targets = torch.tensor([[0.0, 1.0], [2.0, 0.0]]), torch.zeros(2, 2)
    assert HEAD.loss()(outputs, targets).item() == pytest.approx((1 + 4) / 4)


def test_targets_that_are_no_classes_are_not_smoothed() -> None:
    with pytest.raises(ConfigError, match=r"label_smoothing is for classes, and a regression has none, got 0\.1"):
        HEAD.loss(0.1)


# ---------------------------------------------------------------- scores


def test_scores_by_hand() -> None:
    # it answers 14 and 10, and the targets are 12 and 4: errors 2 and 6; around the agreed 10 they lie at 2 and -6
    scores = Regression((10.0,), (2.0,)).metrics(column(2, 0), column(12, 4))
    # around their own mean of 8 the targets lie at 4 and -4, which squared is 16
    assert scores == pytest.approx(
        {"mse": 20, "rmse": math.sqrt(20), "mae": 4, "mse_of_mean": (4 + 36) / 2, "offset_0": -2, "r2": 1 - 20 / 16}
    )


@pytest.mark.parametrize("outputs", [1, 3])
@pytest.mark.parametrize("sizes", [[50], [1, 2, 40], [7, 30, 3, 1, 9]])
def test_over_uneven_nodes_they_are_scikit_learns_of_all_examples_together(sizes: list[int], outputs: int) -> None:
    from sklearn.metrics import mean_absolute_error, mean_squared_error, r2_score

    rng = np.random.default_rng(sum(sizes) + outputs)
    count = sum(sizes)
    y = (rng.normal(5, 3, (count, outputs)) * 10.0 ** np.arange(outputs)).astype(np.float32)
    head = Regression(tuple(rng.normal(size=outputs)), tuple(rng.uniform(0.5, 3, outputs)))
    answers = head.targets(y) + rng.normal(0, 0.3, y.shape).astype(np.float32)
    told = answers * np.array(head.scale) + np.array(head.mean)
    parts = zip(split(answers, sizes), split(y, sizes), strict=True)
    table = head.summarise({str(node): (head.metrics(*part), len(part[1])) for node, part in enumerate(parts)})
    assert table["mse"] == pytest.approx(mean_squared_error(y, told))
    assert table["rmse"] == pytest.approx(math.sqrt(mean_squared_error(y, told)))
    assert table["mae"] == pytest.approx(mean_absolute_error(y, told))
    assert table["r2"] == pytest.approx(r2_score(y, told, multioutput="variance_weighted"))


@given(
    st.lists(st.tuples(st.floats(-1e3, 1e3, width=32), st.floats(-30, 30, width=32)), min_size=1, max_size=12),
    st.integers(1, 2),
)
@settings(max_examples=60)
def test_of_one_node_they_are_scikit_learns(pairs: list[tuple[float, float]], outputs: int) -> None:
    from sklearn.metrics import mean_absolute_error, r2_score, root_mean_squared_error

    y = np.repeat(np.array([[target] for target, _ in pairs], np.float32), outputs, axis=1)
    answers = np.repeat(np.array([[answer] for _, answer in pairs], np.float32), outputs, axis=1)
    head = Regression((3.0,) * outputs, (2.0,) * outputs)
    told, scores = answers * 2.0 + 3.0, head.metrics(answers, y)
    assert scores["rmse"] == pytest.approx(root_mean_squared_error(y, told))
    assert scores["mae"] == pytest.approx(mean_absolute_error(y, told))
    head.check_metrics(scores, len(y))
    if np.ptp(y) > 1e-2:
        assert scores["r2"] == pytest.approx(r2_score(y, told, multioutput="variance_weighted"), rel=1e-6, abs=1e-6)
    elif not np.ptp(y):
        assert "r2" not in scores


@pytest.mark.parametrize("metric", ["mse", "rmse", "mae", "r2"])
def test_each_metric_can_lead(metric: str) -> None:
    head = HEAD.going_by(metric)
    assert head.primary == (metric, "max" if metric == "r2" else "min")
    assert [row.metric for row in head.rows[:3]] == [metric, f"{metric}_std", f"{metric}_worst_decile"]
    assert sorted(row.metric for row in head.rows if row.metric in ("mse", "rmse", "mae", "r2")) == [
        "mae",
        "mse",
        "r2",
        "rmse",
    ]
    assert head.going_by("accuracy") == head
    with pytest.raises(SpecError, match="is one of mse, rmse, mae, r2"):
        Regression(goes_by="accuracy")


def test_a_node_without_spread_has_no_r2_and_the_table_has_that_of_all() -> None:
    head = Regression(goes_by="r2")
    flat, steep = head.metrics(column(1, 1), column(2, 2)), head.metrics(column(0, 0), column(-1, 1))
    assert "r2" not in flat
    table = head.summarise({"flat": (flat, 2), "steep": (steep, 2)})
    # errors 1 1 1 1; the targets 2 2 -1 1 lie around 1, and their squares sum to 1 + 1 + 4 + 0
    assert table["r2"] == pytest.approx(1 - 4 / 6)
    assert "r2_nodes" not in table
    assert table["r2_worst_decile"] == steep["r2"] == 0  # that of the one node that has its own


def test_the_worst_nodes_are_those_with_the_largest_error() -> None:
    head = Regression()
    scores = {name: (head.metrics(column(0, 0), column(-error, error)), 2) for name, error in (("a", 1), ("b", 3))}
    table = head.summarise(scores)  # squares of 1 and 9
    assert (table["mse"], table["mse_worst_decile"], table["mse_std"]) == (5.0, 9.0, 4.0)


def test_without_any_spread_there_is_no_r2() -> None:
    head = Regression((1.0,), (1.0,))
    assert "r2" not in head.summarise({"a": (head.metrics(column(0.5, 0.5), column(4, 4)), 2)})


@pytest.mark.parametrize("value", [math.nan, math.inf, 3e38])
def test_a_model_that_diverged_has_no_score(value: float) -> None:
    with pytest.raises(DataError, match=r"Lower training\.learning_rate"):
        Regression().metrics(column(0, value), column(0, 0))


@pytest.mark.parametrize(
    "change",
    [
        {"mse": -1.0},
        {"mae": math.nan},
        {"mse_of_mean": None},
        {"offset_0": None},
        {"offset_0": math.inf},
        {"offset_0": 2.1},  # the mean of the squares is 4, so that the mean is 2 at most
    ],
)
def test_a_score_that_cannot_be_is_refused(change: dict[str, float | None]) -> None:
    score = {"mse": 4.0, "mae": 1.0, "mse_of_mean": 4.0, "offset_0": 2.0}
    Regression().check_metrics(score, 1)
    wrong = {name: value for name, value in (score | change).items() if value is not None}
    with pytest.raises(ProtocolError):
        Regression().check_metrics(wrong, 1)


# ---------------------------------------------------------------- several nodes


@given(st.lists(st.lists(st.floats(-1e4, 1e4, width=32), min_size=1, max_size=9), min_size=1, max_size=6))
@settings(max_examples=60)
def test_mean_and_scale_are_those_of_all_targets_together(nodes: list[list[float]]) -> None:
    parts = [column(*values) for values in nodes]
    everything = np.concatenate(parts).astype(np.float64)
    held = [(Regression().fitted(part), len(part)) for part in parts]
    if np.ptp(everything) < 1e-3:
        return
    agreed = Regression.agree(held)
    assert agreed.mean == pytest.approx((everything.mean(),), rel=1e-9, abs=1e-6)
    assert agreed.scale == pytest.approx((everything.std(),), rel=1e-6)


def test_a_node_that_withholds_its_targets_has_no_part_in_what_is_agreed() -> None:
    own = Regression().fitted(column(1.0, 3.0))
    assert own.withheld() == Regression((0.0,), (0.0,))
    assert own.withheld().family == own.family
    assert Regression.agree([(own, 2), (own.withheld(), 0)]) == own
    with pytest.raises(FederationError, match=r"none has.*Set preprocessing\.min_examples lower"):
        Regression.agree([(own.withheld(), 0)])


def test_targets_that_never_differ_are_nothing_to_learn() -> None:
    with pytest.raises(FederationError, match="targets of the nodes must differ"):
        Regression.agree([(Regression((3.0,), (0.0,)), 4), (Regression((3.0,), (0.0,)), 9)])
    # one that does is enough
    assert Regression.agree([(Regression((3.0, 1.0), (0.0, 2.0)), 4)]).scale == (0.0, 2.0)


def test_who_joins_later_must_have_as_many_outputs() -> None:
    assert Regression((5.0,), (3.0,)).misfit(Regression((1e9,), (0.0,))) is None
    assert "2 numbers for each example, got 1" in str(HEAD.misfit(Regression()))
    assert "This search is for regression, got 'classification'" in str(HEAD.misfit(Classification(2)))
