import re

from common.architecture.latency import Coefficients, Profile, Table
from server_app.cli import main
from server_app.cli.profile import lines


def test_a_machine_is_measured_and_its_profile_is_written(capsys, tmp_path):
    path = tmp_path / "new" / "attic.json"
    assert main(["profile", "--out", str(path), "--threads", "1"]) == 0
    found = Profile.from_json(path.read_text())
    out = capsys.readouterr().out
    assert list(found.tables) == [1]
    assert out.splitlines()[-1] == f"written to {path}"
    assert re.search(r"^convolution_2d( +[\d.]+){6}$", out, re.MULTILINE)
    assert re.search(r"^optimizer( +-){3}( +[\d.]+){3}$", out, re.MULTILINE)


def test_the_table_has_units():
    told = Profile("cpu", "2.13.0", {2: Table({"relu": Coefficients(7e-6, 0.0, 2e-11)}, {})})
    assert list(lines(told)) == [
        "cpu, torch 2.13.0, 2 threads",
        " " * 20 + "scoring".rjust(30) + "training".rjust(30),
        " " * 20 + ("us/call".rjust(10) + "ns/MAC".rjust(10) + "ns/byte".rjust(10)) * 2,
        "relu".ljust(20) + "7.0".rjust(10) + "0.000".rjust(10) + "0.020".rjust(10) + "-".rjust(10) * 3,
        "",
    ]


def test_threads_are_counted_from_one(capsys):
    assert main(["profile", "--threads", "0"]) == 1
    assert "--threads must be 1 or more, got 0" in capsys.readouterr().err
