"""Arrays under the hash of their content."""

from __future__ import annotations

import json
import os

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from common.errors import StorageError
from server_app.blobs import Blobs, keys_in

BYTES = {"float32": 4, "float64": 8, "int64": 8}


@pytest.fixture(params=["disk", "memory"])
def blobs(request, tmp_path):
    return Blobs(tmp_path / "weights" if request.param == "disk" else None)


def same(a, b):
    return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()


@given(data=st.data())
def test_any_array_comes_back_bit_for_bit(data, tmp_path_factory):
    """NaNs with a payload, negative zeros and subnormal numbers included: the bytes are drawn, not the values."""
    dtype = data.draw(st.sampled_from(sorted(BYTES)))
    shape = data.draw(array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4))
    raw = data.draw(arrays(np.uint8, int(np.prod(shape)) * BYTES[dtype]))
    array = np.frombuffer(raw.tobytes(), dtype).reshape(shape)
    for folder in (None, tmp_path_factory.mktemp("blobs")):
        blobs = Blobs(folder)
        key = blobs.put(array)
        assert same(blobs.get(key), array)
        if folder is not None:
            assert same(Blobs(folder).get(key), array)


def test_the_layout_in_memory_does_not_count(blobs):
    array = np.arange(12.0).reshape(3, 4)
    key = blobs.put(array)
    assert blobs.put(np.asfortranarray(array)) == key
    assert blobs.put(np.repeat(array, 2, axis=1)[:, ::2]) == key
    assert same(blobs.get(key), array)


def test_type_and_shape_count(blobs):
    zeros = [np.zeros(4, np.float32), np.zeros(2), np.zeros(2, np.int64), np.zeros((2, 1), np.int64)]
    assert len({blobs.put(array) for array in zeros}) == 4


def test_the_same_array_is_written_once(tmp_path):
    blobs = Blobs(tmp_path)
    key = blobs.put(np.arange(3.0))
    (file,) = tmp_path.iterdir()
    os.utime(file, (1, 1))
    assert blobs.put(np.arange(3.0)) == key
    assert file.stat().st_mtime == 1


def test_a_file_that_is_there_is_believed_only_once_it_was_read(tmp_path):
    key = Blobs(tmp_path).put(np.arange(3.0))
    (tmp_path / f"{key}.npy").write_bytes(b"")  # what a power cut leaves
    blobs = Blobs(tmp_path)
    assert blobs.put(np.arange(3.0)) == key
    assert same(blobs.get(key), np.arange(3.0))


def test_what_the_caller_does_to_its_array_later_does_not_matter(blobs):
    array = np.arange(3.0)
    key = blobs.put(array)
    array += 1
    first = blobs.get(key)
    first += 1
    assert same(blobs.get(key), np.arange(3.0))


@pytest.mark.parametrize(
    ("damage", "why"),
    [
        (lambda file: file.unlink(), "No such file"),
        (lambda file: file.write_bytes(b""), "its content has changed"),
        (lambda file: file.write_bytes(file.read_bytes()[:-1]), "its content has changed"),
        (lambda file: file.write_bytes(file.read_bytes()[:-1] + b"\x01"), "its content has changed"),
        (lambda file: file.write_bytes(b"PK\x03\x04"), "its content has changed"),
    ],
)
def test_a_damaged_file_is_said_in_words(tmp_path, damage, why):
    key = Blobs(tmp_path).put(np.zeros(3, np.float32))
    damage(tmp_path / f"{key}.npy")
    with pytest.raises(StorageError, match=rf"as it was written \(.*{why}.*{key}.*Begin the run anew"):
        Blobs(tmp_path).get(key)


@given(data=st.data())
def test_no_damage_is_believed_or_ends_in_a_traceback(data, tmp_path_factory):
    folder = tmp_path_factory.mktemp("weights")
    key = Blobs(folder).put(np.arange(5, dtype=np.float32))
    file = folder / f"{key}.npy"
    whole = file.read_bytes()
    if data.draw(st.booleans()):
        file.write_bytes(whole[: data.draw(st.integers(0, len(whole) - 1))])
    else:
        place = data.draw(st.integers(0, len(whole) - 1))
        file.write_bytes(whole[:place] + bytes([whole[place] ^ data.draw(st.integers(1, 255))]) + whole[place + 1 :])
    with pytest.raises(StorageError, match="its content has changed"):
        Blobs(folder).get(key)


def test_a_key_that_nobody_put_is_said(blobs):
    with pytest.raises(StorageError, match="f00"):
        blobs.get("f00")


def test_a_state_comes_back_through_json_text(blobs):
    state = {
        "round": 3,
        "moments": {"m": np.arange(3.0), "v": [np.zeros(2, np.float32), None]},
        "array": np.arange(2),
        "best": float("inf"),
        "names": ("a", "b"),
        "empty": {},
    }
    plain = json.loads(json.dumps(blobs.put_state(state)))
    back = blobs.get_state(plain)
    assert same(back["moments"]["m"], state["moments"]["m"])
    assert same(back["moments"]["v"][0], state["moments"]["v"][0])
    assert same(back["array"], state["array"])
    assert {name: back[name] for name in ("round", "best", "names", "empty")} == {
        "round": 3,
        "best": float("inf"),
        "names": ["a", "b"],
        "empty": {},
    }
    assert keys_in(plain) == {
        blobs.put(array) for array in (state["moments"]["m"], state["moments"]["v"][0], state["array"])
    }


@pytest.mark.parametrize("state", [{"array": "a text"}, {"deep": [{3: 1}]}])
def test_a_state_that_would_come_back_as_another_is_refused(blobs, state):
    with pytest.raises(StorageError, match="names are texts"):
        blobs.put_state(state)


def test_sweeping_deletes_all_that_is_not_named(tmp_path):
    blobs = Blobs(tmp_path)
    kept, gone = blobs.put(np.zeros(2)), blobs.put(np.ones(2))
    (tmp_path / "half.part").touch()
    blobs.sweep({kept})
    assert [file.name for file in tmp_path.iterdir()] == [f"{kept}.npy"]
    assert blobs.put(np.ones(2)) == gone
    assert same(Blobs(tmp_path).get(gone), np.ones(2))
    blobs.sync()


def test_sweeping_what_is_in_memory(tmp_path):
    blobs = Blobs()
    kept, gone = blobs.put(np.zeros(2)), blobs.put(np.ones(2))
    blobs.sweep([kept])
    assert same(blobs.get(kept), np.zeros(2))
    with pytest.raises(StorageError, match=gone):
        blobs.get(gone)
    blobs.sync()


def test_memory_is_crowded_once_it_has_doubled():
    blobs = Blobs()
    keys = [blobs.put(np.full(2, value)) for value in range(20)]
    assert blobs.crowded
    blobs.sweep(keys)
    assert not blobs.crowded
    # 20 were left: so many more, and the few that never matter, are no crowd yet
    for value in range(20, 20 + 20 + 8):
        blobs.put(np.full(2, value))
    assert not blobs.crowded
    blobs.put(np.full(2, 99))
    assert blobs.crowded


def test_a_search_that_is_not_saved_does_not_keep_all_weights_in_memory(grid, configure, play):
    grid.people("abc")
    space = {"name": "layered", "max_layers": 1, "width": list(range(2, 40)), "operations": ["linear"]}
    fidelity = {"name": "full", "max_rounds": 1}
    played = play(grid, configure(space=space, search={"trials": 30, "concurrency": 2}, fidelity=fidelity))
    assert played.error is None
    search = played.search
    named = keys_in(search.state_dict()) | keys_in(played.strategy.outcome.final.state_dict())
    kept = search.weights.blobs._memory.keys()
    assert named <= kept
    # all 30 trials had weights; what is named at a time are those of the best, of two that train, and of the final
    assert len(kept) < 20


def test_nothing_to_keep_makes_no_folder(tmp_path):
    blobs = Blobs(tmp_path / "weights")
    blobs.sync()
    blobs.sweep(())
    assert list(tmp_path.iterdir()) == []


def test_all_new_files_and_their_folder_are_synced_once(tmp_path, monkeypatch):
    synced = []
    monkeypatch.setattr("server_app.blobs.sync", synced.append)
    blobs = Blobs(tmp_path)
    keys = {blobs.put(np.full(2, value)) for value in (1.0, 2.0)}
    blobs.sync()
    assert set(synced[:-1]) == {tmp_path / f"{key}.npy" for key in keys}
    assert synced[-1] == tmp_path
    synced.clear()
    blobs.put(np.full(2, 1.0))
    blobs.sync()
    assert synced == []


def test_what_cannot_be_written_stays_in_memory_until_it_can(tmp_path):
    folder = tmp_path / "weights"
    folder.write_text("in the way")
    blobs = Blobs(folder)
    key = blobs.put(np.arange(3.0))
    assert same(blobs.get(key), np.arange(3.0))
    with pytest.raises(StorageError, match=r"weights.*free some space"):
        blobs.sync()
    folder.unlink()
    blobs.sync()
    assert same(Blobs(folder).get(key), np.arange(3.0))
