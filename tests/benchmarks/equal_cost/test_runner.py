from pathlib import Path

import numpy as np
import pytest

from tests.benchmarks.equal_cost.runner import SECONDS_AN_EXAMPLE, guessed


@pytest.mark.parametrize("split", [False, True])
def test_before_anything_ran_it_goes_by_the_examples_that_train(tmp_path: Path, split: bool) -> None:
    held = np.arange(2400) % 2
    np.savez(tmp_path / "some.npz", x=held, y=held, **({"split": held} if split else {}))
    count = 1200 if split else 2400
    assert (
        guessed(tmp_path / "some.npz") == f"perhaps {count * SECONDS_AN_EXAMPLE / 60:.0f} min, for {count:,} examples"
    )


def test_of_other_data_nobody_knows() -> None:
    assert guessed(None) == guessed(Path("table.csv")) == "nobody knows how long"
