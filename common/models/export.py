"""A trained model as two files: spec.json and model.safetensors.

    model = load_model("runs/.../best")
    outputs = model(inputs)    # a classifier's logits; a regression's numbers in the units of its targets

Writing needs neither torch nor safetensors. Any safetensors reader can read the weights; their names are those of the
module's ``state_dict``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from common.architecture.layout import layout, views_of
from common.architecture.spec import ArchitectureSpec
from common.errors import SpecError, StorageError
from common.files import write_aside
from common.models.safetensors_file import safetensors_bytes
from common.tasks import Task, task_from_record

if TYPE_CHECKING:
    from torch import nn

SPEC_FILE = "spec.json"
MODEL_FILE = "model.safetensors"
SCHEMA_FILE = "schema.yaml"
"""Beside them where the model is for a table by a schema; `common.data.schema_rows` makes its inputs of rows."""


def save_model(
    folder: Path | str,
    spec: ArchitectureSpec,
    task: Task,
    weights: NDArray[np.float32],
    metadata: Mapping[str, Any] | None = None,
) -> None:
    """Write a trained model; each file is written aside and renamed.

    Parameters
    ----------
    folder : Path or str
        Made where it is missing.
    spec, task : ArchitectureSpec, Task
        What the model is.
    weights : NDArray
        Packed state, float32, in the order of `common.architecture.layout`.
    metadata : mapping, optional
        JSON values for people, kept in spec.json.

    Raises
    ------
    SpecError
        Where the weights do not fit the spec.
    StorageError
        Where the folder cannot be written.
    """
    tensors = views_of(np.ascontiguousarray(weights, dtype=np.float32), layout(spec.lower(task)))
    write_aside(Path(folder) / MODEL_FILE, safetensors_bytes(tensors))
    save_spec(folder, spec, task, metadata)


def save_spec(
    folder: Path | str, spec: ArchitectureSpec, task: Task, metadata: Mapping[str, Any] | None = None
) -> None:
    """Write what a model is, without its weights; parameters and errors as of `save_model`."""
    description = {
        "id": spec.id,
        "spec": spec.to_dict(),
        "task": task.to_record(),
        "metadata": dict(metadata or {}),
    }
    write_aside(Path(folder) / SPEC_FILE, json.dumps(description, indent=2))
    if task.schema is not None:
        from common.data.schema_file import save_schema  # it imports yaml, and most models have none

        save_schema(Path(folder) / SCHEMA_FILE, task.schema)


def load_model(folder: Path | str, examples: NDArray[np.float32] | None = None) -> nn.Module:
    """Return the module that `save_model` wrote, in evaluation mode; it scales its inputs itself, and fills gaps.

    A classifier gives logits. A regression is trained on scaled targets, so what was trained is followed by a module
    that puts its outputs into the units of the targets: an `nn.Sequential` of the two, the first of them without.

    Parameters
    ----------
    folder : Path or str
        That of a finished run, such as ``runs/.../best``.
    examples : NDArray, optional
        float32, shape ``(n, *input_shape)``: of whom the model is for, where each node scaled inputs by its own
        (``preprocessing.scope=node``). Without that they have no effect.

    Raises
    ------
    StorageError
        Where a file is missing, or is none of ours, or holds other tensors than the spec asks for.
    SpecError
        Where the spec is malformed, or the model needs `examples`.
    """
    from torch import nn

    from common.models.builder import build

    spec, task, weights = read_model(folder)
    task = task if examples is None else task.fitted(examples)
    model, readout = build(spec.lower(task), weights), task.head.readout()
    return (model if readout is None else nn.Sequential(model, readout)).eval()


def read_model(folder: Path | str) -> tuple[ArchitectureSpec, Task, NDArray[np.float32]]:
    """Return what `save_model` wrote: spec, task, and packed weights; errors as of `load_model`. It needs no torch."""
    folder = Path(folder)
    spec, task = _parse(_read(folder / SPEC_FILE), folder / SPEC_FILE)
    return spec, task, _packed(_read(folder / MODEL_FILE), spec, task, folder / MODEL_FILE)


def _parse(content: bytes, path: Path) -> tuple[ArchitectureSpec, Task]:
    try:
        description = json.loads(content)
        spec, task = description["spec"], task_from_record(description["task"])
    except (ValueError, KeyError, TypeError, RecursionError, SpecError) as error:
        raise StorageError(
            f"{SPEC_FILE} must hold a spec and a task, as save_model writes them ({error!r})",
            str(path),
            fix="Point to the folder of a finished run, such as runs/.../best",
        ) from None
    return ArchitectureSpec.from_dict(spec), task


def _packed(content: bytes, spec: ArchitectureSpec, task: Task, path: Path) -> NDArray[np.float32]:
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        arrays = load(content)
    except (SafetensorError, ValueError, KeyError, TypeError) as error:
        raise StorageError(
            f"{MODEL_FILE} must be a safetensors file ({error})", str(path), fix="Copy it again"
        ) from None
    infos = layout(spec.lower(task))
    wanted = {info.name: ("float32", info.shape) for info in infos}
    found = {name: (str(array.dtype), array.shape) for name, array in arrays.items()}
    if wanted != found:
        odd = sorted(name for name in wanted.keys() | found.keys() if wanted.get(name) != found.get(name))
        raise StorageError(
            f"{path} must hold the tensors of {SPEC_FILE} beside it, but these differ",
            odd[:5],
            fix="Keep both files of one model together",
        )
    return np.concatenate([arrays[info.name].ravel() for info in infos])


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise StorageError(
            f"A model needs its {path.name} ({error.strerror})",
            str(path),
            fix="Point to the folder of a finished run, such as runs/.../best",
        ) from None
