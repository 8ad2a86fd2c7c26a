"""The trials of an earlier run, from its folder."""

from __future__ import annotations

import pytest

from common.errors import StorageError
from server_app.imports.known import Taken
from server_app.imports.run import read_run
from tests.server_app.imports.conftest import TASK, linear, scored


@pytest.mark.parametrize("ended", [True, False], ids=["ended", "killed"])
def test_each_score_of_each_trial_is_read_with_its_table(write_run, ended):
    first = (linear(4), {"learning_rate": 0.01}, [(1, {"accuracy": 0.5, "loss": None}), (3, {"accuracy": 0.75})])
    unscored = (linear(8), {}, [])
    name = write_run("run", [first, unscored], ended=ended)
    source = read_run(name)
    assert (source.name, source.task, source.shares) == (name, TASK, False)
    (known,) = source.known
    assert (known.spec, known.settings) == (linear(4), {"learning_rate": 0.01})
    assert known.scores == (Taken(1, {"accuracy": 0.5}), Taken(3, {"accuracy": 0.75})), "what is no number is left out"


def test_trials_that_failed_members_and_other_stages_are_left_out(write_run):
    trials = [(linear(width), {}, [(1, {"accuracy": 0.5})]) for width in (4, 8)]
    other = {"event": "proposed", "trial": "final-0000", "spec": linear(2).to_dict(), "recipe": {}}
    more = [
        {"event": "failed", "trial": "trial-0001", "reason": "diverged"},
        scored("trial-0000.1", 2, accuracy=0.9),
        other,
        scored("final-0000", 9, accuracy=0.9),
    ]
    (known,) = read_run(write_run("run", trials, more)).known
    assert (known.spec, known.scores) == (linear(4), (Taken(1, {"accuracy": 0.5}),))


def test_that_weights_were_shared_is_told(write_run):
    assert read_run(write_run("run", [(linear(4), {}, [(1, {"accuracy": 0.5})])], weights="supernet")).shares


def test_half_a_line_at_the_end_is_no_line(write_run, tmp_path):
    name = write_run("run", [(linear(4), {}, [(1, {"accuracy": 0.5})])])
    with (tmp_path / "run" / "journal.jsonl").open("a") as file:
        file.write('{"event": "sco')
    assert len(read_run(name).known) == 1


def test_a_folder_that_holds_no_run_is_named(tmp_path):
    with pytest.raises(StorageError, match=r"has its journal\.jsonl, got .*Name the folder of a run"):
        read_run(str(tmp_path))


def test_a_run_that_had_not_come_to_its_trials_is_named(write_run, tmp_path):
    name = write_run("run", [])
    (tmp_path / "run" / "result.json").unlink()
    with pytest.raises(StorageError, match=r"has a result\.json, or as long as it has not ended a state\.json"):
        read_run(name)


def test_a_journal_that_was_cut_is_said_to_be(write_run):
    with pytest.raises(StorageError, match=r"must be whole.*trial-0007"):
        read_run(write_run("run", [], [scored("trial-0007", 1, accuracy=0.5)]))
