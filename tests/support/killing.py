"""Searches on the simulation engine that are killed with SIGKILL at a given moment, and go on."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from subprocess import Popen
from typing import Any, Literal

import psutil

from tests.support.project import client_that, copy_project

Victim = Literal["command", "superlink", "simulation", "all"]
VICTIMS: tuple[Victim, ...] = ("all", "command", "superlink", "simulation")
"""The ServerApp is a thread of the simulation process."""

COUNTING = """
order = message.content["order"]
jobs = [job for job, kind in zip(order["job"], order["kind"]) if kind in ("train", "bilevel")]
with open({folder!r} + "/" + str(context.node_config["partition-id"]), "a") as file:
    file.write("".join(job + "\\n" for job in jobs))
"""
"""What a node does before its work: it writes down what it trains."""

SETTINGS = (
    "controller=evolution",
    "controller.population_size=4",
    "controller.sample_size=2",
    "fidelity=successive_halving",
    "fidelity.max_rounds=4",
    "fidelity.min_steps=0",
    "fidelity.eta=2",
    "fidelity.bracket_size=4",
    "placement=split",
    "aggregation=fedadam",
    "search.trials=8",
    "search.concurrency=2",
    "final.rounds=4",
    "final.finalists=2",
    "final.seeds=2",
    "federation.nodes=4",
    "space.max_layers=2",
    "space.width=[8,16]",
)
"""Everything that has state of its own: a population, brackets, cohorts, moments."""


@dataclass(frozen=True)
class Moment:
    """When a run is killed, and what of it.

    Parameters
    ----------
    line : int
        Lines of the journal that are there by then.
    pause : float
        Seconds after that line.
    writing : bool
        Wait for a file that is half written, too.
    victim : {"command", "superlink", "simulation", "all"}
        Who gets the signal.
    """

    line: int
    pause: float = 0.0
    writing: bool = False
    victim: Victim = "all"


class Killable:
    """One run in a folder of its own, with nodes that write down what they train.

    Parameters
    ----------
    folder : Path
        Made here; the run folder is ``folder / "run"``.
    overrides : str
        Further settings.
    settings : sequence of str
        In place of `SETTINGS`.
    """

    def __init__(self, folder: Path, *overrides: str, settings: Sequence[str] = SETTINGS) -> None:
        self.folder, self.run = folder, folder / "run"
        self.counts = folder / "counts"
        self.counts.mkdir(parents=True)
        self._project = copy_project(folder / "project", client_that(COUNTING.format(folder=str(self.counts))))
        self._overrides = (*settings, *overrides)

    def start(self) -> Popen[str]:
        """Start the search."""
        return self._call(*self._overrides, f"run.dir={self.run}")

    def resume(self) -> Popen[str]:
        """Start the command that goes on with it."""
        return self._call("--resume", str(self.run))

    def finish(self, process: Popen[str], timeout: float = 300.0) -> str:
        """Wait for a command that must succeed; return its output."""
        output, _ = process.communicate(timeout=timeout)
        assert process.returncode == 0, output[-3000:]
        return output

    def kill_at(self, process: Popen[str], moment: Moment, timeout: float = 180.0) -> list[dict[str, Any]]:
        """Kill at a moment; return the events that were there, the last perhaps not whole."""
        until = time.monotonic() + timeout
        while len(self.lines()) < moment.line:
            assert process.poll() is None, process.communicate()[0][-3000:]
            assert time.monotonic() < until, f"no line {moment.line} within {timeout} s"
            time.sleep(0.005)
        time.sleep(moment.pause)
        while moment.writing and not self._half_written() and process.poll() is None and time.monotonic() < until:
            time.sleep(0.0002)
        for pid in self._victims(process, moment.victim):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        process.communicate(timeout=60)
        return self.lines()

    def lines(self) -> list[dict[str, Any]]:
        """Return the whole lines of the journal."""
        with suppress(OSError):
            text = (self.run / "journal.jsonl").read_bytes()
            return [json.loads(line) for line in text[: text.rfind(b"\n") + 1].splitlines()]
        return []

    def trained(self) -> Counter[tuple[str, str]]:
        """Return how often each node trained each job."""
        return Counter(
            (path.name, job) for path in sorted(self.counts.iterdir()) for job in path.read_text().splitlines()
        )

    def found(self) -> tuple[Any, bytes]:
        """Return the history and the weights that the run left."""
        history = json.loads((self.run / "history.json").read_text())
        return history, (self.run / "best" / "model.safetensors").read_bytes()

    def _half_written(self) -> bool:
        return any(self.run.glob("*.part")) or any(self.run.glob("weights/*.part"))

    def _victims(self, process: Popen[str], victim: Victim) -> list[int]:
        children = psutil.Process(process.pid).children() if process.poll() is None else []
        roles = {"command": process.pid}
        for child in children:
            with suppress(psutil.Error):
                words = child.cmdline()
                roles |= {role: child.pid for role in ("superlink", "simulation") if role in words}
        return list(roles.values()) if victim == "all" else [roles[victim]]

    def _call(self, *arguments: str) -> Popen[str]:
        command = [sys.executable, "-m", "server_app.cli", "search", *arguments]
        env = {**os.environ, "PYTHONPATH": str(self._project), "PYTHONSAFEPATH": "1"}
        return Popen(command, cwd=self.folder, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def story(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the events of a journal but for what says who is there, where and when it was, and that it went on."""
    told = [line for line in lines if line["event"] not in ("start", "node", "resuming", "resumed")]
    return [{key: value for key, value in line.items() if key not in ("n", "time")} for line in told]


def ended(lines: list[dict[str, Any]]) -> set[str]:
    """Return the trials that had ended."""
    return {line["trial"] for line in lines if line["event"] in ("finished", "stopped", "failed")}


def check(run: Killable, whole: Killable, before: list[dict[str, Any]]) -> None:
    """Raise `AssertionError` unless a run that was killed ended as the one that was not.

    Parameters
    ----------
    run, whole : Killable
        The two.
    before : list of dict
        The journal as it was when the run was killed.
    """
    lines = run.lines()
    assert [line["n"] for line in lines] == list(range(len(lines))), "the journal has a gap or repeats itself"
    for ours, theirs in zip_longest(story(lines), story(whole.lines())):
        assert ours == theirs, f"another story: {ours}, not {theirs}"
    (history, weights), (expected, others) = run.found(), whole.found()
    assert history == expected, "another history"
    assert weights == others, "other weights"
    saved = next((at for at, line in enumerate(lines) if line["event"] == "resuming"), 0)
    done, again = ended(before[:saved]), run.trained() - whole.trained()
    assert not {job.partition("/")[0] for _, job in again} & done, f"trained again: {again}"
    assert not whole.trained() - run.trained(), "something was not trained"
    left = {path.name for path in run.run.iterdir()} ^ {path.name for path in whole.run.iterdir()}
    assert not left, f"left behind: {left}"
