"""What is to be shown: an architecture for a task, from a file, a run folder or the standard input."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from common.architecture.spec import ArchitectureSpec
from common.errors import ConfigError, FlwrNasError, SpecError, StorageError
from common.models.export import SPEC_FILE
from common.precision import number_bytes
from common.settings import TrainingSettings
from common.tasks import Head, Task, task_from_record
from server_app.run_folder import HISTORY, RESULT

STDIN = "-"


@dataclass(frozen=True)
class Subject:
    """An architecture in its place.

    Parameters
    ----------
    title : str
        What it is, in a few words.
    spec : ArchitectureSpec
        The architecture.
    task : Task, optional
        That it is for; None where the file does not say.
    training : TrainingSettings
        With which it was trained; the default settings where the file does not say.
    number_bytes : int
        Of each number in the run's messages; 4 where there is no run.
    picture : Path
        Where its picture goes if nobody says otherwise.
    """

    title: str
    spec: ArchitectureSpec
    task: Task | None
    training: TrainingSettings
    number_bytes: int
    picture: Path

    def on(self, shape: tuple[int, ...] | None, head: Head | None) -> Subject:
        """Return it for another input or head, where these are given; that it fits them is for `lower` to say.

        Raises
        ------
        ConfigError
            Nobody says what it is for.
        """
        if shape is None and head is None and self.task is not None:
            return self
        shape = shape or (self.task.input_shape if self.task else None)
        head = head or (self.task.head if self.task else None)
        if shape is None or head is None:
            raise ConfigError(
                "A spec is shown for a task, and this file names none",
                fix="Add the shape of an example and the number of classes, such as --input 9x128 --classes 6",
            )
        return replace(self, task=Task(shape, head))


def read_subject(what: str, trial: int | None) -> Subject:
    """Read what the command line names.

    Parameters
    ----------
    what : str
        A run folder, a file, or ``-`` for the standard input. A file holds a spec, or an object with a ``spec``, and
        perhaps its ``task`` and its ``recipe``: as spec.json of a model, or an entry of history.json.
    trial : int, optional
        Of a run, this one of its history; None is its winner.

    Raises
    ------
    StorageError
        There is no such thing.
    SpecError
        What is there holds no spec.
    ConfigError
        A trial is asked for that does not exist.
    """
    path = Path(what)
    if what != STDIN and path.is_dir() and (path / RESULT).exists():
        return _of_run(path, trial)
    if trial is not None:
        raise ConfigError("--trial names a trial of a run", what, fix="Name the folder of a run that has ended")
    if what == STDIN:
        return _of_file("standard input", _text(sys.stdin.buffer.read(), what), Path())
    if path.is_dir():
        if not (path / SPEC_FILE).exists():
            raise StorageError(
                f"A run folder has a {RESULT} once the run has ended, and that of a model a {SPEC_FILE}",
                what,
                fix="Wait until the run has ended, or name a file with a spec",
            )
        path /= SPEC_FILE
    return _of_file(str(path), _text(_bytes(path), path), path.parent)


def _of_file(name: str, text: str, folder: Path) -> Subject:
    values = _json(text, name)
    whole = isinstance(values, dict) and "spec" in values
    try:
        spec = ArchitectureSpec.from_dict(values["spec"]) if whole else ArchitectureSpec.from_json(text)
        task = task_from_record(values["task"]) if whole and "task" in values else None
        training = TrainingSettings.from_json(values.get("recipe", {})) if whole else TrainingSettings()
    except FlwrNasError as error:
        raise SpecError(f"{name}: {error.rule}", fix=error.fix) from None
    return Subject(f"architecture {spec.id}", spec, task, training, 4, folder / f"{spec.id}.svg")


def _of_run(folder: Path, trial: int | None) -> Subject:
    result = _json(_text(_bytes(folder / RESULT), folder / RESULT), folder / RESULT)
    try:
        task, name = task_from_record(result["task"]), str(result["name"])
        sent = number_bytes(result.get("precision", "float32"))
        if trial is None:
            entry, told, file = result["winner"], f"winner of {name}", "winner.svg"
        else:
            entry, told, file = _trial(folder, trial), f"trial {trial} of {name}", f"trial-{trial:04d}.svg"
        if entry is None:
            raise ConfigError("This run has no winner", str(folder), fix="Name one of its trials by --trial N")
        spec = ArchitectureSpec.from_dict(entry["spec"])
        training = TrainingSettings.from_json(entry.get("recipe", {}))
    except (KeyError, TypeError, AttributeError) as error:
        raise _foreign(folder, error) from None
    return Subject(f"{told} ({spec.id})", spec, task, training, sent, folder / file)


def _trial(folder: Path, number: int) -> dict[str, Any]:
    history = _json(_text(_bytes(folder / HISTORY), folder / HISTORY), folder / HISTORY)
    by_number: dict[int, dict[str, Any]] = {row["number"]: row for row in history}
    if number not in by_number:
        known = f"those from {min(by_number)} to {max(by_number)}" if by_number else "none"
        raise ConfigError(f"The trials of this run are {known}", number, fix="Choose one of them for --trial")
    return by_number[number]


def _foreign(folder: Path, error: Exception) -> StorageError:
    return StorageError(
        f"{RESULT} and {HISTORY} must be those that a run wrote ({error!r})", str(folder), fix="Name a run's folder"
    )


def _json(text: str, name: Any) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise SpecError(f"{name} must hold JSON ({error})", fix="Name a spec, a model's spec.json, or a run") from None


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise StorageError(
            f"What is to be shown must be there ({error.strerror})",
            str(path),
            fix="Name a file with a spec, a run's folder, or a space such as space=layered",
        ) from None


def _text(content: bytes, name: Any) -> str:
    try:
        return content.decode()
    except UnicodeDecodeError:
        raise SpecError(f"{name} must hold JSON in UTF-8", fix="Name a spec, a model's spec.json, or a run") from None
