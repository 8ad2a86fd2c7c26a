import subprocess
import sys

import numpy as np
import pytest

from common.data import Holder, load_node_data, load_node_test, load_server_test, natural_partitions
from common.data.diabetes import read_diabetes
from common.errors import ConfigError, DataError
from common.settings import DatasetSettings
from common.tasks import Classification, Regression

DIABETES = DatasetSettings(name="diabetes")


def test_they_are_scikit_learns_as_they_were_measured() -> None:
    from sklearn.datasets import load_diabetes

    theirs = load_diabetes(scaled=False)
    ours = read_diabetes().take(np.arange(442))
    np.testing.assert_array_equal(ours.x, theirs.data.astype(np.float32))
    np.testing.assert_array_equal(ours.y[:, 0], theirs.target)
    assert (ours.x.dtype, ours.y.dtype, ours.y.shape) == (np.float32, np.float32, (442, 1))


def test_ten_nodes_share_all_of_them_and_know_their_own_targets_only() -> None:
    total, means = 0, set()
    for node in range(10):
        data, test = load_node_data(DIABETES, Holder(node, 10), 0), load_node_test(DIABETES, Holder(node, 10), 0)
        assert test is not None
        assert data.task.input_shape == (10,)
        head = data.task.head
        assert isinstance(head, Regression)
        assert head.mean == pytest.approx((data.train.y.mean(dtype=np.float64),))  # of what is trained on, and no more
        assert head.scale == pytest.approx((data.train.y.std(dtype=np.float64),))
        means.add(head.mean)
        total += len(data.train) + len(data.validation) + len(test)
    assert (total, len(means)) == (442, 10)


def test_what_was_agreed_on_holds() -> None:
    agreed = Regression((150.0,), (80.0,))
    alone, ours = (load_node_data(DIABETES, Holder(0, 10), 0, head) for head in (None, agreed))
    assert ours.task.head == agreed
    np.testing.assert_array_equal(ours.train.y, alone.train.y)


def test_there_is_no_test_set_and_no_person() -> None:
    assert load_server_test(DIABETES, 0) is None
    assert natural_partitions(DIABETES) is None


def test_a_block_is_the_last_stretch() -> None:
    chosen = DatasetSettings(name="diabetes", split="block", gap=1)
    data, test = load_node_data(chosen, Holder(), 0), load_node_test(chosen, Holder(), 0)
    assert test is not None
    whole = read_diabetes().take(np.arange(442)).x
    # a fifth of 442 is 88; then of 442 - 88 - 1 a fifth, 71, and again a neighbour dropped
    np.testing.assert_array_equal(test.x, whole[-88:])
    np.testing.assert_array_equal(data.validation.x, whole[353 - 71 : 353])
    np.testing.assert_array_equal(data.train.x, whole[: 353 - 71 - 1])


def test_scikit_learn_is_not_imported() -> None:
    code = (
        "import sys\n"
        "from common.data.diabetes import read_diabetes\n"
        "read_diabetes()\n"
        "heavy = {'sklearn', 'scipy', 'torch', 'flwr', 'hydra'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60, env={"PYTHONPATH": ":".join(sys.path)})


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (DatasetSettings("diabetes", path="/d.npz"), "'diabetes' has no use for dataset.path, got '/d.npz'"),
        (DatasetSettings("diabetes", partition="natural"), "diabetes does not say"),
        (
            DatasetSettings("diabetes", partition="dirichlet"),
            "=dirichlet shares out .* regression have none",
        ),
        (DatasetSettings("diabetes", options={"size": 3}), "these options: none, got 'size'"),
    ],
)
def test_what_does_not_fit_is_refused(settings: DatasetSettings, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        load_node_data(settings, Holder(0, 4), 0)


def test_a_search_for_classes_does_not_take_them() -> None:
    with pytest.raises(DataError, match="A search for classification needs data for it"):
        load_node_data(DIABETES, Holder(0, 4), 0, Classification(2))
