import argparse
import io
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from tests.benchmarks.equal_cost.arms import Reached
from tests.benchmarks.equal_cost.command import BUDGET, QUICK, Arms, arguments_of, limits, run_all
from tests.benchmarks.equal_cost.data import EMBEDDED
from tests.benchmarks.equal_cost.runner import MACS, Runner

ONE = Reached("accuracy", 0.5, 7, False, 1.0, 90.0)


def read(*words: str, monkeypatch: pytest.MonkeyPatch) -> argparse.Namespace:
    monkeypatch.setattr("sys.argv", ["suite.py", *words])
    return arguments_of("What it is.", EMBEDDED, "kept.json")


def test_a_quick_run_has_one_seed_and_a_folder_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    assert (read("--quick", monkeypatch=monkeypatch).seeds, read(monkeypatch=monkeypatch).seeds) == ([0], [0, 1, 2])
    folders = [read(*words, monkeypatch=monkeypatch).out for words in (["--quick"], [])]
    assert folders == [Path("runs/suite-quick"), Path("runs/suite")]
    assert read("--quick", "--seeds", "3", "4", monkeypatch=monkeypatch).seeds == [3, 4]


def test_the_arms_run_with_each_seed_on_each_chosen_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, int]] = []

    def arms(runner: Runner, name: str, seed: int) -> Arms:
        assert isinstance(runner, Runner)
        asked.append((name, seed))
        return {"search": ONE}

    words = ["--data", "my/set.npz", "federation.nodes=3", "--only", "wine", "set", "--seeds", "5", "6"]
    arguments = read(*words, "--out", str(tmp_path), monkeypatch=monkeypatch)
    found = run_all(arguments, EMBEDDED, arms, Console(file=io.StringIO()), "kept.json")
    assert asked == [("wine", 5), ("wine", 6), ("set", 5), ("set", 6)]
    assert found == {name: [{"search": ONE}] * 2 for name in ("wine", "set")}
    assert json.loads((tmp_path / "kept.json").read_text())["set"]["6"]["search"]["value"] == 0.5

    asked.clear()
    words += ["7", "--known", str(tmp_path / "kept.json")]
    arguments = read(*words, "--out", str(tmp_path / "other"), monkeypatch=monkeypatch)
    again = run_all(arguments, EMBEDDED, arms, Console(file=io.StringIO()), "kept.json")
    assert asked == [("wine", 7), ("set", 7)]
    assert again == {name: [{"search": ONE}] * 3 for name in ("wine", "set")}


@pytest.mark.parametrize("content", ["no JSON", "[]", '{"wine": {"0": {"search": {"value": 1}}}}', None])
def test_what_is_known_must_be_a_summary(content: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if content is not None:
        (tmp_path / "kept.json").write_text(content)
    arguments = read("--known", str(tmp_path / "kept.json"), "--out", str(tmp_path / "runs"), monkeypatch=monkeypatch)
    with pytest.raises(SystemExit, match="--known must name summaries"):
        run_all(arguments, EMBEDDED, lambda *_: {}, Console(file=io.StringIO()), "kept.json")


def test_a_run_has_the_overrides_of_its_data_of_all_arms_and_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran: list[tuple[Path, int, list[str]]] = []

    def run_once(side: object, folder: Path, seed: int, overrides: list[str], data: object) -> tuple[str, bool]:
        ran.append((folder, seed, overrides))
        return "before", False

    monkeypatch.setattr("tests.benchmarks.equal_cost.runner.run_once", run_once)
    monkeypatch.setattr("tests.benchmarks.equal_cost.runner.reached", lambda _: ONE)
    told = io.StringIO()
    runner = Runner(EMBEDDED, {}, QUICK, (), tmp_path, tmp_path, Console(file=told, width=150))
    assert runner.run("digits", "cell", 2, ["space=cell"]) == ONE
    overrides = [*EMBEDDED["digits"].federation, f"space.max_macs={MACS}", *QUICK, "space=cell"]
    assert ran == [(tmp_path / "digits" / "cell" / "seed-2", 2, overrides)]
    assert "digits, cell, seed 2: accuracy 0.5000, 7 MACs, 0.00 G (ran before)" in told.getvalue()
    assert "sources that have changed" in told.getvalue()


def test_the_arm_that_says_what_others_may_cost_keeps_limits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[list[str]] = []

    def run_once(side: object, folder: Path, seed: int, overrides: list[str], data: object) -> tuple[str, bool]:
        ran.append(overrides)
        return "before", False

    monkeypatch.setattr("tests.benchmarks.equal_cost.runner.run_once", run_once)
    monkeypatch.setattr("tests.benchmarks.equal_cost.runner.reached", lambda _: ONE)
    runner = Runner(EMBEDDED, {}, (), limits(400), tmp_path, tmp_path, Console(file=io.StringIO()))
    runner.first("digits", "search", 0, ["space=cell"])
    runner.run("digits", "other", 0)
    shared = [*EMBEDDED["digits"].federation, f"space.max_macs={MACS}"]
    assert ran == [[*shared, "search.budget.mac_examples=400000000000", "space=cell"], shared]


def test_what_a_run_may_cost_is_told_in_billions(monkeypatch: pytest.MonkeyPatch) -> None:
    assert read(monkeypatch=monkeypatch).budget == BUDGET
    assert limits(read("--budget", "0", monkeypatch=monkeypatch).budget) == []


def test_before_an_arm_runs_it_is_said_how_long_that_may_take(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seconds = iter([60.0, 120.0, 30.0])

    def run_once(side: object, folder: Path, seed: int, overrides: object, data: Callable[[], object]) -> object:
        data()
        return "now", True

    monkeypatch.setattr("tests.benchmarks.equal_cost.runner.run_once", run_once)
    monkeypatch.setattr("tests.benchmarks.equal_cost.runner.reached", lambda _: replace(ONE, seconds=next(seconds)))
    told = io.StringIO()
    runner = Runner(EMBEDDED, {}, QUICK, (), tmp_path, tmp_path, Console(file=told, width=150))
    for arm, seed in (("search", 0), ("cell", 0), ("cell", 1)):
        runner.run("digits", arm, seed)
    for line in (
        "digits, search, seed 0: nobody knows how long",
        "digits, cell, seed 0: about 1.0 min, as other arms, or longer",
        "digits, cell, seed 1: about 2.0 min, with other seeds",
    ):
        assert f"{line}\n" in told.getvalue()
