import json
from pathlib import Path
from typing import Any

import pytest

from common.errors import ConfigError, SearchError
from tests.benchmarks.equal_cost.runs import found_in, run_once
from tests.benchmarks.equal_cost.sides import Side

JOURNAL = [
    {"event": "node", "node": "a", "examples": 10},
    {"event": "proposed", "trial": "trial-0000", "macs": 100},
    {"event": "round", "trial": "trial-0000", "num_nodes": 1, "nodes": ["a"], "left_out": []},
]
WON, BASE = {"accuracy": 0.9, "accuracy_std": 0.1}, {"accuracy": 0.5}


class Anything(Side):
    """Sources that lie in a folder."""

    def __init__(self, root: Path) -> None:
        super().__init__("anything", "now")
        self._root = root

    @property
    def root(self) -> Path:
        return self._root


def never() -> Path:
    raise AssertionError("a run that has finished needs no data")


def leave(folder: Path, **more: Any) -> None:
    """Write what a run of before 0.2 leaves."""
    folder.mkdir()
    result = {
        "status": "finished",
        "seed": 3,
        "counts": {"trials": 1},
        "seconds": {"search": 4.0},
        "task": {"input_shape": [8], "num_classes": 2, "classes": []},
        "winner": {"test": WON},
        "baseline": {"test": BASE},
        **more,
    }
    (folder / "result.json").write_text(json.dumps(result))
    (folder / "config.yaml").write_text("training:\n  epochs: 2\n")
    (folder / "journal.jsonl").write_text("".join(json.dumps(line) + "\n" for line in JOURNAL))
    note = {"overrides": ["federation.nodes=1", "seed=3"], "sources": "before"}
    folder.with_name(f"{folder.name}.asked.json").write_text(json.dumps(note))


def test_what_a_run_came_to(tmp_path: Path) -> None:
    leave(tmp_path / "run")
    found = found_in(tmp_path / "run", "some")
    assert (found.sources, found.seed, found.trials, found.metric) == ("some", 3, 1, "accuracy")
    assert found.cost == 100 * 2 * 10
    assert found.tests == {"winner": WON, "baseline": BASE}


def test_more_entries_are_read_where_they_are(tmp_path: Path) -> None:
    leave(tmp_path / "run", linear={"test": {"accuracy": 0.6}}, constant=None)
    assert found_in(tmp_path / "run", "").tests["linear"] == {"accuracy": 0.6}
    assert "constant" not in found_in(tmp_path / "run", "").tests


def test_a_run_that_has_finished_is_not_run_again(tmp_path: Path) -> None:
    leave(tmp_path / "run")
    assert run_once(Anything(tmp_path), tmp_path / "run", 3, ["federation.nodes=1"], never) == ("before", False)


def test_a_run_with_other_options_is_not_taken_for_this_one(tmp_path: Path) -> None:
    leave(tmp_path / "run")
    with pytest.raises(ConfigError, match=r"other options.*Choose another --out"):
        run_once(Anything(tmp_path), tmp_path / "run", 3, ["federation.nodes=2"], never)


def test_what_was_interrupted_begins_anew_and_a_failure_says_why(tmp_path: Path) -> None:
    leave(tmp_path / "run", status="stopped")
    for package in ("common", "client_app", "server_app", "server_app/cli"):
        (tmp_path / package).mkdir()
        (tmp_path / package / "__init__.py").write_text("")
    (tmp_path / "server_app/cli/__main__.py").write_text("import sys; sys.exit('no luck ' + ' '.join(sys.argv[1:]))")
    with pytest.raises(SearchError, match=r"no luck search .*seed=3 run.dir=\S+ dataset.path=\S+/file.npz"):
        run_once(Anything(tmp_path), tmp_path / "run", 3, ["federation.nodes=1"], lambda: tmp_path / "file.npz")
    assert not (tmp_path / "run").exists()
