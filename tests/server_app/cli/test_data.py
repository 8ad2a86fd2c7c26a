"""``flwr-nas data``: what the people see who have the data."""

import io
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from common.errors import ConfigError
from server_app.cli import main
from server_app.cli.data import wanted_of

ROOT = Path(__file__).parents[3]
HEAVY = ("hydra", "omegaconf", "pydantic", "pandas", "sklearn", "scipy", "PIL", "pyarrow", "safetensors")


@pytest.fixture
def table(tmp_path: Path) -> str:
    path = tmp_path / "data.csv"
    path.write_text("a,b,label\n" + "".join(f"{row + 7},{row % 3},{('cat', 'dog')[row % 2]}\n" for row in range(20)))
    return str(path)


def run(capsys, *arguments: str) -> tuple[int, str, str]:
    code = main(["data", *arguments])
    return code, *capsys.readouterr()


def test_data_that_fit_are_described(capsys, table):
    code, out, err = run(capsys, "check", table)
    low, high = (np.std([cell(row) for row in range(20)]) for cell in (lambda row: row % 3, lambda row: row))
    assert (code, err) == (0, "")
    assert max(map(len, out.splitlines()[1:])) <= 80
    assert [line.rstrip() for line in out.splitlines()] == [
        table,
        "  20 examples of 2 numbers each",
        "  2 classes, with names",
        "",
        "  class  examples",
        "  cat          10  ██████████████████████████████",
        "  dog          10  ██████████████████████████████",
        "  These counts stay on this machine. A search with objective=primary, the",
        "  default, is told those of training, rounded down (by default to tens).",
        "",
        "  people      not said ('client' would say it)",
        "  balance     10 to 10 examples a class; such data are ranked by accuracy",
        "  test part   none given",
        "  a search    trains on 13, validates on 3 and at its end tests on 4 examples",
        f"  scales      deviations {low:.3g} to {high:.3g}; a search brings each column to 1",
        "  memory      about 0.5 kB while a search runs",
        "",
        "It fits.",
    ]


def test_data_that_do_not_fit_end_with_1(capsys, table):
    code, out, err = run(capsys, "check", table, "--classes", "cat,eel")
    assert (code, err) == (1, "")
    lines = out.splitlines()
    assert "  Note: no examples of eel. That is fine if other nodes have them." in lines
    assert lines[-2].startswith("It does not fit: the search has the classes cat, eel, in just these words. Rename")
    assert lines[-1] == "  Found: here are also dog."


def test_images_are_called_images(capsys, tmp_path):
    for name, mode in (("cat", "RGB"), ("dog", "RGB")):
        for number in range(5):
            path = tmp_path / name / f"{number}.png"
            path.parent.mkdir(exist_ok=True)
            Image.new(mode, (6, 4), number).save(path)
    code, out, _ = run(capsys, "check", str(tmp_path), "--shape", "3,4,6", "--classes", "2")
    assert code == 0
    assert "  10 colour images of 6 x 4 pixels" in out.splitlines()
    assert "  Note: 5 examples are copies of others." in out


def test_what_was_done_in_reading_is_told_and_what_the_node_must_say(capsys, tmp_path):
    for name, side in (("cat/a", 4), ("cat/b", 6), ("dog/a", 4), ("dog/b", 4)):
        path = tmp_path / f"{name}.png"
        path.parent.mkdir(exist_ok=True)
        Image.new("L", (side, 4), side).save(path)
    (tmp_path / "dog/c.png").write_text("no image")
    assert run(capsys, "check", str(tmp_path))[0] == 1
    code, out, _ = run(capsys, "check", str(tmp_path), "--skip-bad", "--size", "4x4", "--fit", "crop")
    assert code == 0
    lines = out.splitlines()
    assert "  Note: 1 file cannot be read, and is left out: dog/c.png." in lines
    assert "  Note: 1 image is of another size, and brought to that which was asked for." in lines
    assert (
        '  Note: the node must say how its data are read: size="4x4" fit="crop" skip_bad=true in its node config'
        in lines
    )


def test_recordings_are_cut_and_the_node_is_told_how(capsys, tmp_path):
    for number in range(8):
        path = tmp_path / ("run", "walk")[number % 2] / f"{number}.csv"
        path.parent.mkdir(exist_ok=True)
        path.write_text("\n".join(f"{number * 100 + step}" for step in range(16)))
    code, out, _ = run(
        capsys, "check", str(tmp_path), "--window", "0.8", "--hop", "0.4", "--unit", "seconds", "--rate", "5"
    )
    assert code == 0
    lines = out.splitlines()
    assert "  56 sequences of 4 time steps in 1 channel" in lines  # of 16 steps, 7 windows with a hop of 2
    # of four recordings in each class one is tested on and one validated on
    assert any(line.endswith("trains on 28, validates on 14 and at its end tests on 14 examples") for line in lines)
    said = 'window=0.8 hop=0.4 unit="seconds" rate=5'
    assert f"  Note: the node must say how its data are read: {said} in its node config" in lines
    assert not any("overlap" in line and "split=block" in line for line in lines)


def test_a_test_part_is_counted_apart(capsys, tmp_path):
    np.savez(tmp_path / "a.npz", x=np.ones((20, 3, 8, 9), np.uint8), y=np.arange(20) % 2, split=np.arange(20) % 5 == 0)
    _, out, _ = run(capsys, "check", str(tmp_path / "a.npz"))
    lines = [line.rstrip() for line in out.splitlines()]
    assert "  class  training      test" in lines
    assert "  test part   4 examples" in lines
    assert "  Note: 4 test examples are trained on too." in out


def test_notes_tell_what_is_odd(capsys, tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("a,b,kind\n" + "".join(f"7,{row},3\n" for row in range(9)))
    code, out, _ = run(capsys, "check", str(path), "--label", "kind")
    assert code == 0
    assert "The column 'b' counts the rows, from the first to the last. Is that a feature?" in out
    assert "all training examples are of one class." in out
    assert "1 of 2 columns never changes: a." in out
    assert 'label="kind" in its node config' in out


def test_a_hundred_classes_do_not_fill_the_screen(capsys, tmp_path):
    np.savez(tmp_path / "a.npz", x=np.random.default_rng(0).random((500, 2)), y=np.arange(500) % 100)
    _, out, _ = run(capsys, "check", str(tmp_path / "a.npz"))
    assert "  ... and 60 more" in [line.rstrip() for line in out.splitlines()]
    assert len(out.splitlines()) < 60


class Screen(io.TextIOWrapper):
    """An output that is a terminal, or not."""

    def __init__(self, encoding: str, tty: bool) -> None:
        super().__init__(io.BytesIO(), encoding)
        self.tty = tty

    def isatty(self) -> bool:
        return self.tty

    @property
    def text(self) -> str:
        self.flush()
        return self.buffer.getvalue().decode(self.encoding)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("tty", "no_color", "term", "colour"),
    [(True, "", "xterm", True), (True, "1", "xterm", False), (True, "", "dumb", False), (False, "", "xterm", False)],
)
def test_colour_is_for_terminals_that_want_it(monkeypatch, table, tty, no_color, term, colour):
    screen = Screen("utf-8", tty)
    monkeypatch.setenv("NO_COLOR", no_color)
    monkeypatch.setenv("TERM", term)
    monkeypatch.setattr(sys, "stdout", screen)
    assert main(["data", "check", table]) == 0
    assert ("\x1b[36m" in screen.text) is colour  # the cyan of the bars
    assert "█" in screen.text


def test_a_terminal_without_blocks_gets_hashes(monkeypatch, table):
    screen = Screen("ascii", False)
    monkeypatch.setattr(sys, "stdout", screen)
    assert main(["data", "check", table]) == 0
    assert "##########" in screen.text


def test_split_writes_a_file_for_each_node_and_says_who_has_what(capsys, table, tmp_path):
    out = tmp_path / "nodes"
    code, said, err = run(capsys, "split", table, "--nodes", "2", "--out", str(out))
    assert (code, err) == (0, "")
    assert said.splitlines()[0] == "node    examples  cat  dog"
    rows = [line.split() for line in said.splitlines()[1:3]]
    assert [row[:2] for row in rows] == [["node-1", "10"], ["node-2", "10"]]
    assert [sum(int(row[column]) for row in rows) for column in (2, 3)] == [10, 10]
    assert sorted(str(path.relative_to(out)) for path in out.glob("*/*")) == ["node-1/data.npz", "node-2/data.npz"]
    assert run(capsys, "check", str(out / "node-1" / "data.npz"), "--classes", "cat,dog")[0] == 0
    code, _, err = run(capsys, "split", table, "--nodes", "2", "--out", str(out))
    assert code == 1
    assert "overwrite with --force" in err
    assert run(capsys, "split", table, "--nodes", "2", "--out", str(out), "--force")[0] == 0


def test_split_counts_classes_where_they_are_many_and_shows_a_test_part(capsys, tmp_path):
    y = np.arange(100) % 20
    np.savez(tmp_path / "a.npz", x=np.zeros((100, 2), np.float32), y=y, split=np.arange(100) < 20)
    code, said, _ = run(capsys, "split", str(tmp_path / "a.npz"), "--nodes", "1", "--out", str(tmp_path / "out"))
    assert code == 0
    assert said.splitlines()[:2] == ["node    examples  test   classes", "node-1       100    20  20 of 20"]


def test_split_says_where_a_file_is_wrong(capsys, tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("a,label\noops,1\n")
    code, out, err = run(capsys, "split", str(path), "--nodes", "1", "--out", str(tmp_path / "out"))
    assert (code, out) == (1, "")
    assert "(row 2, column 'a': 'oops')" in err


def test_the_digits_are_a_source(capsys, tmp_path):
    arguments = ("--nodes", "3", "--out", str(tmp_path), "--partition", "dirichlet", "--alpha", "1", "--seed", "2")
    code, said, _ = run(capsys, "split", "digits", *arguments)
    assert code == 0
    assert sum(int(line.split()[1]) for line in said.splitlines()[1:4]) == 1797


@pytest.mark.parametrize(
    ("classes", "shape", "expected"),
    [
        (None, None, (None, (), ())),
        ("10", "1,28,28", (10, (), (1, 28, 28))),
        ("cat, dog", "64", (None, ("cat", "dog"), (64,))),
        ("0,1", None, (None, ("0", "1"), ())),
    ],
)
def test_what_is_wanted_is_read(classes, shape, expected):
    wanted = wanted_of(classes, shape)
    assert (wanted.num_classes, wanted.classes, wanted.input_shape) == expected


@pytest.mark.parametrize(
    ("classes", "shape", "message"),
    [
        ("1", None, "--classes must be a number from 2, or names, got '1'"),
        ("cat", None, "--classes"),
        ("cat,,dog", None, "--classes"),
        (None, "a,b", "--shape must be one to three whole numbers, got 'a,b'"),
        (None, "1,2,3,4", "--shape"),
        (None, "0", "--shape"),
        (None, "1,", "--shape"),
    ],
)
def test_what_cannot_be_wanted_is_refused(classes, shape, message):
    with pytest.raises(ConfigError, match=message):
        wanted_of(classes, shape)


def test_an_action_is_needed(capsys):
    with pytest.raises(SystemExit) as end:
        main(["data"])
    assert end.value.code == 2


def test_numbers_to_predict_are_checked_and_split_where_that_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    path = tmp_path / "doses.csv"
    path.write_text("a,label\n" + "".join(f"{row},{row / 4}\n" for row in range(40)))
    assert main(["data", "check", str(path)]) == 1
    assert "--task regression in a check" in capsys.readouterr().out
    assert main(["data", "check", str(path), "--task", "regression"]) == 0
    assert 'task="regression" in its node config' in capsys.readouterr().out
    out = tmp_path / "nodes"
    assert main(["data", "split", str(path), "--task", "regression", "--nodes", "2", "--out", str(out)]) == 0
    assert [line.split() for line in capsys.readouterr().out.splitlines() if "node-" in line][:2] == [
        ["node-1", "20"],
        ["node-2", "20"],
    ]
    assert main(["data", "check", str(out / "node-1" / "data.npz"), "--task", "regression"]) == 0


@pytest.mark.parametrize("suffix", ["csv", "npz"])
def test_a_nodes_installation_is_enough(tmp_path: Path, table: str, suffix: str):
    """Reading .npz and .csv imports numpy, rich (which flwr brings) and us, and nothing that only a server has."""
    np.savez(tmp_path / "data.npz", x=np.eye(20, dtype=np.float32), y=np.arange(20) % 2)
    program = (
        f"import sys; sys.modules.update(dict.fromkeys({HEAVY!r}))\n"  # importing one of them would fail
        "from server_app.cli import main\n"
        "code = main(sys.argv[1:])\n"
        "families = {name.partition('.')[0] for name, module in sys.modules.items() if module}\n"
        "print(*families - set(sys.stdlib_module_names))\n"
        "sys.exit(code)"
    )
    command = [sys.executable, "-c", program, "data", "check", str(tmp_path / f"data.{suffix}")]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stderr) == (0, "")
    imported = {name for name in ran.stdout.splitlines()[-1].split() if not name.startswith("_")}
    assert imported - {"cython_runtime"} == {"common", "server_app", "numpy", "rich"}  # the first is of numpy.random


@pytest.fixture
def gapped(tmp_path: Path) -> str:
    path = tmp_path / "gapped.csv"
    cells = (
        (row + 7, "" if row % 5 == 0 else row % 3 + 0.5, "xyz"[row % 3], ("cat", "dog")[row % 2]) for row in range(60)
    )
    path.write_text("a,b,kind,pet\n" + "".join(f"{a},{b},{kind},{pet}\n" for a, b, kind, pet in cells))
    return str(path)


def test_a_table_that_needs_a_schema_is_offered_one(capsys, gapped, tmp_path):
    code, out, err = run(capsys, "check", gapped, "--label", "pet")
    lines = [line.rstrip() for line in out.splitlines()]
    assert (code, err) == (1, "")
    assert "A schema that may suit:" in lines
    assert "  b       number    may be missing" in lines
    assert "  pet     label     cat, dog        add the classes that only other sites have" in lines
    path = str(tmp_path / "schema.yaml")
    code, out, err = run(capsys, "check", gapped, "--label", "pet", "--write-schema", path)
    assert (code, err) == (0, "")
    assert f"Written to {path}. Confirm each line before others get it." in out
    assert "It names values that occur in kind, pet: take out what may not be told." in out
    assert out.splitlines()[-1] == "It fits."
    code, out, _ = run(capsys, "check", gapped, "--schema", path)
    assert code == 0
    assert "  60 examples of 6 numbers each" in out.splitlines()  # a, b and whether it is missing, three kinds
    assert f'Note: the node must say how its data are read: schema="{path}" in its node config' in out


def test_a_schema_that_is_there_is_kept(capsys, gapped, tmp_path):
    path = tmp_path / "schema.yaml"
    path.write_text("mine")
    code, _, err = run(capsys, "check", gapped, "--label", "pet", "--write-schema", str(path))
    assert (code, path.read_text()) == (1, "mine")
    assert "Files that are there already are kept" in err
    code, _, err = run(capsys, "check", gapped, "--schema", str(path), "--write-schema", str(tmp_path / "b.yaml"))
    assert "either there or written" in err


def test_what_differs_from_a_schema_is_said_by_column(capsys, gapped, tmp_path):
    path = tmp_path / "schema.yaml"
    assert run(capsys, "check", gapped, "--label", "pet", "--write-schema", str(path))[0] == 0
    other = tmp_path / "other.yaml"  # a file is read once a process
    other.write_text(path.read_text().replace("[x, y, z]", "[x, z]"))
    code, out, _ = run(capsys, "check", gapped, "--schema", str(other))
    assert code == 1
    assert "column 'kind': 'y' is none of" in out
    assert "A schema that may suit" not in out


def test_no_schema_is_offered_for_what_is_no_table(capsys, tmp_path):
    np.savez(tmp_path / "a.npz", x=np.ones((3, 2)), y=[0, 1, 5.5])
    code, out, _ = run(capsys, "check", str(tmp_path / "a.npz"))
    assert (code, "A schema that may suit" in out) == (1, False)
    code, out, _ = run(capsys, "check", str(tmp_path / "a.npz"), "--write-schema", str(tmp_path / "s.yaml"))
    assert code == 1
    assert "only a table has columns that a schema can declare" in out


def test_numbers_from_any_start_are_said_as_numbers(capsys, tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("a,label\n" + "".join(f"{3 * row},{1 + row % 3}\n" for row in range(30)))
    code, out, _ = run(capsys, "check", str(path), "--classes", "3")
    assert code == 0
    assert "  3 classes, numbered from 1 to 3" in out.splitlines()
    assert "no examples of" not in out  # of a class 0 that nobody has
