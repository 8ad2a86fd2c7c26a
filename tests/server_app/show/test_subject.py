import io
import json
import sys
from types import SimpleNamespace

import pytest

from common.architecture.spec import ArchitectureSpec
from common.errors import ConfigError, SpecError, StorageError
from common.settings import TrainingSettings
from common.tasks import Classification, Task
from server_app.show.subject import read_subject
from tests.server_app.show.conftest import JOINED, SEQUENCE

HEAD = Classification(3)


def write(path, values):
    path.write_text(json.dumps(values))
    return str(path)


def test_a_run_shows_its_winner_with_task_and_recipe(run_folder):
    winner = json.loads((run_folder / "result.json").read_text())["winner"]
    subject = read_subject(str(run_folder), None)
    assert subject.spec.id == winner["id"]
    assert subject.task.input_shape == (4,)
    assert subject.training.batch_size == winner["recipe"]["batch_size"] == 16
    assert subject.title == f"winner of shown ({winner['id']})"
    assert subject.picture == run_folder / "winner.svg"


def test_a_run_shows_any_of_its_trials(run_folder):
    history = json.loads((run_folder / "history.json").read_text())
    for row in history:
        subject = read_subject(str(run_folder), row["number"])
        assert subject.spec.to_dict() == row["spec"]
        assert subject.picture.name == f"trial-{row['number']:04d}.svg"


def test_a_trial_that_is_not_there_is_refused_with_those_that_are(run_folder):
    with pytest.raises(ConfigError, match="from 0 to 2, got 3"):
        read_subject(str(run_folder), 3)


def test_a_run_without_a_winner_says_so(run_folder, tmp_path):
    result = json.loads((run_folder / "result.json").read_text())
    write(tmp_path / "result.json", {**result, "winner": None})
    with pytest.raises(ConfigError, match="has no winner"):
        read_subject(str(tmp_path), None)
    write(tmp_path / "result.json", {"winner": {}})
    with pytest.raises(StorageError, match="those that a run wrote"):
        read_subject(str(tmp_path), None)


def test_a_run_with_half_the_bytes_in_messages_is_shown_so(run_folder, tmp_path):
    assert read_subject(str(run_folder), None).number_bytes == 4
    result = json.loads((run_folder / "result.json").read_text())
    write(tmp_path / "result.json", {**result, "precision": "float16"})
    assert read_subject(str(tmp_path), None).number_bytes == 2


@pytest.mark.parametrize("what", ["best", "best/spec.json"])
def test_a_model_knows_its_task(run_folder, what):
    subject = read_subject(str(run_folder / what), None)
    assert subject.task == read_subject(str(run_folder), None).task
    assert subject.picture == run_folder / "best" / f"{subject.spec.id}.svg"


def test_a_file_holds_a_spec_or_an_entry_with_one(tmp_path):
    alone = read_subject(write(tmp_path / "a.json", JOINED.to_dict()), None)
    assert (alone.spec, alone.task, alone.training) == (JOINED, None, TrainingSettings())
    entry = {"spec": JOINED.to_dict(), "recipe": {"batch_size": 7}, "task": SEQUENCE.to_record(), "score": 0.5}
    whole = read_subject(write(tmp_path / "b.json", entry), None)
    assert (whole.spec, whole.task, whole.training.batch_size) == (JOINED, SEQUENCE, 7)


def test_the_standard_input_is_a_file(monkeypatch):
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(JOINED.to_json().encode())))
    subject = read_subject("-", None)
    assert subject.spec == JOINED
    assert str(subject.picture) == f"{JOINED.id}.svg"


def test_options_take_the_place_of_what_a_file_says_of_its_task(tmp_path):
    alone = read_subject(write(tmp_path / "a.json", JOINED.to_dict()), None)
    assert alone.on((9, 64), HEAD).task == Task((9, 64), HEAD)
    for missing in ((None, None), ((9, 64), None), (None, HEAD)):
        with pytest.raises(ConfigError, match="--input 9x128 --classes 6"):
            alone.on(*missing)
    entry = {"spec": JOINED.to_dict(), "task": SEQUENCE.to_record()}
    whole = read_subject(write(tmp_path / "b.json", entry), None)
    assert whole.on(None, None).task == SEQUENCE
    assert whole.on((9, 64), None).task == Task((9, 64), SEQUENCE.head)
    assert whole.on(None, HEAD).task == Task(SEQUENCE.input_shape, HEAD)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[",
        b"[" * 100_000,
        b"\xff\xfe",
        b"[1]",
        b'{"kind": "nothing"}',
        b'{"spec": 3}',
        b'{"spec": {}, "task": 1}',
    ],
)
def test_what_is_no_spec_is_refused_by_name(tmp_path, content):
    path = tmp_path / "odd.json"
    path.write_bytes(content)
    with pytest.raises(SpecError, match=r"odd\.json"):
        read_subject(str(path), None)


def test_a_recipe_that_is_none_is_refused(tmp_path):
    entry = {"spec": ArchitectureSpec.from_dict(JOINED.to_dict()).to_dict(), "recipe": {"wings": 2}}
    with pytest.raises(SpecError, match="wings"):
        read_subject(write(tmp_path / "odd.json", entry), None)


def test_a_place_without_anything_is_refused(tmp_path):
    with pytest.raises(StorageError, match=r"result\.json once the run has ended"):
        read_subject(str(tmp_path), None)
    with pytest.raises(StorageError, match="must be there"):
        read_subject(str(tmp_path / "nothing"), None)
    with pytest.raises(ConfigError, match="--trial"):
        read_subject(write(tmp_path / "a.json", JOINED.to_dict()), 0)
