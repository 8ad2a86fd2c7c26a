import subprocess
import sys

import numpy as np
import pytest

from common.data import Holder, load_node_data, load_node_test, load_server_test, natural_partitions
from common.data.digits import read_digits
from common.errors import ConfigError, DataError
from common.settings import DatasetSettings
from common.tasks import Classification

DIGITS = DatasetSettings(name="digits", partition="dirichlet", alpha=0.5)


def test_they_are_scikit_learns_digits_scaled() -> None:
    from sklearn.datasets import load_digits

    theirs = load_digits()
    ours = read_digits().take(np.arange(1797))
    np.testing.assert_allclose(ours.x, theirs.images[:, None] / 16, rtol=1e-6)
    np.testing.assert_array_equal(ours.y, theirs.target)
    assert (ours.x.dtype, ours.y.dtype) == (np.float32, np.int64)
    assert (ours.x.min(), ours.x.max()) == (0.0, 1.0)


def test_ten_nodes_share_all_of_them() -> None:
    total = 0
    for node in range(10):
        data, test = load_node_data(DIGITS, Holder(node, 10), 0), load_node_test(DIGITS, Holder(node, 10), 0)
        assert test is not None
        assert data.task.input_shape == (1, 8, 8)
        assert data.task.head == Classification(10)
        total += len(data.train) + len(data.validation) + len(test)
    assert total == 1797


def test_a_second_call_costs_nothing() -> None:
    assert load_node_data(DIGITS, Holder(0, 10), 0) is load_node_data(DIGITS, Holder(0, 10), 0)


def test_there_is_no_test_set_and_no_person() -> None:
    assert load_server_test(DIGITS, 0) is None
    assert natural_partitions(DIGITS) is None


def test_scikit_learn_is_not_imported() -> None:
    code = (
        "import sys\n"
        "from common.data import Holder, load_node_data\n"
        "from common.settings import DatasetSettings\n"
        "load_node_data(DatasetSettings(), Holder(), 0)\n"
        "heavy = {'sklearn', 'scipy', 'torch', 'flwr', 'hydra'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60, env={"PYTHONPATH": ":".join(sys.path)})


def test_without_scikit_learn_there_is_one_clear_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [])
    monkeypatch.delitem(sys.modules, "sklearn", raising=False)
    with pytest.raises(DataError, match=r"which is not installed\. pip install scikit-learn"):
        read_digits.__wrapped__()


@pytest.mark.parametrize(
    ("settings", "holder", "message"),
    [
        (DatasetSettings(path="/d.npz"), Holder(), "'digits' has no use for dataset.path, got '/d.npz'"),
        (DatasetSettings(partition="natural"), Holder(), "digits does not say"),
        (DatasetSettings(options={"size": 3}), Holder(), "these options: none, got 'size'"),
        (DatasetSettings(), Holder(0, 400), "1797 are enough for 359 nodes, got 400"),
        (DatasetSettings(), Holder(3, 3), "must be one of 0 to 2, got 3"),
    ],
)
def test_what_does_not_fit_is_refused(settings: DatasetSettings, holder: Holder, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        load_node_data(settings, holder, 0)
