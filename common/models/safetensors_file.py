"""Writes tensors as a safetensors file, with NumPy alone: nodes write models, and have no more than that.

The format (https://github.com/huggingface/safetensors): the length of a header, as 8 bytes; the header, JSON that has
for each tensor its type, its shape and where its bytes lie; then the bytes of all tensors, one after the other.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

_ALIGNED = 8


def safetensors_bytes(tensors: Mapping[str, NDArray[np.float32]]) -> bytes:
    """Return the content of a safetensors file.

    Parameters
    ----------
    tensors : mapping of str to NDArray
        By name, float32.
    """
    header, content, start = {}, [], 0
    for name, tensor in tensors.items():
        data = np.ascontiguousarray(tensor, dtype="<f4").tobytes()
        header[name] = {"dtype": "F32", "shape": list(tensor.shape), "data_offsets": [start, start + len(data)]}
        content.append(data)
        start += len(data)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % _ALIGNED)
    return b"".join([len(text).to_bytes(8, "little"), text, *content])
