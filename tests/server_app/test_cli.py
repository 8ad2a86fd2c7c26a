import re
import sys

import pytest

from common import __version__
from server_app.cli import main


def run(capsys, *arguments):
    """Return the exit code, the output and the error output of the command."""
    try:
        code = main(arguments)
    except SystemExit as end:
        code = end.code
    out, err = capsys.readouterr()
    return code or 0, out, err


def test_help_names_the_commands(capsys):
    code, out, _ = run(capsys, "--help")
    assert code == 0
    assert "search" in out
    assert "flwr-nas search --resume runs/NAME" in out


def test_version(capsys):
    assert run(capsys, "--version") == (0, f"flwr-nas {__version__}\n", "")


@pytest.mark.parametrize("arguments", [(), ("serch",), ("--serch",)])
def test_an_unknown_command_is_named_and_ends_with_2(capsys, arguments):
    code, out, err = run(capsys, *arguments)
    assert code == 2
    assert out == ""
    assert "usage: flwr-nas" in err
    assert all(argument in err for argument in arguments if argument.isalpha())


def test_help_of_search_has_all_axes(capsys):
    code, out, _ = run(capsys, "search", "--help")
    assert code == 0
    assert "flwr-nas search --resume RUN_DIR" in out
    axes = ("space", "controller", "fidelity", "weights", "objective", "placement", "aggregation", "federation")
    assert [axis for axis in axes if not re.search(rf"^  {axis}=\w", out, re.MULTILINE)] == []


def test_cfg_job_prints_the_configuration_and_starts_nothing(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, out, err = run(capsys, "search", "--cfg", "job", "seed=7")
    assert (code, err) == (0, "")
    assert out.startswith("seed: 7\n")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("override", "named"),
    [
        ("controller=nonsense", "controller/nonsense"),
        ("serch.trials=3", "serch"),
        ("search.trials=0", "search.trials"),
        ("seed=abc", "'abc'"),
        ("+controller.wings=2", "wings"),
        ("nonsense", "'nonsense'"),
        ("seed=[", "seed=["),
        ("federation.nodes=null", "federation.nodes"),
        ("run.dir=/proc/nothing", "/proc/nothing"),
    ],
)
@pytest.mark.parametrize("sweep", [(), ("-m",)])
def test_a_wrong_option_gives_one_line_that_names_it(capsys, tmp_path, monkeypatch, override, named, sweep):
    monkeypatch.chdir(tmp_path)
    code, out, err = run(capsys, "search", *sweep, override)
    assert (code, out) == (1, "")
    assert err.startswith("flwr-nas: ")
    assert named in err
    assert err.count("\n") == 1
    assert [path for path in tmp_path.glob("runs/*") if path.is_dir()] == []


def test_the_command_leaves_the_arguments_of_the_process_alone(capsys):
    before = list(sys.argv)
    run(capsys, "search", "seed=abc")
    assert sys.argv == before
