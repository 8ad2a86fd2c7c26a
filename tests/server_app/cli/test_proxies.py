"""``flwr-nas proxies``: from a command line to tables and files."""

from __future__ import annotations

import pytest

from common.config import compose_config, compose_proxies
from common.errors import ConfigError
from server_app.cli import main


@pytest.fixture
def run(capsys, tmp_path, monkeypatch):
    """Call the command in an empty folder; returns the exit code, the output and the error output."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments):
        code = main(["proxies", *arguments])
        return code, *capsys.readouterr()

    return call


def test_help_has_what_can_be_chosen(run):
    code, out, err = run("--help", "space=mobile")
    assert (code, err) == (0, "")
    assert out.index("flwr-nas proxies count=500") < out.index("space=mobile") < out.index("count=500  ")
    assert "space.max_macs=" in out
    assert "federation.nodes=10" in out
    assert max(map(len, out.splitlines())) <= 120


def test_options_of_a_search_and_its_own_are_told_apart():
    config, own = compose_proxies(["count=7", "space=cell", "seed=3", "dataset=synthetic"])
    assert (own.count, own.top) == (7, 3)
    assert config == compose_config(["space=cell", "seed=3", "dataset=synthetic"])


@pytest.mark.parametrize("override", ["count=0", "top=0", "count=-5"])
def test_numbers_that_make_no_sense(override):
    with pytest.raises(ConfigError, match=f"{override.partition('=')[0]} must be 1 or more"):
        compose_proxies([override])


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["count=many"], "count"),
        (["cuont=5"], "cuont"),
        (["--top=5"], "Nothing but overrides, --quiet, --json and --help may follow proxies"),
        (["space=nowhere"], "space/nowhere"),
        (["federation.nodes=null"], "federation.nodes"),
        (["space=tabular"], "space"),
    ],
)
def test_what_is_wrong_is_said_in_one_line_before_anything_is_made(run, tmp_path, arguments, said):
    code, out, err = run(*arguments)
    assert code == 1
    assert err.startswith("flwr-nas: ")
    assert said in err
    assert "Traceback" not in out + err
    assert not list(tmp_path.glob("runs/*/proxies.json"))
