from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from common.data.formats import Contents
from common.data.formats.npz import read
from tests.benchmarks.equal_cost.data import INVENTED
from tests.benchmarks.equal_cost.generated import GENERATED, images, sequences, vectors

SHAPES = {"generated_images": (1, 12, 12), "generated_sequences": (3, 48), "generated_vectors": (16,)}


@pytest.mark.parametrize("name", GENERATED)
def test_data_are_read_as_any_file_and_come_out_the_same(name: str, tmp_path: Path) -> None:
    path = INVENTED[name].file(None, tmp_path)
    found, again = read(str(path), ""), GENERATED[name]()
    assert found.x.shape == (2960, *SHAPES[name])
    assert np.array_equal(found.x, again.x)
    assert np.array_equal(found.y, again.y)
    assert found.split is not None
    assert np.bincount(found.split).tolist() == [960, 2000]


@pytest.mark.parametrize("make", [images, sequences, vectors])
def test_classes_differ_and_other_seeds_are_other_data(make: Callable[..., Contents]) -> None:
    found, other = make(0), make(1)
    assert not np.array_equal(found.x, other.x)
    counts = np.bincount(found.y)
    assert counts.min() > len(found.y) / len(counts) / 3  # a majority class would be half of what is to be learnt
