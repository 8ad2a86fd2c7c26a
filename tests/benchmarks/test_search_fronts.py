import pytest

from tests.benchmarks.equal_cost.runner import MACS
from tests.benchmarks.search_fronts import volume


def member(accuracy: float, macs: int) -> dict[str, object]:
    return {"test": {"accuracy": accuracy}, "macs": macs}


def test_the_volume_is_that_of_what_was_tested_above_the_constant_answer() -> None:
    front = [member(0.9, MACS // 2), member(0.6, 0), {"test": {}, "macs": 0}, member(0.1, 0)]
    found = volume({"front": front, "constant": {"test": {"accuracy": 0.2}}}, "accuracy")
    assert found == pytest.approx(0.7 * 0.5 + 0.4 * 0.5)  # of the second, 0.4 x 1, half lies within the first
