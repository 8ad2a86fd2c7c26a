"""Sets of packed arrays: what goes out comes in, and what is none is refused before it is read."""

from __future__ import annotations

import io
from collections.abc import Mapping

import numpy as np
import pytest
from flwr.app import Array, ArrayRecord, RecordDict
from flwr.common.serde import recorddict_from_proto, recorddict_to_proto

from common.errors import ProtocolError
from common.jobs import Arrays
from common.precision import Precision
from common.seeding import generator
from common.wire.arrays import Packer, ReceivedSets, num_bytes, pack, record_of_sets, unpack

WEIGHTS = generator(0, "packed").normal(size=1000).astype(np.float32)


def over_the_wire(record: ArrayRecord) -> ArrayRecord:
    content = RecordDict({"arrays": record})
    return recorddict_from_proto(recorddict_to_proto(content)).array_records["arrays"]


def received(array: Array) -> Array:
    return over_the_wire(ArrayRecord({"a": array}))["a"]


def sets_of(sets: Mapping[int, Arrays], precision: Precision = "float32") -> ReceivedSets:
    packer = Packer(precision)
    record = record_of_sets({number: packer.packed(arrays) for number, arrays in sets.items()})
    return ReceivedSets(over_the_wire(record), precision)


def test_weights_arrive_bit_for_bit_without_a_copy():
    values = unpack("It", received(pack(WEIGHTS)), "float32", len(WEIGHTS))
    assert values.tobytes() == WEIGHTS.tobytes()
    assert not values.flags.owndata
    assert not values.flags.writeable


def test_half_precision_arrives_as_float32():
    values = unpack("It", received(pack(WEIGHTS, "float16")), "float16")
    assert values.dtype == np.float32
    np.testing.assert_array_equal(values, WEIGHTS.astype(np.float16))


def test_the_size_is_compared_before_anything_is_read():
    poison = received(Array("float32", (1000,), "numpy.ndarray", b"no array at all"))
    with pytest.raises(ProtocolError, match="It must be one packed float32 array of 7 numbers"):
        unpack("It", poison, "float32", 7)
    with pytest.raises(ProtocolError, match="It must be readable"):
        unpack("It", poison, "float32", 1000)


def test_a_packer_serializes_a_set_once_and_tells_sets_apart():
    packer, arrays = Packer("float16"), {"weights": WEIGHTS, "alphas": WEIGHTS[:3]}
    packed = packer.packed(arrays)
    assert {name: (array.dtype, array.shape) for name, array in packed.items()} == {
        "weights": ("float16", (1000,)),
        "alphas": ("float16", (3,)),
    }
    assert packer.packed(arrays) is packed
    assert packer.packed(dict(arrays)) is not packed


def test_a_packer_is_not_deceived_by_an_id_that_comes_back():
    packer = Packer("float32")
    for value in range(100):  # each set is the packer's alone once this loop lets go of it
        sent = pack(np.full(4, value, np.float32)).data
        assert packer.packed({"weights": np.full(4, value, np.float32)})["weights"].data == sent


def test_sets_are_told_apart_by_their_numbers_and_arrays_by_their_names():
    sets = sets_of({3: {"weights": WEIGHTS, "a/b": WEIGHTS[:2]}, 30: {"weights": WEIGHTS[:5]}, 4: {}})
    found = sets.read(3, "job-1", {"weights": 1000})
    assert {name: array.tobytes() for name, array in found.items()} == {
        "weights": WEIGHTS.tobytes(),
        "a/b": WEIGHTS[:2].tobytes(),
    }
    assert sets.read(3, "job-2", {"weights": 1000}) is found
    assert {name: len(array) for name, array in sets.read(30, "job-3").items()} == {"weights": 5}
    assert [sets.read(number, "job-4") for number in (4, 0, -3)] == [{}, {}, {}]


def test_weights_of_another_size_or_none_are_refused_and_others_may_have_any():
    sets = sets_of({0: {"weights": WEIGHTS, "alphas": WEIGHTS[:3]}, 1: {"alphas": WEIGHTS}})
    assert set(sets.read(0, "job-1", {"weights": 1000})) == {"weights", "alphas"}
    for _ in range(2):  # the set was read for another job before
        with pytest.raises(ProtocolError, match="'job-2' must be one packed float32 array of 999 numbers"):
            sets.read(0, "job-2", {"weights": 999})
    with pytest.raises(ProtocolError, match="A job must come with its weights, got 'job-3'"):
        sets.read(1, "job-3", {"weights": 1000})


def test_each_array_that_has_a_size_must_be_there_with_it():
    sets = sets_of({0: {"weights": WEIGHTS, "alphas": WEIGHTS[:3]}, 1: {"weights": WEIGHTS}})
    assert len(sets.read(0, "job-1", {"weights": 1000, "alphas": 3})["alphas"]) == 3
    with pytest.raises(ProtocolError, match="'alphas' of 'job-2' must be one packed float32 array of 4 numbers"):
        sets.read(0, "job-2", {"weights": 1000, "alphas": 4})
    with pytest.raises(ProtocolError, match="A job must come with its alphas, got 'job-3'"):
        sets.read(1, "job-3", {"weights": 1000, "alphas": 3})


@pytest.mark.parametrize("key", ["0/", "0", "0/a\nb", "0/" + "x" * 65])
def test_names_of_arrays_are_printable_and_short(key: str):
    sets = ReceivedSets(ArrayRecord({"0/weights": pack(WEIGHTS), key: pack(WEIGHTS)}), "float32")
    with pytest.raises(ProtocolError, match="Names of arrays must be printable, with 1 to 64 characters"):
        sets.read(0, "job-1", {"weights": 1000})


@pytest.mark.parametrize("shape", [(2**31 - 1,), (-1,), (0,), (999,), (1001,), (), (1000, 1)])
def test_what_is_announced_and_what_is_there_must_agree(shape: tuple[int, ...]):
    array = Array("float32", shape, "numpy.ndarray", pack(WEIGHTS).data)
    with pytest.raises(ProtocolError):
        unpack("It", received(array), "float32")


@pytest.mark.parametrize(
    "other", [WEIGHTS.astype(">f4"), WEIGHTS.view(np.int32), WEIGHTS.reshape(500, 2), WEIGHTS[:-1]]
)
def test_what_the_bytes_say_of_themselves_must_agree_too(other: np.ndarray):
    stream = io.BytesIO()
    np.save(stream, other)
    data = stream.getvalue().ljust(len(pack(WEIGHTS).data), b"\0")
    with pytest.raises(ProtocolError, match="must be readable"):
        unpack("It", received(Array("float32", (1000,), "numpy.ndarray", data)), "float32")


def test_bytes_are_those_of_the_numbers():
    content = RecordDict(
        {"one": ArrayRecord({"a": pack(WEIGHTS)}), "two": ArrayRecord({"b": pack(WEIGHTS, "float16")})}
    )
    assert num_bytes(content) == 4 * 1000 + 2 * 1000
    assert num_bytes(RecordDict({"odd": ArrayRecord({"a": Array("poem", (-1,), "x", b"short")})})) == 0
