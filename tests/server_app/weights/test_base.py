import numpy as np

from server_app.weights.base import joined, parted


def test_one_array_is_joined_without_a_copy():
    array = np.arange(3, dtype=np.float32)
    assert joined({"weights": array}) is array


def test_several_arrays_are_one_vector_in_the_order_of_their_names():
    arrays = {"weights": np.array([3, 4, 5], np.float32), "alphas": np.array([1, 2], np.float32)}
    vector = joined(arrays)
    np.testing.assert_array_equal(vector, [1, 2, 3, 4, 5])
    parts = parted(vector, arrays)
    assert sorted(parts) == ["alphas", "weights"]
    for name, part in parts.items():
        np.testing.assert_array_equal(part, arrays[name])
