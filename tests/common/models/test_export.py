import json
import sys
from subprocess import run

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import load_file, save_file

from common.architecture.cost import cost_of
from common.architecture.initial import initial_weights
from common.architecture.kinds.layered import LayeredSpec
from common.architecture.kinds.layers import Linear
from common.architecture.spec import ArchitectureSpec
from common.errors import SpecError, StorageError
from common.models.builder import build
from common.models.export import MODEL_FILE, SPEC_FILE, load_model, save_model
from common.seeding import generator
from common.tasks import Classification, Regression, Task

SPEC = LayeredSpec((Linear(8, norm="batch"),))
TASK = Task((5,), Classification(3))


@pytest.fixture
def folder(tmp_path):
    save_model(tmp_path / "best", SPEC, TASK, initial_weights(SPEC.lower(TASK), generator(0)), {"score": 0.5})
    return tmp_path / "best"


@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=15)
def test_a_model_comes_back_with_identical_logits(random_case, tmp_path_factory, seed):
    spec, task = random_case(seed)
    weights = initial_weights(spec.lower(task), generator(seed))
    folder = tmp_path_factory.mktemp("export")
    save_model(folder, spec, task, weights)
    loaded = load_model(folder)
    assert not loaded.training
    x = torch.from_numpy(generator(seed, "x").standard_normal((4, *task.input_shape)).astype(np.float32))
    torch.testing.assert_close(loaded(x), build(spec.lower(task), weights).eval()(x), rtol=0, atol=0)


def test_the_files_are_for_anybody(folder):
    assert sorted(path.name for path in folder.iterdir()) == [MODEL_FILE, SPEC_FILE]
    description = json.loads((folder / SPEC_FILE).read_text())
    assert ArchitectureSpec.from_dict(description["spec"]) == SPEC
    assert description["id"] == SPEC.id
    assert description["task"] == {
        "input_shape": [5],
        "head": TASK.head.to_dict(),
        "scaling": None,
        "num_classes": 3,
        "classes": [],
    }
    assert description["metadata"] == {"score": 0.5}
    tensors = load_file(folder / MODEL_FILE)
    state = load_model(folder).state_dict()
    assert tensors.keys() == state.keys()
    for name, array in tensors.items():
        np.testing.assert_array_equal(array, state[name].numpy())


def test_a_model_of_before_there_were_heads_can_be_read(folder):
    description = json.loads((folder / SPEC_FILE).read_text())
    x = torch.ones(2, 5)
    logits = load_model(folder)(x)
    (folder / SPEC_FILE).write_text(json.dumps(description | {"task": {"input_shape": [5], "num_classes": 3}}))
    assert torch.equal(load_model(folder)(x), logits)


def test_a_regression_answers_in_the_units_of_its_targets(tmp_path):
    task = Task((5,), Regression((100.0, -3.0), (20.0, 0.5)))
    weights = initial_weights(SPEC.lower(task), generator(0))
    save_model(tmp_path, SPEC, task, weights)
    model, x = load_model(tmp_path), torch.from_numpy(generator(0, "x").standard_normal((4, 5)).astype(np.float32))
    scaled = build(SPEC.lower(task), weights).eval()(x)
    assert not model.training
    torch.testing.assert_close(model(x), scaled * torch.tensor([20.0, 0.5]) + torch.tensor([100.0, -3.0]))
    torch.testing.assert_close(model[0](x), scaled, rtol=0, atol=0)
    # what was trained is in the file, and the units are in spec.json
    assert load_file(tmp_path / MODEL_FILE).keys() == model[0].state_dict().keys()


def test_writing_again_replaces(folder):
    zeros = np.zeros(cost_of(SPEC.lower(TASK)).message_bytes // 4, np.float32)
    save_model(folder, SPEC, TASK, zeros)
    assert not any(tensor.any() for tensor in load_model(folder).state_dict().values())


def test_writing_needs_neither_torch_nor_safetensors():
    heavy = ("torch", "flwr", "safetensors")
    code = f"import sys, common.models.export; print([name for name in {heavy} if name in sys.modules])"
    assert run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"


def test_weights_of_another_size_are_refused(tmp_path):
    with pytest.raises(SpecError, match="one array of 107 numbers"):  # 8 x 5 + 8, 4 x 8 of the norm, 3 x 8 + 3
        save_model(tmp_path, SPEC, TASK, np.zeros(7, np.float32))
    assert not list(tmp_path.iterdir())


def test_a_folder_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="A folder for results must be writable"):
        save_model(tmp_path / "file" / "best", SPEC, TASK, initial_weights(SPEC.lower(TASK), generator(0)))


@pytest.mark.parametrize("name", [SPEC_FILE, MODEL_FILE])
def test_a_missing_file(folder, name):
    (folder / name).unlink()
    with pytest.raises(StorageError, match=f"A model needs its {name}"):
        load_model(folder)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff\xfe",
        b"[]",
        b"3",
        b"[" * 100_000,
        b'{"spec": {}}',
        b'{"spec": {}, "task": {}}',
        b'{"spec": {}, "task": {"input_shape": "5", "num_classes": 3}}',
        b'{"spec": {}, "task": {"input_shape": [5.5], "num_classes": 3}}',
        b'{"spec": {}, "task": {"input_shape": [], "num_classes": 3}}',
        b'{"spec": {}, "task": {"input_shape": [5], "num_classes": true}}',
        b'{"spec": {}, "task": {"input_shape": [5], "head": {"kind": "os"}}}',
        b'{"spec": {}, "task": {"input_shape": [5], "head": {"kind": "regression", "mean": ["1"], "scale": [1]}}}',
    ],
)
def test_a_foreign_spec_file(folder, content):
    (folder / SPEC_FILE).write_bytes(content)
    with pytest.raises(StorageError, match=r"spec.json must hold a spec and a task"):
        load_model(folder)


def test_an_illegal_spec(folder):
    description = json.loads((folder / SPEC_FILE).read_text())
    description["spec"]["layers"][0]["width"] = -1
    (folder / SPEC_FILE).write_text(json.dumps(description))
    with pytest.raises(SpecError, match="Layer 0: linear width must be"):
        load_model(folder)


@pytest.mark.parametrize("damage", ["", "cut", "no tensors " * 20])
def test_a_corrupt_model_file(folder, damage):
    path = folder / MODEL_FILE
    path.write_bytes(path.read_bytes()[:50] if damage == "cut" else damage.encode())
    with pytest.raises(StorageError, match=r"model.safetensors must be a safetensors file"):
        load_model(folder)


@pytest.mark.parametrize(
    "change",
    [
        {"layer0.weight": np.zeros((8, 6), np.float32)},
        {"layer0.weight": np.zeros((8, 5), np.float64)},
        {"layer0.weight": np.zeros(40, np.float32)},
    ],
)
def test_tensors_of_another_model(folder, change):
    save_file({**load_file(folder / MODEL_FILE), **change}, folder / MODEL_FILE)
    with pytest.raises(StorageError, match=r"but these differ, got \['layer0.weight'\]"):
        load_model(folder)


def test_missing_and_additional_tensors(folder):
    tensors = load_file(folder / MODEL_FILE)
    tensors["more"] = tensors.pop("classifier.bias")
    save_file(tensors, folder / MODEL_FILE)
    with pytest.raises(StorageError, match=r"but these differ, got \['classifier.bias', 'more'\]"):
        load_model(folder)
