"""Each command shows, at the end of its help, a call of it that can be typed."""

import shlex

import pytest

from server_app.cli import main

COMMANDS = [
    *("search", "compare", "benchmark", "proxies", "export", "personalize", "pick", "predict", "profile", "report"),
    *("watch", "show", "data check", "data split", "deployment init", "deployment add-node", "deployment register"),
]


@pytest.mark.parametrize("command", COMMANDS)
def test_a_help_has_an_example(command, capsys):
    try:
        main([*command.split(), "--help"])
    except SystemExit as ended:
        assert ended.code == 0  # noqa: PT017
    printed = " ".join(capsys.readouterr().out.split())
    _, usage, below = printed.partition(f"usage: flwr-nas {command} ")
    assert f"flwr-nas {command} " in (below if usage else printed)


def test_no_command_is_forgotten(capsys):
    with pytest.raises(SystemExit):
        main(["--help"])
    listed = capsys.readouterr().out.partition("commands:")[2].partition("examples:")[0]
    words = {line.split()[0] for line in listed.splitlines() if line.startswith("    ") and line[4:5].strip()}
    assert words - {"COMMAND"} == {shlex.split(command)[0] for command in COMMANDS}
