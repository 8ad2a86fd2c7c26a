"""The standard error of a score over a node's examples: one number, and near what theory says."""

import math

import numpy as np
import pytest

from common.errors import ProtocolError
from common.tasks import Classification, Regression
from common.tasks.bootstrap import bootstrap_error


def answers(right: int, wrong: int) -> tuple[np.ndarray, np.ndarray]:
    y = np.zeros(right + wrong, np.int64)
    return np.eye(2, dtype=np.float32)[np.repeat([0, 1], [right, wrong])], y


@pytest.mark.parametrize(("right", "wrong"), [(80, 20), (200, 200), (30, 2)])
def test_of_an_accuracy_it_is_that_of_a_binomial_share(right: int, wrong: int) -> None:
    told = bootstrap_error(Classification(2), *answers(right, wrong), 2000, np.random.default_rng(0))
    share, n = right / (right + wrong), right + wrong
    assert told == {"accuracy_error": pytest.approx(math.sqrt(share * (1 - share) / n), rel=0.06)}


def test_where_all_is_right_nothing_is_unsure() -> None:
    assert bootstrap_error(Classification(2), *answers(9, 0), 50, np.random.default_rng(0)) == {"accuracy_error": 0}


def test_it_is_of_what_the_primary_metric_is_made_of() -> None:
    y = np.random.default_rng(1).normal(size=(60, 1)).astype(np.float32)
    expected = float(np.std(y**2) / math.sqrt(60))  # the error of a mean of squares
    for metric in ("mse", "rmse", "r2"):
        told = bootstrap_error(Regression(goes_by=metric), np.zeros_like(y), y, 2000, np.random.default_rng(0))
        assert told == {"mse_error": pytest.approx(expected, rel=0.08)}
    told = bootstrap_error(Regression(goes_by="mae"), np.zeros_like(y), y, 20, np.random.default_rng(0))
    assert list(told) == ["mae_error"]


def test_a_metric_that_hardly_any_draw_has_tells_nothing() -> None:
    outputs, y = answers(5, 0)  # of one class, so that there is no AUROC
    assert bootstrap_error(Classification(2, goes_by="auroc"), outputs, y, 20, np.random.default_rng(0)) == {}


def test_it_is_in_no_table_and_never_below_0() -> None:
    head = Classification(2)
    score = {"accuracy": 0.5, "loss": 1.0, "accuracy_error": 0.1}
    head.check_metrics(score, 3)
    assert "accuracy_error" not in head.summarise({"a": (score, 3)})
    with pytest.raises(ProtocolError, match="standard error must be 0 or more"):
        head.check_metrics({**score, "accuracy_error": -0.1}, 3)
