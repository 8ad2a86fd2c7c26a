"""Hydra's own flags: each alone, each two together."""

from __future__ import annotations

import itertools
import subprocess
import sys
from pathlib import Path

import pytest

from common.config import run_hydra
from common.errors import ConfigError

ROOT = Path(__file__).resolve().parents[2]
FLAGS = [
    *(["--help"], ["--hydra-help"], ["--version"], ["--run"], ["--multirun"], ["--resolve"]),
    *(["--cfg", "job"], ["--cfg", "hydra"], ["--cfg", "all"], ["--package", "search"], ["--package", "nothing"]),
    *(["--info"], ["--info", "all"], ["--info", "config"], ["--info", "defaults"], ["--info", "defaults-tree"]),
    *(["--info", "plugins"], ["--info", "searchpath"], ["--shell-completion"], ["--experimental-rerun", "x.pickle"]),
    *(["--config-dir", "."], ["--config-dir", "/nowhere"], ["--config-path", "."], ["--config-path", "/nowhere"]),
    *(["--config-name", "config"], ["--config-name", "other"], ["--nonsense"], ["--cfg", "nonsense"], ["--cfg"]),
]
TOGETHER = [["--help"], ["--multirun"], ["--resolve"], ["--cfg", "job"], ["--package", "search"], ["--info", "all"]]
"""What Hydra has an order among; what is refused is refused beside anything."""
PRINTS = {"--help", "--hydra-help", "--version", "--cfg", "--info"}


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    """A sweep writes into its working directory."""
    monkeypatch.chdir(tmp_path)


def outcome(argv, capfd):
    """Return how a command line ended, what it printed, and the seeds that were searched with."""
    seeds = []
    try:
        run_hydra(lambda config: seeds.append(config.seed), argv)
        ended = "well"
    except SystemExit as end:
        ended = "well" if end.code in (None, 0) else "usage"
    except ConfigError as error:
        ended = "sentence" if "\n" not in str(error) else "a story"
    return ended, "".join(capfd.readouterr()), seeds


def combinations():
    """Yield each flag beside one override, some beside a sweep, and each two of some kinds of flags together."""
    for flag in FLAGS:
        yield [*flag, "seed=3"]
    for flag in TOGETHER:
        yield [*flag, "seed=1,2"]
    for one, other in itertools.combinations(TOGETHER, 2):
        yield [*one, *other, "seed=1,2" if ["--multirun"] in (one, other) else "seed=3"]


@pytest.mark.parametrize("argv", [*combinations()], ids=" ".join)
def test_flags_alone_and_together_never_end_in_a_traceback(argv, capfd, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    ended, printed, seeds = outcome(argv, capfd)
    assert ended in ("well", "usage", "sentence")
    if "--info" not in argv:  # see below
        assert seeds or printed or ended == "sentence"
    assert not seeds or ended == "well"
    assert not seeds or not PRINTS & set(argv)
    assert {path.name for path in tmp_path.iterdir()} <= ({"runs"} if "--multirun" in argv else set())


@pytest.mark.parametrize(
    "flag", [["--info"], ["--info", "searchpath"], ["--cfg", "job"], ["--hydra-help"]], ids=" ".join
)
def test_what_is_to_be_printed_is(flag):
    """In a process of its own: what Hydra sets up for logging stays until the end of one."""
    command = [sys.executable, "-m", "server_app.cli", "search", "seed=3", *flag]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert len(done.stdout.splitlines()) > 5


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["-m", "seed=1,2", "--cfg", "job"], ["--multirun", "--cfg", "one of"]),
        (["--info", "all", "--cfg", "job"], ["--info", "--cfg"]),
        (["--resolve"], ["--resolve", "--cfg"]),
        (["--package", "search"], ["--package", "--cfg"]),
        (["--shell-completion", "install=bash"], ["--shell-completion"]),
        (["-sc", "query=bash"], ["--shell-completion"]),
        (["--experimental-rerun", "job.pickle"], ["--experimental-rerun", "config.yaml"]),
        (["--config-dir", "/nowhere"], ["/nowhere"]),
        (["--config-path", "/nowhere"], ["/nowhere"]),
        (["--config-name", "other"], ["other"]),
    ],
)
def test_what_makes_no_sense_is_one_sentence(argv, words):
    with pytest.raises(ConfigError) as error:
        run_hydra(lambda _: pytest.fail("a search began"), argv)
    assert all(word in str(error.value) for word in words), str(error.value)
    assert "\n" not in str(error.value)


def test_help_is_for_sweeps_too(capfd):
    assert outcome(["-m", "seed=1,2", "--help"], capfd)[:2] == outcome(["--help"], capfd)[:2]
    assert outcome(["seed=1,2", "--hydra-help"], capfd)[0] == "well"


@pytest.mark.parametrize(
    "argv",
    [["seed=1,2", "-m", "final.rounds=3"], ["-m", "seed=1,2", "final.rounds=3"], ["seed=1,2", "final.rounds=3", "-m"]],
)
def test_flags_may_stand_anywhere(argv, capfd):
    assert outcome(argv, capfd)[2] == [1, 2]


def test_a_folder_of_configurations_is_found_from_where_one_is(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine" / "dataset").mkdir(parents=True)
    (tmp_path / "mine" / "dataset" / "mine.yaml").write_text("name: synthetic\n")
    (tmp_path / "mine" / "config.yaml").write_text("defaults: [_self_]\nseed: 5\n")
    names = []
    run_hydra(lambda config: names.append(config.dataset.name), ["--config-dir", "mine", "dataset=mine"])
    assert names == ["synthetic"]
    with pytest.raises(ConfigError, match="space must be a group"):
        run_hydra(lambda _: None, ["--config-path", "mine"])


@pytest.mark.parametrize("text", ["a: [", "a: b: c", "- a", "defaults: 3", "\x00"])
def test_a_file_of_ones_own_that_is_no_configuration_is_one_sentence(tmp_path, text):
    (tmp_path / "space").mkdir()
    (tmp_path / "space" / "mine.yaml").write_text(text)
    with pytest.raises(ConfigError) as error:
        run_hydra(lambda _: None, ["--config-dir", str(tmp_path), "space=mine"])
    assert "\n" not in str(error.value)


def test_a_mistake_of_ours_keeps_its_traceback():
    def mistake(_):
        raise ZeroDivisionError("ours")

    for argv in ([], ["-m", "seed=1,2"]):
        with pytest.raises(ZeroDivisionError) as error:
            run_hydra(mistake, argv)
        assert error.traceback[-1].name == "mistake"
