"""Scores a file with a trained model: one of ours, or one that `server_app.export` wrote.

Files are those that nodes have (`common.data.formats`); they need no labels. Where they have some, the model is scored.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from common.architecture.memory import SCORING_BATCH
from common.errors import DataError
from common.models.export import SPEC_FILE, load_model, read_model
from common.tasks import Head, Task, task_from_record
from common.tasks.base import Labels, names_of
from common.tasks.binary_metrics import HALF
from server_app.export.base import Format, Run
from server_app.export.found import metadata_of
from server_app.export.writing import read_description
from server_app.registry import load_choice
from server_app.run_folder import RESULT
from server_app.unlabelled import Inputs, read_inputs

AT_THRESHOLD = "predicted_at_threshold"
"""The column with the class by the threshold that the search fitted on validation; ``predicted`` is by a half."""

_Told = tuple[tuple[str, ...], list[list[Any]], list[str] | None]
"""Names of columns, rows, and the labels in words, where there are some."""


@dataclass(frozen=True)
class Predictions:
    """What a model says of a file.

    Parameters
    ----------
    columns : tuple of str
        Of the table.
    rows : list
        One for each example, in the order of the file: from a classifier the class and the probability of each, of
        several labels those that are likely and the probability of each, else the outputs; then the class by the
        threshold that was fitted on validation, where there is one; and the label last, where there is one.
    metrics : dict
        Where there are labels: what the head's metrics say.
    notes : tuple of str
        What was done in reading.
    """

    columns: tuple[str, ...]
    rows: list[list[Any]]
    metrics: dict[str, float]
    notes: tuple[str, ...]

    def to_csv(self) -> str:
        """Return the table as CSV, with a header; numbers have six digits."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(self.columns)
        writer.writerows([f"{cell:.6g}" if isinstance(cell, float) else cell for cell in row] for row in self.rows)
        return text.getvalue()


def predict(model: Path, file: str, label: str = "label") -> Predictions:
    """Score a file.

    Parameters
    ----------
    model : Path
        A run's folder, or ``best/`` in it, or the folder or the file of an exported model. Code of a model in the
        formats python and safetensors is run.
    file : str
        What is scored.
    label : str
        The column of a table that has the labels, if there is one.

    Raises
    ------
    StorageError, SpecError, ConfigError
        There is no model, or it cannot be run here.
    DataError
        The file cannot be read, or does not fit the model.
    """
    home = _home(model)
    own = (home / SPEC_FILE).exists()
    description = {} if own else read_description(home)
    task = read_model(home)[1] if own else task_from_record(description["task"])
    threshold = (metadata_of(home) if own else description).get("threshold")
    inputs = read_inputs(file, label, task.head, task.schema)
    _check(inputs.x, task)
    run = _own(home, inputs.x) if own else _exported(home, description)
    starts = range(0, len(inputs.x), SCORING_BATCH)
    outputs = np.concatenate([run(inputs.x[start : start + SCORING_BATCH]) for start in starts])
    return _told(task.head, outputs, inputs, threshold)


def _home(model: Path) -> Path:
    if model.is_file():
        return model.parent
    return model / "best" if (model / RESULT).exists() and not (model / SPEC_FILE).exists() else model


def _own(home: Path, x: NDArray[np.float32]) -> Run:
    import torch

    module = load_model(home, x)

    def run(batch: NDArray[np.float32]) -> NDArray[np.float32]:
        with torch.inference_mode():
            outputs: NDArray[np.float32] = module(torch.from_numpy(batch)).numpy()
        return outputs

    return run


def _exported(home: Path, description: dict[str, Any]) -> Run:
    form: Format = load_choice("format", str(description["format"]))()
    form.check_installed()
    return form.runner(home)


def _check(x: NDArray[np.float32], task: Task) -> None:
    if x.shape[1:] != task.input_shape:
        raise DataError(
            f"Examples for this model have the shape {task.input_shape}",
            x.shape[1:],
            fix="Give it what it was trained on: the same columns, channels and extents",
        )


def _told(head: Head, outputs: NDArray[np.float32], inputs: Inputs, threshold: float | None) -> Predictions:
    known = head.kind == "classification" and head.output_width == 2 and threshold is not None
    threshold = threshold if known else None
    columns, told, labels = _TOLD.get(head.kind, _numbers)(head, outputs, inputs.y)
    if threshold is not None:
        names = names_of(head)
        columns = (*columns, AT_THRESHOLD)
        told = [[*row, names[int(row[2] > threshold)]] for row in told]
    if labels is not None:
        columns = (*columns, "label")
        told = [[*row, label] for row, label in zip(told, labels, strict=True)]
    metrics = {} if inputs.y is None else head.metrics(head.before_readout(outputs), inputs.y, threshold)
    return Predictions(columns, told, metrics, inputs.notes)


def _classes(head: Head, outputs: NDArray[np.float32], y: Labels | None) -> _Told:
    names = names_of(head)
    shifted = np.exp(outputs.astype(np.float64) - outputs.max(axis=1, keepdims=True))
    rows = [[names[int(row.argmax())], *row.tolist()] for row in shifted / shifted.sum(axis=1, keepdims=True)]
    labels = None if y is None else [names[int(label)] for label in y]
    return ("predicted", *[f"p({name})" for name in names]), rows, labels


def _several(head: Head, outputs: NDArray[np.float32], y: Labels | None) -> _Told:
    names = names_of(head)
    rows = [[_there(row > HALF, names), *row.tolist()] for row in outputs]
    labels = None if y is None else [_there(row > 0, names) for row in y]
    return ("predicted", *[f"p({name})" for name in names]), rows, labels


def _numbers(head: Head, outputs: NDArray[np.float32], y: Labels | None) -> _Told:
    columns = ("predicted",) if head.output_width == 1 else tuple(f"output{i}" for i in range(head.output_width))
    labels = None if y is None else [" ".join(f"{value:.6g}" for value in row) for row in y]
    return columns, [[float(value) for value in row] for row in outputs], labels


def _there(mask: NDArray[np.bool_], names: Sequence[str]) -> str:
    return "; ".join(name for name, there in zip(names, mask.tolist(), strict=True) if there)


_TOLD: dict[str, Callable[[Head, NDArray[np.float32], Labels | None], _Told]] = {
    "classification": _classes,
    "multilabel": _several,
}
