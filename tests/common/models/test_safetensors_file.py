import numpy as np
from safetensors.numpy import load

from common.models.safetensors_file import safetensors_bytes
from common.seeding import generator


def test_any_reader_of_safetensors_reads_what_numpy_wrote():
    rng = generator(0, "tensors")
    tensors = {
        "layer0.weight": rng.standard_normal((3, 5)).astype(np.float32),
        "layer0.bias": np.array([-0.0, np.inf, 1e-40], np.float32),
        "ünnamed": rng.standard_normal((2, 3, 4)).astype(np.float32).transpose(2, 0, 1),
        "empty": np.zeros((0, 4), np.float32),
        "scalar": np.float32(7).reshape(()),
    }
    found = load(safetensors_bytes(tensors))
    assert found.keys() == tensors.keys()
    for name, tensor in tensors.items():
        assert (found[name].dtype, found[name].shape) == (np.float32, tensor.shape)
        assert found[name].tobytes() == tensor.tobytes()


def test_the_numbers_begin_at_a_multiple_of_eight_bytes_whatever_their_names():
    for length in range(1, 20):
        content = safetensors_bytes({"n" * length: np.zeros(2, np.float32)})
        assert int.from_bytes(content[:8], "little") % 8 == 0
        assert load(content)["n" * length].tolist() == [0.0, 0.0]
