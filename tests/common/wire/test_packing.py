from __future__ import annotations

import io

import numpy as np
import pytest
from flwr.app import Array, ArrayRecord, RecordDict
from flwr.common.serde import recorddict_from_proto, recorddict_to_proto

from common.errors import ProtocolError
from common.seeding import generator
from common.wire.packing import num_bytes, pack, unpack

WEIGHTS = generator(0, "packed").normal(size=1000).astype(np.float32)


def received(**arrays: Array) -> ArrayRecord:
    content = RecordDict({"arrays": ArrayRecord(dict(arrays))})
    return recorddict_from_proto(recorddict_to_proto(content)).array_records["arrays"]


def test_weights_arrive_bit_for_bit_without_a_copy():
    record = received(a=pack(WEIGHTS))
    values = unpack("a", record, "float32", len(WEIGHTS))
    assert values.tobytes() == WEIGHTS.tobytes()
    assert not values.flags.owndata
    assert not values.flags.writeable


def test_half_precision_arrives_as_float32():
    values = unpack("a", received(a=pack(WEIGHTS, "float16")), "float16")
    assert values.dtype == np.float32
    np.testing.assert_array_equal(values, WEIGHTS.astype(np.float16))


def test_the_size_is_compared_before_anything_is_read():
    poison = Array("float32", (1000,), "numpy.ndarray", b"no array at all")
    with pytest.raises(ProtocolError, match="one packed float32 array of 7 numbers"):
        unpack("a", received(a=poison), "float32", 7)
    with pytest.raises(ProtocolError, match="must be readable"):
        unpack("a", received(a=poison), "float32", 1000)
    with pytest.raises(ProtocolError, match="must come with its weights, got 'b'"):
        unpack("b", received(a=poison), "float32", 7)


@pytest.mark.parametrize("shape", [(2**31 - 1,), (-1,), (0,), (999,), (1001,), (), (1000, 1)])
def test_what_is_announced_and_what_is_there_must_agree(shape: tuple[int, ...]):
    array = Array("float32", shape, "numpy.ndarray", pack(WEIGHTS).data)
    with pytest.raises(ProtocolError):
        unpack("a", received(a=array), "float32")


@pytest.mark.parametrize(
    "other", [WEIGHTS.astype(">f4"), WEIGHTS.view(np.int32), WEIGHTS.reshape(500, 2), WEIGHTS[:-1]]
)
def test_what_the_bytes_say_of_themselves_must_agree_too(other: np.ndarray):
    stream = io.BytesIO()
    np.save(stream, other)
    data = stream.getvalue().ljust(len(pack(WEIGHTS).data), b"\0")
    with pytest.raises(ProtocolError, match="must be readable"):
        unpack("a", received(a=Array("float32", (1000,), "numpy.ndarray", data)), "float32")


def test_bytes_are_those_of_the_numbers():
    content = RecordDict(
        {"one": ArrayRecord({"a": pack(WEIGHTS)}), "two": ArrayRecord({"b": pack(WEIGHTS, "float16")})}
    )
    assert num_bytes(content) == 4 * 1000 + 2 * 1000
    assert num_bytes(RecordDict({"odd": ArrayRecord({"a": Array("poem", (-1,), "x", b"short")})})) == 0
