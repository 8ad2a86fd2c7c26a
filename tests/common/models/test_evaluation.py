import numpy as np
import pytest
import torch
from torch import nn

from common.data.base import Examples
from common.errors import DataError
from common.models import evaluation
from common.models.evaluation import evaluate
from common.tasks import Classification, Regression

TWO, THREE = Classification(2), Classification(3)


def identity(classes: int) -> nn.Linear:
    """A model whose logits are its input."""
    model = nn.Linear(classes, classes, bias=False)
    with torch.no_grad():
        model.weight.copy_(torch.eye(classes))
    return model


def one_hot(labels: list[int], classes: int) -> np.ndarray:
    return np.eye(classes, dtype=np.float32)[labels]


def test_scores_of_a_known_model():
    examples = Examples(one_hot([0, 1, 1, 1], 2), np.array([0, 1, 1, 0]))
    scores = evaluate(identity(2), examples, TWO)
    assert scores["accuracy"] == 3 / 4
    assert scores["balanced_accuracy"] == pytest.approx((1 / 2 + 2 / 2) / 2)
    right, wrong = np.log(1 + np.exp(-1)), np.log(1 + np.exp(1))
    assert scores["loss"] == pytest.approx((3 * right + wrong) / 4)


def test_batches_make_no_difference(monkeypatch: pytest.MonkeyPatch):
    rng = np.random.default_rng(0)
    examples = Examples(rng.normal(size=(23, 3)).astype(np.float32), rng.integers(0, 3, 23))
    whole = evaluate(identity(3), examples, THREE)
    monkeypatch.setattr(evaluation, "SCORING_BATCH", 5)
    assert evaluate(identity(3), examples, THREE) == pytest.approx(whole)


@pytest.mark.parametrize("training", [True, False])
def test_the_model_is_scored_in_evaluation_mode_and_put_back(training: bool):
    norm = nn.BatchNorm1d(2)
    model = nn.Sequential(identity(2), norm).train(training)
    evaluate(model, Examples(one_hot([0, 0, 0], 2), np.array([0, 0, 0])), TWO)
    assert (model.training, norm.training) == (training, training)
    assert norm.running_mean.tolist() == [0, 0]


def test_it_leaves_no_inference_tensors_behind():
    model = identity(2)
    evaluate(model, Examples(one_hot([0], 2), np.array([0])), TWO)
    model(torch.ones(1, 2)).sum().backward()
    assert model.weight.grad is not None


def test_outputs_that_are_not_finite_have_no_score():
    model = identity(2)
    with torch.no_grad():
        model.weight[0, 0] = torch.nan
    with pytest.raises(DataError, match="finite"):
        evaluate(model, Examples(one_hot([0, 1], 2), np.array([0, 1])), TWO)


def test_no_examples_have_no_score():
    with pytest.raises(DataError, match="above 0"):
        evaluate(identity(2), Examples(np.empty((0, 2), np.float32), np.empty(0, np.int64)), TWO)


def test_a_regression_is_scored_in_the_units_of_its_targets():
    # the model answers 1 and 0, which are 14 and 10; the targets are 13 and 12
    examples = Examples(np.array([[1], [0]], np.float32), np.array([[13], [12]], np.float32))
    scores = evaluate(identity(1), examples, Regression((10.0,), (4.0,)))
    assert (scores["mse"], scores["mae"]) == ((1 + 4) / 2, 1.5)
